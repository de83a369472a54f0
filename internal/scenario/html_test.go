package scenario_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

func render(t *testing.T, e scenario.Evidence) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, scenario.WriteHTML(&b, scenario.NewReport(e, scenario.Judge(e))))
	return b.String()
}

// The page needs nothing from anywhere, and its picture is well-formed.
func TestHTMLIsSelfContained(t *testing.T) {
	for _, prefix := range []string{"ok-", "control-"} {
		for _, name := range named(t, prefix) {
			requireSelfContained(t, name, render(t, load(t, name)))
		}
	}
}

var foreign = regexp.MustCompile(`(?i)https?:|//[a-z]|<script|<link|<img|<iframe|@import|\bsrc=|url\([^#]|\son\w+=`)

func requireSelfContained(t *testing.T, name, page string) {
	t.Helper()
	require.Empty(t, foreign.FindAllString(page, -1), name)
	require.NotContains(t, page, "ZgotmplZ", "%s: the template refused a value", name)
	require.NotContains(t, page, "<no value>", name)
	require.NotContains(t, page, "NaN", name)
	charts := strings.Split(page, `<svg class="chart"`)[1:]
	require.NotEmpty(t, charts, name)
	for _, chart := range charts {
		svg := `<svg class="chart"` + chart[:strings.Index(chart, "</svg>")+len("</svg>")]
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, name)
		}
		require.Contains(t, svg, "<desc")
	}
}

func TestHTMLShows(t *testing.T) {
	page := render(t, load(t, "ok-drop"))
	for _, s := range []string{
		"Never two owners, and no stale write got through.", "911ms", "0 of 1", "margin 911ms", "stale write refused &#43;3.003s",
		`class="predicted"`, `class="cut"`, "no-stale-write-accepted", "belief_end_ms", "prefers-color-scheme: dark", "@media print",
	} {
		require.Contains(t, page, s)
	}
	require.NotContains(t, page, `class="failed"`)

	page = render(t, load(t, "control-stock-lock"))
	for _, s := range []string{
		"Two owners at once, and a stale write got through.", "overlap 1.824s", "4 of 4",
		"4 stale writes accepted from &#43;3.003s", `class="wrong"`, `class="fail"`,
	} {
		require.Contains(t, page, s)
	}
	require.Contains(t, render(t, load(t, "bad-isolated")), "This run proves nothing either way.")
	require.Contains(t, render(t, load(t, "bad-lock-moved")), "Safe, but the lock did not move on as it should.")
	require.Contains(t, render(t, load(t, "ok-none")), "Nothing was cut, and nothing happened.")
	require.Contains(t, render(t, scenario.Evidence{Scenario: scenario.PartitionScenario}), "not observed")
}

// What comes from outside stays text.
func TestHTMLEscapes(t *testing.T) {
	e := load(t, "ok-drop")
	const evil = `"><script>alert(1)</script>`
	e.Engine.Version, e.Parameters.LockPath, e.Parameters.Recipe = evil, evil, evil
	e.Parameters.Kind, e.Parameters.Direction = evil, evil
	for i := range e.Events {
		if e.Events[i].What != scenario.Owner {
			e.Events[i].Detail = evil
		}
	}
	e.Events = append(e.Events, scenario.Event{AtMs: 5000, Who: evil, What: evil},
		scenario.Event{AtMs: 5001, Who: "waiter-" + evil, What: scenario.Acquired, Token: 9})
	require.NotContains(t, render(t, e), "<script")
}
