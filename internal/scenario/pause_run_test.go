package scenario_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/internal/scenario"
)

// onGo is a run of the pause scenario that needs nothing but Go: a Redis and a ZooKeeper in this process, and files. The workers are this test binary.
func onGo(t *testing.T, cfg scenario.PauseConfig) scenario.PauseConfig {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("processes cannot be stopped here: run it on Linux or macOS")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	cfg.TTL, cfg.For = scenario.FastTTL, scenario.FastFor
	cfg.Worker, cfg.Redis, cfg.Resource = []string{self, scenario.PauseWorkerCommand}, "embedded", scenario.ResourceSQLite
	cfg.Engine = scenario.EngineConfig{Kind: scenario.EngineEmbedded}
	return cfg
}

// noWorker waits until no worker of this process is left.
func noWorker(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	require.Eventually(t, func() bool {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err == nil && strings.HasPrefix(string(text), os.Args[0]) && strings.Contains(string(text), scenario.PauseWorkerCommand) {
				return false
			}
		}
		return true
	}, 10*time.Second, 10*time.Millisecond)
}

// Every case, with every lock: each control goes wrong, what it is a control for does not, and nothing is left behind.
func TestPause(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Setenv("TMPDIR", t.TempDir())
	t.Run("with", func(t *testing.T) { playEach(t) })
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
	noWorker(t)
}

// playEach plays with all locks, beside each other.
func playEach(t *testing.T) {
	t.Helper()
	for name, cfg := range map[string]scenario.PauseConfig{
		"redlock":   {Locks: []string{scenario.LockRedlock}},
		"redis":     {Locks: []string{scenario.LockRedis}, Cases: []scenario.Case{scenario.CaseLateRelease}},
		"zookeeper": {Locks: []string{scenario.LockZooKeeper}, Cases: []scenario.Case{scenario.CaseLateWrite, scenario.CaseLateRelease, scenario.CaseSlowAcquire, scenario.CaseStuckWorker}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := onGo(t, cfg)
			planned, shown := 0, 0
			cfg.OnPlan = func(e scenario.PauseEvidence) {
				planned = len(e.Parameters.Plan)
				require.False(t, e.Engine.Real() && e.Engine.Kind != scenario.EngineEmbedded)
			}
			cfg.OnRun = func(e scenario.PauseEvidence, number int) {
				shown++
				require.Equal(t, shown, number, "in their order")
				require.NotEmpty(t, scenario.PauseRunText(e, number, scenario.Style{}))
			}
			e, err := scenario.RunPause(t.Context(), cfg)
			require.NoError(t, err)
			r := scenario.Judge(e)
			require.Equal(t, scenario.Safe, r.Verdict, "%s\n%s", scenario.VerdictText(r, scenario.Style{}), suspects(e, r))
			require.Equal(t, planned, shown)
			require.InDelta(t, planned, r.Figures["runs"], 0)
			checkAnyPause(t, e, true)
		})
	}
}

// suspects tells the runs that a failed check names.
func suspects(e scenario.PauseEvidence, r scenario.Result) string {
	var b strings.Builder
	for run := range len(e.Parameters.Plan) * e.Parameters.Repeat {
		for _, reason := range r.Reasons {
			if strings.Contains(reason, "run "+number(run+1)+" ") {
				b.WriteString(scenario.PauseRunText(e, run+1, scenario.Style{}) + "\n")
			}
		}
	}
	return b.String()
}

func number(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return number(n/10) + number(n%10)
}

// The control of it all: with a fence that lets everything through, the same runs come out violated, by what workers were told and by what is in the resource.
func TestPauseCatchesABrokenFence(t *testing.T) {
	cfg := onGo(t, scenario.PauseConfig{Cases: []scenario.Case{scenario.CaseDuplicateJob, scenario.CaseLateWrite, scenario.CaseBeforeFirstWrite}})
	cfg.Worker[1] = sabotagedWorker
	e, err := scenario.RunPause(t.Context(), cfg)
	require.NoError(t, err)
	r := scenario.Judge(e)
	require.Equal(t, scenario.Violated, r.Verdict)
	require.Equal(t, []string{scenario.CheckNoStaleWriteAccepted, scenario.CheckEffectsOnce}, failed(r))
	require.InDelta(t, 3, r.Figures["stale_accepted"], 0)
	require.InDelta(t, 3, r.Figures["duplicates_fenced"], 0)
}

// Who is interrupted in the middle of a pause leaves no frozen process behind, nor anything else.
func TestPauseInterrupted(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Setenv("TMPDIR", t.TempDir())
	cfg := onGo(t, scenario.PauseConfig{Repeat: 2})
	cfg.For = time.Minute
	why := errors.New("asked to end")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var once sync.Once
	cfg.OnPlan = func(scenario.PauseEvidence) {
		once.Do(func() {
			timer := time.AfterFunc(700*time.Millisecond, func() { cancel(why) })
			t.Cleanup(func() { timer.Stop() })
		})
	}
	_, err := scenario.RunPause(ctx, cfg)
	require.ErrorIs(t, err, why)
	noWorker(t)
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// A worker that cannot do its work makes the run prove nothing.
func TestPauseWorkerFails(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	cfg := onGo(t, scenario.PauseConfig{Cases: []scenario.Case{scenario.CaseDuplicateJob}})
	cfg.Worker = []string{"sh", "-c", "echo out of luck >&2; exit 3"}
	e, err := scenario.RunPause(t.Context(), cfg)
	require.NoError(t, err)
	r := scenario.Judge(e)
	require.Equal(t, scenario.Inconclusive, r.Verdict)
	require.Contains(t, failed(r), scenario.CheckWorkersEnded)
	require.Contains(t, strings.Join(r.Reasons, "\n"), "out of luck")

	cfg.Worker = []string{"/nowhere/at/all"}
	e, err = scenario.RunPause(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, scenario.Inconclusive, scenario.Judge(e).Verdict)
}

// What makes no sense, or would show nothing, is said before anything is started.
func TestPauseUsage(t *testing.T) {
	valid := scenario.PauseConfig{Worker: []string{"/nowhere/at/all"}, Redis: "local", Resource: scenario.ResourcePostgres}
	for name, change := range map[string]func(c *scenario.PauseConfig){
		"ttl":          func(c *scenario.PauseConfig) { c.TTL = 10 * time.Millisecond },
		"for":          func(c *scenario.PauseConfig) { c.For = -1 },
		"repeat":       func(c *scenario.PauseConfig) { c.Repeat = -1 },
		"parallel":     func(c *scenario.PauseConfig) { c.Parallel = 1000 },
		"resource":     func(c *scenario.PauseConfig) { c.Resource = "file" },
		"lock":         func(c *scenario.PauseConfig) { c.Locks = []string{"etcd"} },
		"scenario":     func(c *scenario.PauseConfig) { c.Cases = []scenario.Case{"S8"} },
		"worker":       func(c *scenario.PauseConfig) { c.Worker = nil },
		"no such tick": func(c *scenario.PauseConfig) { c.Locks, c.Engine.Tick = []string{scenario.LockZooKeeper}, time.Hour },
	} {
		cfg := valid
		change(&cfg)
		_, err := scenario.RunPause(t.Context(), cfg)
		var usage *scenario.UsageError
		require.ErrorAs(t, err, &usage, name)
		require.NotContains(t, err.Error(), "\n")
	}
	valid.TTL, valid.For = 5*time.Second, 5*time.Second
	e, err := scenario.RunPause(t.Context(), valid)
	require.NoError(t, err)
	r := scenario.Judge(e)
	require.Equal(t, scenario.Inconclusive, r.Verdict)
	require.Equal(t, []string{scenario.CheckPauseOutlasts}, failed(r))
	require.Contains(t, r.Reasons[0], "nothing will happen")
}
