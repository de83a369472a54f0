package scenario_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

// one returns the n-th event of a kind by somebody.
func one(t *testing.T, e *scenario.Evidence, who, what string, n int) *scenario.Event {
	t.Helper()
	for i := range e.Events {
		if ev := &e.Events[i]; ev.Who == who && ev.What == what {
			if n == 0 {
				return ev
			}
			n--
		}
	}
	require.FailNow(t, "no such event", "%s %s", who, what)
	return nil
}

func without(e *scenario.Evidence, who, what string) {
	e.Events = slices.DeleteFunc(e.Events, func(ev scenario.Event) bool { return ev.Who == who && ev.What == what })
}

// Small changes to good evidence, and every check that they make fail.
func TestChecks(t *testing.T) {
	yes := true
	add := func(e *scenario.Evidence, ev scenario.Event) { e.Events = append(e.Events, ev) }
	for name, c := range map[string]struct {
		from   string
		change func(t *testing.T, e *scenario.Evidence)
		fail   []string
	}{
		"a refused write does not move the mark": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			e.Events = slices.DeleteFunc(e.Events, func(ev scenario.Event) bool { return ev.Who == scenario.WhoResource && ev.Token == 7 })
		}, []string{scenario.CheckStaleAttempted}},
		"a refused write of a later owner does not move the mark": {"ok-three-clients", func(_ *testing.T, e *scenario.Evidence) {
			no := false
			e.Events = slices.Insert(e.Events, 0, scenario.Event{AtMs: 2185, Who: scenario.WhoResource, What: scenario.Write, Token: 9, OK: &no})
		}, nil},
		"a write without a token on a fenced resource": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			add(e, scenario.Event{AtMs: 3500, Who: scenario.WhoResource, What: scenario.Write, OK: &yes})
		}, []string{scenario.CheckNoStaleWriteAccepted, scenario.CheckRecordsComplete}},
		"a write without a token on an unfenced resource": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			e.Parameters.Fenced = false
			add(e, scenario.Event{AtMs: 3500, Who: scenario.WhoResource, What: scenario.Write, OK: &yes})
		}, []string{scenario.CheckRecordsComplete}},
		"resource order, not time": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			// The stale write is stamped before the seal, but the resource recorded it after the seal and accepted it.
			stale := one(t, e, scenario.WhoResource, scenario.Write, 7)
			require.EqualValues(t, 6, stale.Token)
			stale.AtMs, stale.OK = 2185.7, &yes
		}, []string{scenario.CheckNoStaleWriteAccepted}},
		"the same token twice": {"ok-three-clients", func(_ *testing.T, e *scenario.Evidence) {
			for i := range e.Events {
				if e.Events[i].Token == 9 {
					e.Events[i].Token = 7
				}
			}
		}, []string{scenario.CheckTokensRise}},
		"traffic of the other link": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			add(e, scenario.Event{AtMs: 3002, Who: scenario.WhoResourceProxy, What: scenario.Traffic,
				Figures: map[string]float64{scenario.BytesForwardedToServer: 99, scenario.BytesOfferedToServer: 99}})
		}, nil},
		"traffic adds up": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			add(e, scenario.Event{AtMs: 3002, Who: scenario.WhoProxy, What: scenario.Traffic, Figures: map[string]float64{scenario.BytesForwardedFromServer: 1}})
		}, []string{scenario.CheckIsolated}},
		"refused, and only bytes are counted": {"ok-refuse", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoProxy, scenario.Traffic, 0).Figures = map[string]float64{
				scenario.BytesForwardedToServer: 0, scenario.BytesForwardedFromServer: 0}
		}, nil},
		"refused, and bytes get through": {"ok-refuse", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoProxy, scenario.Traffic, 0).Figures = map[string]float64{
				scenario.BytesForwardedToServer: 0, scenario.BytesForwardedFromServer: 12}
		}, []string{scenario.CheckIsolated}},
		"refused, and only one way is counted": {"ok-refuse", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoProxy, scenario.Traffic, 0).Figures = map[string]float64{scenario.BytesForwardedToServer: 0}
		}, []string{scenario.CheckIsolated}},
		"a node that somebody else did not see": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoObserver, scenario.NodeGone, 0).Who = scenario.WhoWaiter
		}, []string{scenario.CheckSessionExpired}},
		"the node of another hold": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoObserver, scenario.NodeGone, 0).Token = 7
		}, []string{scenario.CheckSessionExpired}},
		"the owner was read before the heal": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoObserver, scenario.Owner, 0).AtMs = 2500
		}, []string{scenario.CheckObserverPresent, scenario.CheckOwnerAfterRecovery}},
		"an owner of no known kind": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoObserver, scenario.Owner, 0).Detail = "the waiter, I think"
		}, []string{scenario.CheckObserverPresent, scenario.CheckOwnerAfterRecovery}},
		"the holder owns it again": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoObserver, scenario.Owner, 0).Detail = scenario.OwnerHolder
		}, []string{scenario.CheckOwnerAfterRecovery}},
		"acquired during the cut": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoHolder, scenario.Acquired, 0).AtMs = 100
		}, []string{scenario.CheckSessionExpired}},
		"nobody to settle a close call": {"ok-close-call", func(_ *testing.T, e *scenario.Evidence) {
			without(e, scenario.WhoWaiter, scenario.Acquired)
		}, []string{scenario.CheckMarginResolved, scenario.CheckRecordsComplete, scenario.CheckLockMoved, scenario.CheckOwnerAfterRecovery}},
		"no end of belief": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			without(e, scenario.WhoHolder, scenario.BeliefEnded)
		}, []string{scenario.CheckMarginResolved}},
		"no end of belief, and a write of the holder long after": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			without(e, scenario.WhoHolder, scenario.BeliefEnded)
			add(e, scenario.Event{AtMs: 3500, Who: scenario.WhoHolder, What: scenario.WriteSent, Token: 6})
		}, []string{scenario.CheckNoOverlap, scenario.CheckOneOwnerAtATime}},
		"seen again after it was gone": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoObserver, scenario.NodeSeen, 0).AtMs = 2184
		}, []string{scenario.CheckObserverPresent}},
		"no observer of the node at all": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			without(e, scenario.WhoObserver, scenario.NodeSeen)
			without(e, scenario.WhoObserver, scenario.NodeGone)
		}, []string{scenario.CheckSessionExpired, scenario.CheckObserverPresent}},
		"acquired by nobody we know": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			add(e, scenario.Event{AtMs: -650, Who: "passer-by", What: scenario.Acquired, Token: 5})
			add(e, scenario.Event{AtMs: -620, Who: "passer-by", What: scenario.Released, Token: 5})
		}, []string{scenario.CheckRecordsComplete}},
		"later than predicted": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			e.Predicted = scenario.Window{Earliest: 1, Latest: scenario.Millis(100e6)}
		}, []string{scenario.CheckLockMoved}},
		"nothing predicted": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) { e.Predicted = scenario.Window{} }, []string{scenario.CheckLockMoved}},
		"long after the node was gone": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) {
			// Even if much more than that was predicted.
			e.Predicted.Latest = scenario.Millis(9e9)
			for i := range e.Events {
				if ev := &e.Events[i]; ev.AtMs > 2184 {
					ev.AtMs += 2500
				}
			}
		}, []string{scenario.CheckLockMoved}},
		"rejoined before the heal": {"ok-rejoin", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoHolder, scenario.Rejoined, 0).AtMs = 2900
			one(t, e, scenario.WhoWaiter, scenario.Released, 0).AtMs = 2899
		}, []string{scenario.CheckHolderRejoined}},
		"the heal before the cut": {"ok-drop", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoHarness, scenario.Heal, 0).AtMs = -5
		}, []string{scenario.CheckCutMeasured, scenario.CheckSessionExpired}},
		"no negotiated session": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) { e.Parameters.SessionNegotiated = 0 },
			[]string{scenario.CheckNegotiatedAsRequested, scenario.CheckSessionExpired}},
		"a fault without rules": {"ok-drop", func(_ *testing.T, e *scenario.Evidence) { e.Parameters.Kind = "pause" },
			[]string{scenario.CheckSessionExpired, scenario.CheckIsolated}},
		"control: cut all the same": {"ok-none", func(_ *testing.T, e *scenario.Evidence) {
			add(e, scenario.Event{AtMs: 1, Who: scenario.WhoHarness, What: scenario.Cut})
			add(e, scenario.Event{AtMs: 2, Who: scenario.WhoHarness, What: scenario.Heal})
		}, []string{scenario.CheckLockKept}},
		"control: the node goes": {"ok-none", func(_ *testing.T, e *scenario.Evidence) {
			add(e, scenario.Event{AtMs: 1500, Who: scenario.WhoObserver, What: scenario.NodeGone})
		}, []string{scenario.CheckLockKept}},
		"control: the session expires": {"ok-none", func(_ *testing.T, e *scenario.Evidence) {
			add(e, scenario.Event{AtMs: 1500, Who: scenario.WhoHolder, What: scenario.SessionExpiredLearnt})
		}, []string{scenario.CheckLockKept}},
		"control: acquired too late": {"ok-none", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoHolder, scenario.Acquired, 0).AtMs = 10
		}, []string{scenario.CheckLockKept}},
		"control: never acquired": {"ok-none", func(_ *testing.T, e *scenario.Evidence) { without(e, scenario.WhoHolder, scenario.Acquired) },
			[]string{scenario.CheckLockKept, scenario.CheckRecordsComplete}},
		"control: released too early": {"ok-none", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoHolder, scenario.Released, 0).AtMs = 2900
		}, []string{scenario.CheckLockKept}},
		"control: somebody else acquires": {"ok-none", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoWaiter, scenario.Acquired, 0).AtMs = 2000
		}, []string{scenario.CheckOneOwnerAtATime, scenario.CheckLockKept}},
		"control: the waiter owns it": {"ok-none", func(t *testing.T, e *scenario.Evidence) {
			one(t, e, scenario.WhoObserver, scenario.Owner, 0).Detail = scenario.OwnerWaiter
		}, []string{scenario.CheckLockKept}},
		"control: nobody looks": {"ok-none", func(_ *testing.T, e *scenario.Evidence) { without(e, scenario.WhoObserver, scenario.Owner) },
			[]string{scenario.CheckLockKept, scenario.CheckObserverPresent}},
		"no events at all": {"ok-none", func(_ *testing.T, e *scenario.Evidence) { e.Events = nil },
			[]string{scenario.CheckLockKept, scenario.CheckObserverPresent}},
	} {
		t.Run(name, func(t *testing.T) {
			e := load(t, c.from)
			c.change(t, &e)
			r := scenario.Judge(e)
			require.ElementsMatch(t, c.fail, failed(r), "%+v", r.Checks)
			checkAny(t, e)
		})
	}
}
