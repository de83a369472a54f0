package scenario_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

// testdata is where the evidences are: ok-*.json is safe, bad-CHECK.json and bad-CHECK--WHY.json fail that check and no other,
// control-*.json fail more than one.
const testdata = "../../testdata/scenario"

// load reads one evidence.
func load(t testing.TB, name string) scenario.Evidence {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(testdata, name+".json"))
	require.NoError(t, err)
	var e scenario.Evidence
	require.NoError(t, json.Unmarshal(content, &e), name)
	return e
}

// named lists the evidences whose names begin so.
func named(t testing.TB, prefix string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(testdata, prefix+"*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(p), ".json")
	}
	return paths
}

func failed(r scenario.Result) []string {
	var names []string
	for _, c := range r.Checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestJudgeGood(t *testing.T) {
	for _, name := range named(t, "ok-") {
		t.Run(name, func(t *testing.T) {
			r := scenario.Judge(load(t, name))
			require.Empty(t, failed(r), "%+v", r.Reasons)
			require.Equal(t, scenario.Safe, r.Verdict)
			require.Zero(t, r.Exit)
			require.NotEmpty(t, r.Reasons)
			for _, c := range r.Checks {
				require.NotEmpty(t, c.Name)
				require.NotEmpty(t, c.Want)
				require.NotEmpty(t, c.Got)
				require.NotEmpty(t, c.Kind)
			}
		})
	}
}

func TestJudgeBad(t *testing.T) {
	failing := map[string]bool{}
	for _, name := range named(t, "bad-") {
		t.Run(name, func(t *testing.T) {
			check, _, _ := strings.Cut(strings.TrimPrefix(name, "bad-"), "--")
			r := scenario.Judge(load(t, name))
			require.Equal(t, []string{check}, failed(r), "%+v", r.Checks)
			i := slices.IndexFunc(r.Checks, func(c scenario.Check) bool { return c.Name == check })
			want := map[scenario.CheckKind]scenario.Verdict{
				scenario.OfSafety: scenario.Violated, scenario.OfEvidence: scenario.Inconclusive, scenario.OfLiveness: scenario.Stalled,
			}[r.Checks[i].Kind]
			require.Equal(t, want, r.Verdict)
			require.Equal(t, want.Exit(), r.Exit)
			require.Equal(t, []string{r.Checks[i].Got}, r.Reasons)
			failing[check] = true
		})
	}
	for _, name := range slices.Concat(named(t, "ok-"), named(t, "bad-")) {
		for _, c := range scenario.Judge(load(t, name)).Checks {
			require.True(t, failing[c.Name], "no evidence in %s makes %s fail", testdata, c.Name)
		}
	}
}

func TestJudgeControls(t *testing.T) {
	for _, name := range named(t, "control-") {
		t.Run(name, func(t *testing.T) {
			r := scenario.Judge(load(t, name))
			require.Equal(t, scenario.Violated, r.Verdict)
			require.Equal(t, 1, r.Exit)
			require.Equal(t, []string{scenario.CheckNoOverlap, scenario.CheckOneOwnerAtATime, scenario.CheckNoStaleWriteAccepted}, failed(r))
			require.Negative(t, r.Figures["margin_ms"])
			require.Positive(t, r.Figures["stale_writes_accepted"])
		})
	}
}

// Who believes in pings while his server is cut off has the lock beside its next owner. The tokens keep what he writes out.
func TestJudgePings(t *testing.T) {
	r := scenario.Judge(load(t, "pings-follower"))
	require.Equal(t, scenario.Violated, r.Verdict)
	require.Equal(t, []string{scenario.CheckNoOverlap, scenario.CheckOneOwnerAtATime}, failed(r))
	require.Negative(t, r.Figures["margin_ms"])
	require.Positive(t, r.Figures["stale_writes_attempted"])
	require.Zero(t, r.Figures["stale_writes_accepted"])
}

// A proven violation is not set aside because something else is missing.
func TestJudgeViolatedDespiteMissingEvidence(t *testing.T) {
	e := load(t, "bad-no-stale-write-accepted")
	e.Parameters.SessionRequested = 0
	e.Events = slices.DeleteFunc(e.Events, func(ev scenario.Event) bool {
		return ev.What == scenario.Traffic || ev.What == scenario.NodeSeen || ev.What == scenario.Owner
	})
	r := scenario.Judge(e)
	require.Greater(t, len(failed(r)), 3)
	require.Equal(t, scenario.Violated, r.Verdict)
}

// Inconclusive comes before stalled: a lock that did not move proves nothing if the cut did not work.
func TestJudgeInconclusiveBeforeStalled(t *testing.T) {
	e := load(t, "bad-lock-moved")
	require.Equal(t, scenario.Stalled, scenario.Judge(e).Verdict)
	e.Events = append(e.Events, scenario.Event{AtMs: 5000, Who: scenario.WhoHarness, What: scenario.Interrupted})
	require.Equal(t, scenario.Inconclusive, scenario.Judge(e).Verdict)
}

func TestConclude(t *testing.T) {
	verdict, reasons := scenario.Conclude(nil)
	require.Equal(t, scenario.Inconclusive, verdict)
	require.NotEmpty(t, reasons)
	verdict, reasons = scenario.Conclude([]scenario.Check{{OK: true}})
	require.Equal(t, scenario.Safe, verdict)
	require.Empty(t, reasons)
	verdict, _ = scenario.Conclude([]scenario.Check{{Name: "of no kind"}, {Kind: scenario.OfLiveness}})
	require.Equal(t, scenario.Inconclusive, verdict, "a failed check of no kind is never a pass")
}

// Without any one event that the verdict needs, a run is not safe.
func TestJudgeEveryEventCounts(t *testing.T) {
	for _, name := range named(t, "ok-") {
		t.Run(name, func(t *testing.T) {
			e := load(t, name)
			for i, ev := range e.Events {
				rest := e
				rest.Events = slices.Delete(slices.Clone(e.Events), i, i+1)
				r := scenario.Judge(rest)
				optional := scenario.Optional(ev.What) && e.Parameters.Kind != scenario.KindNone ||
					ev.What == scenario.Note || ev.What == scenario.State
				if optional || redundant(e, i) {
					continue
				}
				require.NotEqual(t, scenario.Safe, r.Verdict, "without event %d: %+v", i, ev)
			}
		})
	}
}

// redundant reports whether what an event says follows from others that stay: the mark that a seal or an accepted write leaves, and what
// happens once the verdict is reached.
func redundant(e scenario.Evidence, i int) bool {
	ev := e.Events[i]
	switch {
	case ev.Who == scenario.WhoResource && (ev.What == scenario.Sealed || ev.OK != nil && *ev.OK):
		for j, other := range e.Events {
			if j != i && other.Who == ev.Who && other.Token == ev.Token && (other.What == scenario.Sealed || other.OK != nil && *other.OK) {
				return true
			}
		}
	case ev.What == scenario.StillBelieving:
		return true // the release that follows says so too
	case e.Parameters.Kind == scenario.KindNone:
		// Taking the run down comes after what is judged.
		return ev.AtMs > scenario.Ms(e.Parameters.For.Duration()) && ev.What != scenario.Owner
	}
	return false
}

// Whatever is missing, judging and drawing never panics, figures come from events, and a run that is safe shows no failed check.
func TestJudgeAnySubset(t *testing.T) {
	for _, name := range slices.Concat(named(t, "ok-"), named(t, "control-")) {
		t.Run(name, func(t *testing.T) {
			full := load(t, name)
			random := rand.New(rand.NewPCG(1, uint64(len(full.Events))))
			for i := range 100 {
				e := full
				e.Events = nil
				keep := random.Float64()
				for _, ev := range full.Events {
					if random.Float64() < keep {
						e.Events = append(e.Events, ev)
					}
				}
				random.Shuffle(len(e.Events), func(i, j int) { e.Events[i], e.Events[j] = e.Events[j], e.Events[i] })
				checkAny(t, e)
				if i%20 == 0 {
					checkPage(t, e)
				}
			}
		})
	}
}

// checkAny holds for every evidence, however odd.
func checkAny(t testing.TB, e scenario.Evidence) {
	t.Helper()
	r := scenario.Judge(e)
	if r.Verdict == scenario.Safe {
		require.Empty(t, failed(r))
	} else {
		require.NotEmpty(t, failed(r))
		require.NotEmpty(t, r.Reasons)
	}
	require.Equal(t, r, scenario.Judge(e), "the same evidence gives the same result")
	_, err := json.Marshal(scenario.NewReport(e, r))
	require.NoError(t, err)
	scenario.Lanes(e, scenario.Style{})
	scenario.WalkthroughText(e, scenario.Style{})
	scenario.VerdictText(r, scenario.Style{})
	live := scenario.Live{}
	for _, ev := range e.Events {
		live.Line(ev)
	}
}

// checkPage holds for every evidence too, and is slow.
func checkPage(t testing.TB, e scenario.Evidence) {
	t.Helper()
	if e.Scenario == scenario.PartitionScenario {
		var b strings.Builder
		require.NoError(t, scenario.WriteHTML(&b, scenario.NewReport(e, scenario.Judge(e))))
	}
}

func FuzzJudge(f *testing.F) {
	for _, name := range slices.Concat(named(f, "ok-"), named(f, "bad-"), named(f, "control-")) {
		content, err := os.ReadFile(filepath.Join(testdata, name+".json"))
		require.NoError(f, err)
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var e scenario.Evidence
		if json.Unmarshal(content, &e) == nil {
			checkAny(t, e)
			checkPage(t, e)
		}
	})
}

// needs lists for each figure the events (or, in brackets, the parameters) without which it must not be there.
var needs = map[string][]string{
	"session_requested_ms":   {"[session]"},
	"session_negotiated_ms":  {"[session]"},
	"tick_ms":                {"[session]"},
	"planned_cut_ms":         {"[session]"},
	"predicted_earliest_ms":  {"[predicted]"},
	"predicted_latest_ms":    {"[predicted]"},
	"cut_ms":                 {scenario.Cut, scenario.Heal},
	"heal_ms":                {scenario.Heal},
	"holder_token":           {scenario.Acquired},
	"waiter_token":           {scenario.Acquired},
	"waiter_acquired_ms":     {scenario.Acquired},
	"belief_end_ms":          {scenario.Acquired, scenario.BeliefEnded},
	"truth_seen_ms":          {scenario.NodeSeen},
	"truth_end_ms":           {scenario.NodeGone},
	"margin_ms":              {scenario.Acquired, scenario.BeliefEnded, scenario.NodeSeen},
	"margin_min_ms":          {scenario.Acquired, scenario.BeliefEnded, scenario.NodeSeen},
	"margin_max_ms":          {scenario.Acquired, scenario.BeliefEnded, scenario.NodeGone},
	"observer_resolution_ms": {scenario.NodeSeen, scenario.NodeGone},
	"handover_ms":            {scenario.NodeGone, scenario.Acquired},
	"handover_max_ms":        {scenario.NodeSeen, scenario.Acquired},
	"belief_gap_ms":          {scenario.Acquired, scenario.BeliefEnded},
	"expired_learnt_ms":      {scenario.SessionExpiredLearnt},
	"rejoined_ms":            {scenario.Rejoined},
	"stale_writes_attempted": {"[resource]"},
	"stale_writes_accepted":  {"[resource]"},
	"writes_accepted":        {"[resource]"},
	"writes_refused":         {"[resource]"},

	scenario.BytesOfferedToServer: {scenario.Traffic}, scenario.BytesForwardedToServer: {scenario.Traffic},
	scenario.BytesOfferedFromServer: {scenario.Traffic}, scenario.BytesForwardedFromServer: {scenario.Traffic},
	scenario.ConnectionsOffered: {scenario.Traffic}, scenario.ConnectionsForwarded: {scenario.Traffic},
}

func TestFiguresComeFromEvents(t *testing.T) {
	e := load(t, "ok-rejoin")
	full := scenario.Judge(e).Figures
	require.ElementsMatch(t, slices.Collect(maps.Keys(needs)), slices.Collect(maps.Keys(full)), "a run in which everything is observed has every figure")
	require.Equal(t, full, withoutFigures(e, "nothing"))
	for figure, sources := range needs {
		for _, source := range sources {
			require.NotContains(t, withoutFigures(e, source), figure, "without %s", source)
		}
	}
	require.Empty(t, scenario.Judge(scenario.Evidence{Scenario: scenario.PartitionScenario}).Figures)
}

// withoutFigures judges e without one source of figures.
func withoutFigures(e scenario.Evidence, source string) map[string]float64 {
	switch source {
	case "[session]":
		e.Parameters.SessionRequested, e.Parameters.SessionNegotiated, e.Parameters.Tick, e.Parameters.For = 0, 0, 0, 0
	case "[predicted]":
		e.Predicted = scenario.Window{}
	}
	e.Events = slices.DeleteFunc(slices.Clone(e.Events), func(ev scenario.Event) bool {
		return ev.What == source || source == "[resource]" && ev.Who == scenario.WhoResource
	})
	return scenario.Judge(e).Figures
}

// The figures of a plain run, against the events as they stand in the file.
func TestFigures(t *testing.T) {
	fig := scenario.Judge(load(t, "ok-drop")).Figures
	for name, want := range map[string]float64{
		"session_requested_ms": 2000, "session_negotiated_ms": 2000, "tick_ms": 200, "cut_ms": 3001.214, "heal_ms": 0.213,
		"holder_token": 6, "waiter_token": 7, "belief_end_ms": 1270.412, "truth_seen_ms": 2181.004, "truth_end_ms": 2183.517,
		"margin_ms": 910.592, "margin_max_ms": 913.105, "handover_ms": 1.385, "belief_gap_ms": 914.49, "observer_resolution_ms": 2.513,
		"stale_writes_attempted": 1, "stale_writes_accepted": 0, "writes_refused": 1, "predicted_latest_ms": 2200,
		"bytes_offered_to_server": 412, "bytes_forwarded_to_server": 0,
	} {
		require.Contains(t, fig, name)
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(fig[name]), name)
	}
	require.NotContains(t, scenario.Judge(load(t, "ok-close-call")).Figures, "margin_ms", "not even the sign is known")
	require.InDelta(t, -1824.013, scenario.Judge(load(t, "control-stock-lock")).Figures["margin_ms"], 1e-9)
}
