package scenario_test

import (
	"fmt"
	"time"

	"github.com/zkkit/zkkit/internal/scenario"
)

// Before it cuts anything, a run can say whether the cut will prove anything.
func ExampleConclusive() {
	p := scenario.Parameters{
		Kind: scenario.KindDrop, Direction: scenario.DirectionBoth,
		SessionNegotiated: scenario.Millis(2 * time.Second), Tick: scenario.Millis(200 * time.Millisecond),
	}
	fmt.Println(scenario.Predict(p))
	p.SessionNegotiated = scenario.Millis(30 * time.Second)
	if ok, why := scenario.Conclusive(time.Second, p); !ok {
		fmt.Println(why)
	}
	// Output:
	// +1.333s..+2.200s
	// a cut of 1s cannot expire a session of 30s: cut for more than 30.2s (--for session+1s)
}

// Evidence without the observations that a verdict needs is never safe.
func ExampleJudge() {
	yes := true
	r := scenario.Judge(scenario.Evidence{
		Scenario:   scenario.PartitionScenario,
		Parameters: scenario.Parameters{Kind: scenario.KindDrop, Direction: scenario.DirectionBoth, Fenced: true},
		Events: []scenario.Event{
			{AtMs: -500, Who: scenario.WhoHolder, What: scenario.Acquired, Token: 6},
			{AtMs: 0, Who: scenario.WhoHarness, What: scenario.Cut},
			{AtMs: 2100, Who: scenario.WhoWaiter, What: scenario.Acquired, Token: 7},
			{AtMs: 2101, Who: scenario.WhoResource, What: scenario.Sealed, Token: 7},
			{AtMs: 2500, Who: scenario.WhoResource, What: scenario.Write, Token: 7, OK: &yes},
		},
	})
	fmt.Println(r.Verdict, r.Exit)
	// Output: inconclusive 3
}
