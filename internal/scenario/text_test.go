package scenario_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

var update = flag.Bool("update", false, "write the golden files in testdata/scenario instead of comparing with them")

// golden compares text with a file, or writes the file.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(testdata, name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run go test -update to write it")
	require.Equal(t, string(want), text, "if this is meant, run go test -update and read the difference")
}

// live draws a run line by line.
func live(e scenario.Evidence, s scenario.Style) string {
	var b strings.Builder
	l := scenario.Live{Style: s}
	for _, ev := range e.Events {
		if line := l.Line(ev); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, name := range []string{
		"ok-drop", "ok-rejoin", "ok-follower", "ok-none", "ok-close-call", "ok-waiter-knows-first", "control-stock-lock", "bad-margin-resolved",
		"ok-program-says", "ok-program-fences", "ok-program-quits", "control-program", "bad-belief-shown",
	} {
		t.Run(name, func(t *testing.T) {
			e := load(t, name)
			s := scenario.Style{}
			golden(t, name+".lanes.txt", live(e, s)+"\n"+scenario.Lanes(e, s))
			golden(t, name+".walkthrough.txt", scenario.WalkthroughText(e, s)+"\n"+scenario.VerdictText(scenario.Judge(e), s))
		})
	}
	e := load(t, "control-stock-lock")
	narrow := scenario.Style{ASCII: true, Width: 72}
	golden(t, "control-stock-lock.ascii.txt", scenario.Lanes(e, narrow)+"\n"+scenario.WalkthroughText(e, narrow))
}

func TestStyle(t *testing.T) {
	for _, name := range named(t, "") {
		if strings.HasSuffix(name, ".txt") {
			continue
		}
		e := load(t, name)
		for _, width := range []int{60, 80, 0, 160} {
			plain := scenario.Style{Width: width}
			limit := width
			if width == 0 {
				limit = 100
			}
			text := scenario.Lanes(e, plain) + scenario.WalkthroughText(e, plain) + scenario.VerdictText(scenario.Judge(e), plain)
			for line := range strings.Lines(text) {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), limit, "%s: %q", name, line)
				require.Equal(t, strings.TrimRight(line, " \n"), strings.TrimSuffix(line, "\n"), "no blanks at the end")
			}
			require.NotContains(t, text, "\x1b")

			coloured := plain
			coloured.Color = true
			require.Equal(t, scenario.Lanes(e, plain), uncoloured(scenario.Lanes(e, coloured)), "nothing is said by colour alone")
			require.Equal(t, live(e, plain), uncoloured(live(e, coloured)))
		}
		ascii := scenario.Lanes(e, scenario.Style{ASCII: true})
		require.Equal(t, len(ascii), utf8.RuneCountInString(ascii), "%s: %s", name, ascii)
	}
	require.Contains(t, scenario.VerdictText(scenario.Judge(load(t, "ok-drop")), scenario.Style{Color: true}), "\x1b[1;32m")
	require.Empty(t, scenario.Lanes(scenario.Evidence{}, scenario.Style{}))
}

// uncoloured removes ANSI colours.
func uncoloured(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, s, _ = strings.Cut(after, "m")
	}
}

// The walk-through says nothing that the events do not back.
func TestWalkthroughNeedsEvidence(t *testing.T) {
	topics := func(e scenario.Evidence) (text string) {
		for _, p := range scenario.Walkthrough(e) {
			text += p.Topic + ": " + p.Text + "\n"
		}
		return text
	}
	e := load(t, "ok-drop")
	for what, sentences := range map[string][]string{
		scenario.Cut:                  {"The cut:", "as cut for 3.001s", "after the heal"},
		scenario.Heal:                 {"as cut for 3.001s", "expired it", "after the heal", "after recovery"},
		scenario.Traffic:              {"412 B"},
		scenario.SessionExpiredLearnt: {"heard of that only"},
		scenario.BeliefEnded:          {"It believed until +1.270s", "before its node was deleted"},
		scenario.NodeSeen:             {"last seen", "before its node was deleted"},
		scenario.NodeGone:             {"gone by", "expired it", "as predicted", "after the node was gone"},
		scenario.Acquired:             {"The lock:", "The holder: ", "above the holder's"},
		scenario.Owner:                {"In the end:", "owns the lock"},
	} {
		rest := e
		rest.Events = nil
		for _, ev := range e.Events {
			if ev.What != what {
				rest.Events = append(rest.Events, ev)
			}
		}
		for _, s := range sentences {
			if what == scenario.Cut && s == "after the heal" {
				continue // the heal itself is still known
			}
			require.Contains(t, topics(e), s)
			require.NotContains(t, topics(rest), s, "without %s", what)
		}
	}
	require.Empty(t, scenario.Walkthrough(scenario.Evidence{}))
}

func TestLive(t *testing.T) {
	ok := true
	l := scenario.Live{}
	line := func(at float64, who, what string, token uint64, outcome *bool) string {
		return l.Line(scenario.Event{AtMs: at, Who: who, What: what, Token: token, OK: outcome})
	}
	require.Contains(t, line(-10, "holder", scenario.Acquired, 6, nil), "belief STARTS")
	require.NotEmpty(t, line(-9, "resource", scenario.Write, 6, &ok))
	require.Empty(t, line(-8, "resource", scenario.Write, 6, &ok), "more of the same")
	require.Empty(t, line(-7, "holder", scenario.WriteSent, 6, nil))
	require.Contains(t, line(0, "harness", scenario.Cut, 0, nil), "CUT")
	require.Contains(t, line(2000, "observer", scenario.NodeGone, 6, nil), "the holder STILL BELIEVES")
	require.Contains(t, line(2001, "waiter", scenario.Acquired, 7, nil), "the holder STILL BELIEVES")
	require.NotEmpty(t, line(2002, "resource", scenario.Write, 7, &ok), "another token")
	require.Contains(t, line(3000, "resource", scenario.Write, 6, &ok), "STALE, below 0x7, and ACCEPTED")
	require.Contains(t, line(3001, "holder", scenario.BeliefEnded, 6, nil), "OVERLAP 1.001s")
	require.Contains(t, line(3002, "somebody", "did-something", 0, nil), "did-something")
}
