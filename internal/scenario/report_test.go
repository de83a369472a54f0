package scenario_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

// written judges an evidence and writes its report into a directory of the test.
func written(t *testing.T, name string) (dir string, r scenario.Report) {
	t.Helper()
	e := load(t, name)
	r = scenario.NewReport(e, scenario.Judge(e))
	dir = filepath.Join(t.TempDir(), "not", "there", "yet")
	require.NoError(t, r.WriteFiles(dir))
	return dir, r
}

// tamper changes the JSON of a report.
func tamper(t *testing.T, dir string, change func(m map[string]any)) {
	t.Helper()
	path := filepath.Join(dir, scenario.ReportFile)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(content, &m))
	change(m)
	content, err = json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

func TestReportShape(t *testing.T) {
	e := load(t, "ok-drop")
	var b bytes.Buffer
	require.NoError(t, scenario.NewReport(e, scenario.Judge(e)).Encode(&b))
	var m map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &m))
	require.Equal(t, "partition", m["scenario"])
	require.Equal(t, map[string]any{"kind": "local", "version": "3.8.0"}, m["engine"])
	require.Equal(t, "safe", m["verdict"])
	require.InDelta(t, 0, m["exit"], 0)
	require.Equal(t, "waiter", m["owner_after_recovery"])
	require.Subset(t, m["checks"].([]any)[0], map[string]any{"name": "no-overlap", "ok": true})
	require.Contains(t, m["checks"].([]any)[0], "want")
	require.Contains(t, m["checks"].([]any)[0], "got")
	for _, name := range []string{
		"session_requested_ms", "session_negotiated_ms", "tick_ms", "cut_ms", "heal_ms", "holder_token", "waiter_token", "belief_end_ms",
		"truth_end_ms", "margin_ms", "handover_ms", "stale_writes_attempted", "stale_writes_accepted",
	} {
		require.Contains(t, m["figures"], name)
	}
	require.Equal(t, map[string]any{"at_ms": -598.207, "who": "holder", "what": "acquired", "token": 6.0}, m["events"].([]any)[1])
	require.IsType(t, map[string]any{}, m["parameters"])
}

func TestWriteFiles(t *testing.T) {
	dir, r := written(t, "ok-drop")
	for _, name := range []string{scenario.ReportFile, scenario.EventsFile, scenario.TimelineFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o644), info.Mode().Perm(), name)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3, "nothing else is left in the directory")

	content, err := os.ReadFile(filepath.Join(dir, scenario.EventsFile))
	require.NoError(t, err)
	lines, last := 0, -1e9
	for s := bufio.NewScanner(bytes.NewReader(content)); s.Scan(); lines++ {
		var e scenario.Event
		require.NoError(t, json.Unmarshal(s.Bytes(), &e))
		require.GreaterOrEqual(t, e.AtMs, last)
		last = e.AtMs
	}
	require.Equal(t, len(r.Events), lines)
	require.NoError(t, r.WriteFiles(dir), "a report replaces the one before it")
}

func TestWriteFilesFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	e := load(t, "ok-drop")
	err := scenario.NewReport(e, scenario.Judge(e)).WriteFiles(filepath.Join(file, "dir"))
	var fileErr *scenario.FileError
	require.ErrorAs(t, err, &fileErr)
	require.NotErrorIs(t, err, scenario.ErrNotReport)
}

// Evidence survives being written and read, so the result does too.
func TestRecheck(t *testing.T) {
	for _, prefix := range []string{"ok-", "control-", "bad-"} {
		for _, name := range named(t, prefix) {
			if name == "bad-scenario-known" {
				continue
			}
			dir, r := written(t, name)
			for _, path := range []string{dir, filepath.Join(dir, scenario.ReportFile)} {
				loaded, err := scenario.Load(path)
				require.NoError(t, err)
				e, err := loaded.Evidence()
				require.NoError(t, err)
				require.Equal(t, load(t, name), e, name)

				stored, derived, err := scenario.Recheck(path)
				require.NoError(t, err)
				require.Equal(t, r.Result(), stored, name)
				require.Equal(t, stored.Verdict, derived.Verdict, name)
				require.Equal(t, stored.Figures, derived.Figures, name)
				require.Equal(t, scenario.CheckStoredResult, derived.Checks[len(derived.Checks)-1].Name)
				require.True(t, derived.Checks[len(derived.Checks)-1].OK)
			}
		}
	}
}

func TestRecheckCatchesTampering(t *testing.T) {
	event := func(m map[string]any, what string) map[string]any {
		for _, e := range m["events"].([]any) {
			if e := e.(map[string]any); e["what"] == what {
				return e
			}
		}
		return nil
	}
	for name, c := range map[string]struct {
		evidence string
		change   func(m map[string]any)
		verdict  scenario.Verdict
		names    string
	}{
		"a violated run is called safe": {"control-stock-lock", func(m map[string]any) { m["verdict"], m["exit"] = "safe", 0 },
			scenario.Violated, "verdict: the report says safe, the events say violated"},
		"a safe run is called violated": {"ok-drop", func(m map[string]any) { m["verdict"], m["exit"] = "violated", 1 },
			scenario.Inconclusive, "verdict: the report says violated, the events say safe"},
		"the exit code": {"ok-drop", func(m map[string]any) { m["exit"] = 5 },
			scenario.Inconclusive, "exit: the report says 5, the events say 0"},
		"the owner": {"ok-drop", func(m map[string]any) { delete(m, "owner_after_recovery") },
			scenario.Inconclusive, "owner_after_recovery: the report says nothing, the events say waiter"},
		"a figure": {"ok-drop", func(m map[string]any) { m["figures"].(map[string]any)["margin_ms"] = 2000 },
			scenario.Inconclusive, "figure margin_ms: the report says 2000, the events say 910.592"},
		"a figure from nowhere": {"ok-drop", func(m map[string]any) { m["figures"].(map[string]any)["rejoined_ms"] = 7 },
			scenario.Inconclusive, "figure rejoined_ms: the report says 7, the events say nothing"},
		"a check": {"bad-isolated", func(m map[string]any) {
			for _, c := range m["checks"].([]any) {
				c.(map[string]any)["ok"] = true
			}
		}, scenario.Inconclusive, "check isolated: the report says ok, the events say failed"},
		"an event": {"ok-drop", func(m map[string]any) { event(m, scenario.BeliefEnded)["at_ms"] = 2600 },
			scenario.Violated, "verdict: the report says safe, the events say violated"},
		"a parameter": {"ok-drop", func(m map[string]any) { m["parameters"].(map[string]any)["session_negotiated_ms"] = 4000 },
			scenario.Inconclusive, "check negotiated-as-requested: the report says ok, the events say failed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := written(t, c.evidence)
			tamper(t, dir, c.change)
			_, derived, err := scenario.Recheck(dir)
			require.NoError(t, err)
			require.Equal(t, c.verdict, derived.Verdict)
			require.Equal(t, c.verdict.Exit(), derived.Exit)
			require.Contains(t, failed(derived), scenario.CheckStoredResult)
			last := derived.Checks[len(derived.Checks)-1]
			require.Contains(t, last.Got, c.names)
			if c.verdict == scenario.Inconclusive {
				require.Contains(t, derived.Reasons, last.Got)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m map[string]any)
		why    string
	}{
		"unknown verdict": {func(m map[string]any) { m["verdict"] = "fine" }, `not a verdict: "fine"`},
		"no verdict":      {func(m map[string]any) { delete(m, "verdict") }, "no verdict"},
		"no events":       {func(m map[string]any) { delete(m, "events") }, "no events"},
		"empty events":    {func(m map[string]any) { m["events"] = []any{} }, "no events"},
		"no checks":       {func(m map[string]any) { m["checks"] = nil }, "no checks"},
		"no figures":      {func(m map[string]any) { delete(m, "figures") }, "no figures"},
		"no scenario":     {func(m map[string]any) { delete(m, "scenario") }, "no scenario"},
		"no parameters":   {func(m map[string]any) { m["parameters"] = "many" }, "no parameters"},
		"other format":    {func(m map[string]any) { m["format"] = 2 }, "format 2"},
		"something else": {func(m map[string]any) {
			clear(m)
			m["hello"] = "world"
		}, "neither format nor scenario nor verdict"},
		"wrong types": {func(m map[string]any) { m["events"] = "none" }, "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := written(t, "ok-drop")
			tamper(t, dir, c.change)
			_, err := scenario.Load(dir)
			require.ErrorIs(t, err, scenario.ErrNotReport)
			require.ErrorContains(t, err, c.why)
			var fileErr *scenario.FileError
			require.ErrorAs(t, err, &fileErr)
			require.Equal(t, filepath.Join(dir, scenario.ReportFile), fileErr.Path)
			_, _, again := scenario.Recheck(dir)
			require.Equal(t, err, again)
		})
	}
	t.Run("not JSON", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "photo.json")
		for _, content := range []string{"", "GIF89a", "[]", `"text"`, "null"} {
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			_, err := scenario.Load(path)
			require.ErrorIs(t, err, scenario.ErrNotReport, content)
		}
	})
	t.Run("two objects", func(t *testing.T) {
		dir, _ := written(t, "ok-drop")
		path := filepath.Join(dir, scenario.ReportFile)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(content, content...), 0o600))
		_, err = scenario.Load(path)
		require.ErrorIs(t, err, scenario.ErrNotReport)
	})
	t.Run("not there", func(t *testing.T) {
		_, err := scenario.Load(filepath.Join(t.TempDir(), "nothing"))
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NotErrorIs(t, err, scenario.ErrNotReport)
		_, err = scenario.Load(t.TempDir())
		require.ErrorIs(t, err, fs.ErrNotExist, "a directory without a report")
	})
	t.Run("parameters of another kind", func(t *testing.T) {
		dir, _ := written(t, "ok-drop")
		tamper(t, dir, func(m map[string]any) { m["parameters"] = map[string]any{"session_requested_ms": "two seconds"} })
		_, _, err := scenario.Recheck(dir)
		require.ErrorIs(t, err, scenario.ErrNotReport)
	})
}

// Other experiments use the same object, with parameters and figures of their own.
func TestPlainReport(t *testing.T) {
	params := struct {
		Clients int `json:"clients"`
	}{8}
	checks := []scenario.Check{{Name: "faster-than-stock", Kind: scenario.OfLiveness, Want: "1.3", Got: "1.6", OK: true}}
	result := scenario.Result{Checks: checks, Figures: map[string]float64{"handover_vs_gozk_ratio": 1.6}}
	result.Verdict, result.Reasons = scenario.Conclude(checks)
	result.Exit = result.Verdict.Exit()
	r, err := scenario.NewPlainReport("bench-lock", scenario.Engine{Kind: "local"}, params, result, nil)
	require.NoError(t, err)

	dir := t.TempDir()
	require.NoError(t, r.WriteFiles(dir))
	require.NoFileExists(t, filepath.Join(dir, scenario.TimelineFile))
	loaded, err := scenario.Load(dir)
	require.NoError(t, err)
	require.JSONEq(t, `{"clients": 8}`, string(loaded.Parameters))
	require.Equal(t, result.Figures, loaded.Figures)
	_, _, err = scenario.Recheck(dir)
	require.ErrorIs(t, err, scenario.ErrNotCheckable)
	require.ErrorIs(t, scenario.WriteHTML(&strings.Builder{}, r), scenario.ErrNotCheckable)

	tamper(t, dir, func(m map[string]any) { m["events"] = nil })
	_, err = scenario.Load(dir)
	require.ErrorIs(t, err, scenario.ErrNotReport, "no events are an empty list, not nothing")

	_, err = scenario.NewPlainReport("bench-lock", scenario.Engine{}, []int{1}, result, nil)
	require.Error(t, err)
	_, err = scenario.NewPlainReport("bench-lock", scenario.Engine{}, func() {}, result, nil)
	require.Error(t, err)
}

func TestWritersFail(t *testing.T) {
	e := load(t, "ok-drop")
	r := scenario.NewReport(e, scenario.Judge(e))
	require.ErrorIs(t, r.Encode(full{}), errFull)
	require.ErrorIs(t, scenario.WriteHTML(full{}, r), errFull)
}

var errFull = errors.New("no space left")

// full is a writer that always fails.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
