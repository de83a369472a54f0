package scenario_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/internal/scenario"
)

// limits returns what a run in which all went well has seen, written by hand.
func limits() scenario.RateLimitEvidence {
	e := scenario.RateLimitEvidence{
		Scenario: scenario.RateLimitScenario, Engine: scenario.Engine{Name: "Redis", Kind: "local", Version: "7.0.15"},
		Parameters: scenario.RateLimitParameters{
			Users: 3, Servers: 10, Max: 100, Per: scenario.Millis(time.Minute), Modes: scenario.RateLimitModes(), Callers: 64, Life: scenario.Millis(time.Second),
			On: map[string]scenario.Engine{"redis": {Name: "Redis", Kind: "local", Version: "7.0.15"}}, Bounds: map[string]scenario.RateLimitBound{},
		},
	}
	add := func(ev scenario.Event) { e.Events = append(e.Events, ev) }
	for i, what := range []string{scenario.Began, scenario.Flushed, scenario.Cut, scenario.Heal, scenario.Restarting, scenario.Restarted} {
		add(scenario.Event{AtMs: float64(i) * 10_000, Who: scenario.WhoHarness, What: what})
	}
	for mode, n := range map[string]struct{ bound, calm, ever, perS, trips float64 }{
		scenario.ModeStrict: {100, 100, 180, 50_000, 1}, scenario.ModeLease: {101, 95, 150, 600_000, 0.04}, scenario.ModeEscrow: {100, 99, 170, 500_000, 0.05},
		scenario.ModeRedisRate: {200, 199, 250, 25_000, 1}, scenario.ModeFixedWindow: {200, 200, 300, 30_000, 1}, scenario.ModeLockZooKeeper: {200, 250, 250, 400, 4},
		scenario.ModeLockRedis: {200, 180, 220, 1500, 4}, scenario.ModeUnsynchronised: {2000, 1000, 1000, 2_000_000, 0},
	} {
		e.Parameters.Bounds[mode] = scenario.RateLimitBound{Bound: int64(n.bound), Loss: 100}
		for user, load := range []string{scenario.LoadGreedy, scenario.LoadEdge, scenario.LoadNormal} {
			less := float64(user) * 10
			add(scenario.Event{Who: mode, What: scenario.FullestCalm, By: load, Detail: load, Figures: map[string]float64{"admitted": n.calm - less, "from_ms": 1, "until_ms": 60_001}})
			add(scenario.Event{Who: mode, What: scenario.FullestEver, By: load, Detail: load, Figures: map[string]float64{"admitted": n.ever - less, "from_ms": 1, "until_ms": 60_001}})
			add(scenario.Event{Who: mode, What: scenario.Counted, By: load, Figures: map[string]float64{"attempts": 1000, "admitted": 900, "errors": 0, "after_restart": 30}})
		}
		add(scenario.Event{Who: mode, What: scenario.RoundTrips, Figures: map[string]float64{"decisions": 100, "round_trips": 100 * n.trips}})
		for turn := range 7 {
			f := map[string]float64{"per_s": n.perS * (1 + 0.1*float64(turn)), "p50_ms": 1, "p99_ms": 2, "errors": 0}
			add(scenario.Event{Who: mode, What: scenario.Speed, Run: turn + 1, Figures: f})
			if strings.HasPrefix(mode, "lock-") {
				add(scenario.Event{Who: mode, What: scenario.SpeedFar, Run: turn + 1, Figures: map[string]float64{"per_s": 100, "p50_ms": 1, "p99_ms": 2, "errors": 0}})
			}
			if mode == scenario.ModeStrict {
				add(scenario.Event{Who: mode, What: scenario.SpeedFar, Run: turn + 1, Figures: map[string]float64{"per_s": 20_000, "p50_ms": 1, "p99_ms": 2, "errors": 0}})
			}
		}
	}
	add(scenario.Event{Who: scenario.ModeStrict, What: scenario.Abused, Figures: map[string]float64{"attempts": 100_000, "seconds": 2, "calls": 4, "intervals": 3.3}})
	return e
}

func TestJudgeLimitsGood(t *testing.T) {
	r := scenario.Judge(limits())
	require.Empty(t, failed(r), "%+v", r.Checks)
	require.Equal(t, scenario.Safe, r.Verdict)
	for name, want := range map[string]float64{
		"strict_per_s": 65_000, "strict_p99_ms": 2, "strict_round_trips_per_decision": 1, "strict_admitted_max": 100, "strict_bound": 100, "strict_over_limit_percent": 0,
		"strict_restart_admitted_max": 180, "strict_restart_bound": 200, "strict_errors": 0, "strict_normal_denied_percent": 10, "strict_far_per_s": 20_000,
		"lease_admitted_max": 95, "lease_bound": 101, "escrow_round_trips_per_decision": 0.05, "redis_rate_over_limit_percent": 99, "fixed_window_over_limit_percent": 100,
		"lock_zookeeper_over_limit_percent": 150, "unsynchronised_over_limit_percent": 900,
		"strict_vs_redis_rate_ratio": 2, "strict_vs_lock_ratio": 200, "lease_vs_strict_ratio": 12, "measured_turns": 7, "measured_far_turns": 7,
		"abuser_attempts_per_s": 50_000, "abuser_calls_per_interval": 1.212,
	} {
		require.Equal(t, want, r.Figures[name], name)
	}
}

// change alters the figures of all events of a mode.
func change(e scenario.RateLimitEvidence, mode, what, figure string, to float64) scenario.RateLimitEvidence {
	for i := range e.Events {
		if ev := &e.Events[i]; ev.Who == mode && ev.What == what {
			ev.Figures = maps.Clone(ev.Figures)
			ev.Figures[figure] = to
		}
	}
	return e
}

// unforgetful is what is seen when nothing was admitted twice.
func unforgetful(e scenario.RateLimitEvidence) scenario.RateLimitEvidence {
	for mode, b := range e.Parameters.Bounds {
		e = change(e, mode, scenario.FullestEver, "admitted", float64(b.Bound))
	}
	return e
}

func lacking(e scenario.RateLimitEvidence, what string) scenario.RateLimitEvidence {
	e.Events = slices.DeleteFunc(e.Events, func(ev scenario.Event) bool { return ev.What == what })
	return e
}

// Every check has evidence that fails it, and nothing else of its kind or above.
func TestJudgeLimitsBad(t *testing.T) {
	failing := map[string]bool{}
	for name, e := range map[string]scenario.RateLimitEvidence{
		scenario.CheckWithinBound:                  change(limits(), scenario.ModeEscrow, scenario.FullestCalm, "admitted", 101),
		scenario.CheckWithinBound + " of leases":   change(limits(), scenario.ModeLease, scenario.FullestCalm, "admitted", 102),
		scenario.CheckWithinBoundLoss:              change(limits(), scenario.ModeStrict, scenario.FullestEver, "admitted", 201),
		scenario.CheckNoErrors:                     change(limits(), scenario.ModeStrict, scenario.Counted, "errors", 1),
		scenario.CheckNoErrors + " while measured": change(limits(), scenario.ModeLease, scenario.Speed, "errors", 1),
		scenario.CheckOneRoundTrip:                 change(limits(), scenario.ModeStrict, scenario.RoundTrips, "round_trips", 101),
		scenario.CheckAbuserKeptOff:                change(limits(), scenario.ModeStrict, scenario.Abused, "calls", 7),
		scenario.CheckControlExceeds:               change(limits(), scenario.ModeUnsynchronised, scenario.FullestCalm, "admitted", 150),
		scenario.CheckBoundApproached:              change(limits(), scenario.ModeStrict, scenario.FullestCalm, "admitted", 70),
		scenario.CheckBoundApproached + " never":   lacking(limits(), scenario.FullestCalm),
		scenario.CheckLossShown:                    unforgetful(limits()),
		scenario.CheckFaultsHappened:               lacking(limits(), scenario.Flushed),
		scenario.CheckLimitsMeasured:               lacking(limits(), scenario.Speed),
		scenario.CheckAdmitsAgain:                  change(limits(), scenario.ModeEscrow, scenario.Counted, "after_restart", 0),
		scenario.CheckLimitUndisturbed: func() scenario.RateLimitEvidence {
			e := limits()
			e.Events = append(e.Events, scenario.Event{Who: scenario.WhoHarness, What: scenario.Interrupted})
			return e
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			check, _, _ := strings.Cut(name, " ")
			r := scenario.Judge(e)
			require.Contains(t, failed(r), check)
			i := slices.IndexFunc(r.Checks, func(c scenario.Check) bool { return c.Name == check })
			want := map[scenario.CheckKind]scenario.Verdict{
				scenario.OfSafety: scenario.Violated, scenario.OfEvidence: scenario.Inconclusive, scenario.OfLiveness: scenario.Stalled,
			}[r.Checks[i].Kind]
			require.Equal(t, want, r.Verdict)
			failing[check] = true
		})
	}
	for _, c := range scenario.Judge(limits()).Checks {
		require.True(t, failing[c.Name], "nothing makes %s fail", c.Name)
	}
}

// A report says all that the verdict follows from, and a page and a table are made of it.
func TestLimitsReport(t *testing.T) {
	e := limits()
	dir := t.TempDir()
	require.NoError(t, scenario.NewReport(e, scenario.Judge(e)).WriteFiles(dir))
	stored, derived, err := scenario.Recheck(dir)
	require.NoError(t, err)
	require.Equal(t, stored.Verdict, derived.Verdict)
	require.Equal(t, stored.Figures, derived.Figures)
	page, err := os.ReadFile(filepath.Join(dir, scenario.TimelineFile))
	require.NoError(t, err)
	require.Contains(t, string(page), "No user got more in any period than was declared.")
	require.NotContains(t, string(page), "NaN")

	table := scenario.RateLimitTable(e, scenario.Style{})
	require.Regexp(t, `(?m)^strict +65000 +1.00 +2.00 +1.00 +100 +100 +0 % +180 +200 +10.0 %$`, table)
	require.Regexp(t, `(?m)^unsynchronised .* 1000 +2000 +900 % `, table)
	lanes := scenario.Lanes(e, scenario.Style{ASCII: true})
	require.Contains(t, lanes, "strict          ==========| 100 of 100\n")
	require.Contains(t, lanes, "redis_rate      ==========|########## 199 of 100\n")
	require.Contains(t, lanes, "unsynchronised  ==========|#################### ... 1000 of 100\n")

	empty := scenario.RateLimitEvidence{Scenario: scenario.RateLimitScenario, Parameters: scenario.RateLimitParameters{Modes: scenario.RateLimitModes()}}
	require.Equal(t, scenario.Inconclusive, scenario.Judge(empty).Verdict)
	_ = scenario.RateLimitTable(empty, scenario.Style{})
	require.Empty(t, scenario.Lanes(empty, scenario.Style{}))
	require.NoError(t, scenario.NewReport(empty, scenario.Judge(empty)).WriteFiles(t.TempDir()))
}

// A run that needs nothing but Go, with servers that do it right, and with some that take the limit for a higher one: the harness notices.
func TestRateLimit(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes cannot tell on a file of their own here: run it on Linux or macOS")
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	self, err := os.Executable()
	require.NoError(t, err)
	run := func(t *testing.T, worker string) (scenario.RateLimitEvidence, scenario.Result) {
		t.Helper()
		e, err := scenario.RunRateLimit(t.Context(), scenario.RateLimitConfig{
			Users: 3, Servers: 4, Max: 20, Per: time.Second, For: time.Second, Callers: 8, Redis: "embedded", Worker: []string{self, worker},
			Modes: []string{scenario.ModeStrict, scenario.ModeEscrow, scenario.ModeRedisRate, scenario.ModeUnsynchronised},
		})
		require.NoError(t, err)
		return e, scenario.Judge(e)
	}
	t.Run("right", func(t *testing.T) {
		e, r := run(t, scenario.RateLimitWorkerCommand)
		for _, c := range r.Checks {
			if c.Kind == scenario.OfSafety {
				require.True(t, c.OK, "%+v", c)
			}
		}
		require.NotEqual(t, scenario.Violated, r.Verdict, "%+v", r.Reasons)
		require.EqualValues(t, 1, r.Figures["strict_round_trips_per_decision"])
		require.Less(t, r.Figures["escrow_round_trips_per_decision"], 0.5)
		b, err := json.Marshal(e.Parameters)
		require.NoError(t, err)
		require.Contains(t, string(b), "not a real Redis")
	})
	t.Run("wrong", func(t *testing.T) {
		_, r := run(t, sabotagedServer)
		require.Equal(t, scenario.Violated, r.Verdict, "%+v", r.Checks)
		require.Contains(t, failed(r), scenario.CheckWithinBound)
	})
}

func TestRateLimitUsage(t *testing.T) {
	for name, cfg := range map[string]scenario.RateLimitConfig{
		"users": {Users: -1}, "servers": {Servers: 1}, "limit": {Max: 5}, "per": {Per: time.Millisecond}, "odd": {Per: time.Second + time.Nanosecond}, "for": {For: time.Millisecond},
		"callers": {Callers: -1}, "mode": {Modes: []string{"magic"}},
	} {
		_, err := scenario.RunRateLimit(t.Context(), cfg)
		var usage *scenario.UsageError
		require.ErrorAs(t, err, &usage, name)
	}
}
