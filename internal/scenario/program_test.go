package scenario_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

// Small changes to good evidence of a program, and every check that they make fail.
func TestProgramChecks(t *testing.T) {
	yes, no := true, false
	says := func(at float64, who, what string, token uint64) scenario.Event {
		return scenario.Event{AtMs: at, Who: who, What: what, Token: token, Figures: map[string]float64{scenario.ReportedWithinMs: 250}}
	}
	write := func(at float64, by string, token uint64, ok *bool) scenario.Event {
		return scenario.Event{AtMs: at, Who: scenario.WhoResource, What: scenario.Write, By: by, Token: token, OK: ok}
	}
	for name, c := range map[string]struct {
		from string
		add  []scenario.Event
		fail []string
	}{
		"a hold that it doubted meanwhile": {"ok-program-says", []scenario.Event{
			says(-900, scenario.WhoHolder, scenario.BeliefEnded, 6), says(-700, scenario.WhoHolder, scenario.Acquired, 6),
		}, nil},
		"a hold that it had given up before the cut": {"ok-program-says", []scenario.Event{says(-300, scenario.WhoHolder, scenario.BeliefEnded, 6)},
			[]string{scenario.CheckBeliefShown}},
		"said more than once": {"ok-program-says", []scenario.Event{says(2000, scenario.WhoHolder, scenario.StillBelieving, 6)}, nil},
		"said that it holds when its node had been gone for less than a line may take": {"ok-program-fences", []scenario.Event{
			says(-1200, scenario.WhoHolder, scenario.Acquired, 6), says(2400, scenario.WhoHolder, scenario.StillBelieving, 6),
		}, nil},
		"and for more": {"ok-program-fences", []scenario.Event{
			says(-1200, scenario.WhoHolder, scenario.Acquired, 6), says(2500, scenario.WhoHolder, scenario.StillBelieving, 6),
		}, []string{scenario.CheckNoOverlap}},
		"an unfenced write of the owner": {"ok-program-says", []scenario.Event{write(2600, scenario.WhoWaiter, 0, &yes)}, nil},
		"a write between two owners proves nothing": {"ok-program-says", []scenario.Event{
			write(2180, scenario.WhoHolder, 0, &yes), write(2180, scenario.WhoWaiter, 0, &yes),
		}, nil},
		"a stale write that is refused for its token": {"ok-program-says", []scenario.Event{write(3010, scenario.WhoHolder, 6, &no)}, nil},
		"an older token of the owner itself": {"ok-program-fences", []scenario.Event{write(2500, scenario.WhoWaiter, 5, &yes)},
			[]string{scenario.CheckNoStaleWriteAccepted}},
		"the holder had ended before the cut": {"ok-program-says", []scenario.Event{{AtMs: -20, Who: scenario.WhoHolder, What: scenario.Exited}},
			[]string{scenario.CheckOwnersAttributed, scenario.CheckBeliefShown}},
		"the holder ended, and left processes behind": {"ok-program-quits", nil, []string{scenario.CheckBeliefShown}},
		"the end of the waiter says nothing":          {"ok-program-says", []scenario.Event{{AtMs: 2600, Who: scenario.WhoWaiter, What: scenario.Exited}}, nil},
		"an owner who was never seen to begin": {"ok-program-says", []scenario.Event{{AtMs: 2600, Who: scenario.WhoObserver, What: scenario.Owned, Token: 9}},
			[]string{scenario.CheckOwnersAttributed, scenario.CheckRecordsComplete}},
		"somebody unknown said something": {"ok-program-says", []scenario.Event{says(2600, "passer-by", scenario.Acquired, 9)}, []string{scenario.CheckRecordsComplete}},
		"something new happened":          {"ok-program-says", []scenario.Event{{AtMs: 2600, Who: scenario.WhoHolder, What: "danced"}}, []string{scenario.CheckRecordsComplete}},
		"interrupted":                     {"ok-program-says", []scenario.Event{{AtMs: 2600, Who: scenario.WhoHarness, What: scenario.Interrupted}}, []string{scenario.CheckNotInterrupted}},
		"cut although nothing was to be cut": {"ok-program-none", []scenario.Event{{AtMs: 100, Who: scenario.WhoHarness, What: scenario.Cut}},
			[]string{scenario.CheckLockKept, scenario.CheckObserverPresent}},
	} {
		t.Run(name, func(t *testing.T) {
			e := load(t, c.from)
			e.Events = append(e.Events, c.add...)
			if c.add == nil {
				one(t, &e, scenario.WhoHolder, scenario.Exited, 0).OK = &no
			}
			r := scenario.Judge(e)
			require.ElementsMatch(t, c.fail, failed(r), "%+v", r.Checks)
			checkAny(t, e)
		})
	}
}

// A run with programs is judged by rules of its own: what the clients of this package would have had to record is not asked for, and the other way round.
func TestProgramRulesAreForPrograms(t *testing.T) {
	e := load(t, "ok-program-says")
	e.Parameters.Recipe = scenario.RecipeZklock
	require.NotEqual(t, scenario.Safe, scenario.Judge(e).Verdict)
	e = load(t, "ok-drop")
	e.Parameters.Recipe = scenario.RecipeProgram
	require.NotEqual(t, scenario.Safe, scenario.Judge(e).Verdict)
}

func TestProgramFigures(t *testing.T) {
	fig := scenario.Judge(load(t, "ok-program-says")).Figures
	require.InDelta(t, 903.6, fig["margin_ms"], 1e-9)
	require.InDelta(t, 2183.5, fig["moved_ms"], 1e-9)
	require.InDelta(t, 8.6, fig["handover_max_ms"], 1e-9)
	require.InDelta(t, 6, fig["holder_token"], 0)
	require.InDelta(t, 7, fig["waiter_token"], 0)
	require.NotContains(t, fig, "stale_writes_attempted", "there was no resource")
	require.NotContains(t, scenario.Judge(load(t, "ok-program-fences")).Figures, "margin_ms", "nobody knows what it believed")
	// An overlap is no longer than what is sure of it: the line may have been on its way for a while.
	require.InDelta(t, -(3410.4 - 250 - 2183.5), scenario.Judge(load(t, "bad-no-overlap--program")).Figures["margin_ms"], 1e-9)
}

func TestProgramIsRefused(t *testing.T) {
	for _, p := range []scenario.Program{
		{}, {Command: []string{""}}, {Command: []string{"true"}, Resource: "database"}, {Command: []string{"true"}, Ready: -time.Second}, {Command: []string{"true"}, Grace: -1},
	} {
		_, err := scenario.RunPartition(t.Context(), scenario.PartitionConfig{LockPath: "/l", Program: &p})
		var usage *scenario.UsageError
		require.ErrorAs(t, err, &usage, "%+v", p)
	}
	_, err := scenario.RunPartition(t.Context(), scenario.PartitionConfig{Program: &scenario.Program{Command: []string{"true"}}})
	require.ErrorContains(t, err, "--lock-path is missing")
}
