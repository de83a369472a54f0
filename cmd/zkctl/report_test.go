package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

func TestPrepareReport(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(in("file"), nil, 0o600))
	require.NoError(t, os.Mkdir(in("there"), 0o700))

	for _, bad := range []string{"file", "file/below"} {
		_, err := prepareReport(in(bad))
		require.Equal(t, exitUsage, exitCode(err), "%s: %v", bad, err)
	}

	// What was made for a report that is never written goes again, and nothing else.
	for _, good := range []string{"new", "new/deep", "there", "there/new"} {
		undo, err := prepareReport(in(good))
		require.NoError(t, err)
		require.DirExists(t, in(good))
		undo()
		require.NoDirExists(t, in("new"))
		require.NoDirExists(t, in("there/new"))
		require.DirExists(t, in("there"))
	}
	undo, err := prepareReport(in("kept/deep"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(in("kept/report.json"), nil, 0o600))
	undo()
	require.FileExists(t, in("kept/report.json"))
	require.NoDirExists(t, in("kept/deep"))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 3) // No probe either.

	undo, err = prepareReport("")
	require.NoError(t, err)
	undo()
}

// A directory in which nothing can be made, and one whose name no file system takes.
func TestPrepareReportReadOnly(t *testing.T) {
	dir := "/proc" // Not even root may write there.
	if runtime.GOOS != "linux" {
		dir = t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o500))
	}
	for _, bad := range []string{dir, filepath.Join(dir, "new"), filepath.Join(t.TempDir(), "new", strings.Repeat("x", 1000))} {
		_, err := prepareReport(bad)
		require.Equal(t, exitEnvironment, exitCode(err), "%v", err)
		require.NoDirExists(t, filepath.Join(filepath.Dir(bad), "new"))
	}
}

// saved is a report of a run in which nothing was cut, on disk.
func saved(t *testing.T) (path string, content []byte) {
	t.Helper()
	yes := true
	e := scenario.Evidence{
		Scenario: scenario.PartitionScenario,
		Engine:   scenario.Engine{Kind: scenario.EngineLocal, Version: "3.8.0"},
		Parameters: scenario.Parameters{
			SessionRequested: scenario.Millis(2 * time.Second), SessionNegotiated: scenario.Millis(2 * time.Second),
			For: scenario.Millis(time.Second), Kind: scenario.KindNone, Recipe: scenario.RecipeZklock, Clients: 2, Fenced: true,
		},
		Events: []scenario.Event{
			{AtMs: -100, Who: scenario.WhoHolder, What: scenario.Acquired, Token: 6},
			{AtMs: -99, Who: scenario.WhoResource, What: scenario.Sealed, Token: 6},
			{AtMs: -98, Who: scenario.WhoResource, What: scenario.Write, Token: 6, OK: &yes},
			{AtMs: 1100, Who: scenario.WhoObserver, What: scenario.Owner, Detail: scenario.OwnerHolder, Token: 6},
			{AtMs: 1101, Who: scenario.WhoHolder, What: scenario.StillBelieving, Token: 6},
			{AtMs: 1102, Who: scenario.WhoObserver, What: scenario.NodeSeen, Token: 6},
			{AtMs: 1103, Who: scenario.WhoHolder, What: scenario.Released, Token: 6},
		},
	}
	dir := t.TempDir()
	require.NoError(t, scenario.NewReport(e, scenario.Judge(e)).WriteFiles(dir))
	path = filepath.Join(dir, scenario.ReportFile)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, content
}

func TestCheckReport(t *testing.T) {
	path, content := saved(t)
	check := func(o checkOptions) (string, int) {
		c := testConsole(nil)
		err := runCheck(c, &o)
		return c.out.(*bytes.Buffer).String() + message(err), exitCode(err)
	}
	text, code := check(checkOptions{path: path})
	require.Contains(t, text, "VERDICT  SAFE (exit 0)\n")
	require.NotContains(t, text, "DIFFERS")
	require.Zero(t, code, text)
	text, code = check(checkOptions{path: filepath.Dir(path), quiet: true})
	require.Regexp(t, `\AVERDICT  SAFE`, text)
	require.Zero(t, code, text)

	// Whatever is changed, it is noticed.
	for name, c := range map[string]struct{ old, new, says string }{
		"verdict": {`"verdict": "safe"`, `"verdict": "stalled"`, "verdict: the report says stalled, the events say safe"},
		"exit":    {`"exit": 0`, `"exit": 5`, "exit: the report says 5, the events say 0"},
		"owner":   {`"owner_after_recovery": "holder"`, `"owner_after_recovery": "waiter"`, "the events say holder"},
		"check":   {`"ok": true`, `"ok": false`, "the report says failed, the events say ok"},
		"event":   {`"detail": "holder"`, `"detail": "waiter"`, "the events say inconclusive"},
	} {
		changed := strings.Replace(string(content), c.old, c.new, 1)
		require.NotEqual(t, string(content), changed, name)
		require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
		text, code = check(checkOptions{path: path})
		require.Equal(t, exitDiffers, code, name)
		require.Contains(t, text, "DIFFERS  ")
		require.Contains(t, strings.Join(strings.Fields(text), " "), c.says)

		text, code = check(checkOptions{path: path, json: true})
		require.Equal(t, exitDiffers, code, name)
		var r struct {
			Differs bool
			Exit    int
			Verdict scenario.Verdict
			Stored  struct{ Verdict scenario.Verdict }
		}
		require.NoError(t, json.Unmarshal([]byte(text), &r), text)
		require.True(t, r.Differs)
		require.Equal(t, exitDiffers, r.Exit)
		require.NotEqual(t, scenario.Safe, r.Verdict)
		require.NotEmpty(t, r.Stored.Verdict)
	}

	require.NoError(t, os.WriteFile(path, content[:len(content)/2], 0o600))
	text, code = check(checkOptions{path: path})
	require.Equal(t, exitUsage, code)
	require.Contains(t, text, "report.json is not a report: ")
}
