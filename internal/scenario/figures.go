package scenario

import (
	"fmt"
	"math"
)

// figures derives every number that the report shows. Of each, the events that it needs are named; without them it is not in the map.
//
//	session_requested_ms, session_negotiated_ms, tick_ms, planned_cut_ms   the parameters
//	predicted_earliest_ms, predicted_latest_ms                             the prediction
//	cut_ms                   cut, heal: from the one to the other
//	heal_ms                  heal
//	holder_token             acquired (holder); exact up to 2^53, the events have all bits
//	waiter_token             acquired (the first client after the holder)
//	belief_end_ms            belief-ended or released (holder)
//	truth_seen_ms            node-seen
//	truth_end_ms             node-gone
//	margin_min_ms            belief-ended, node-seen: what is proven; the margin is not less than this
//	margin_max_ms            belief-ended, node-gone: the margin is not more than this
//	margin_ms                of these two the nearer to 0; absent if they differ in sign. Negative even without belief-ended, if the
//	                         holder was still seen to believe after node-gone
//	observer_resolution_ms   node-seen, node-gone: how far they are apart
//	waiter_acquired_ms       acquired (waiter)
//	handover_ms              node-gone, acquired (waiter): 0 if the waiter knew before the observer
//	handover_max_ms          node-seen, acquired (waiter): the hand-over took no longer than this
//	belief_gap_ms            belief-ended (holder), acquired (waiter); negative: two believers
//	expired_learnt_ms        session-expired-learnt (holder)
//	rejoined_ms              rejoined
//	moved_ms                 owns (the first other program after the cut), as the observer first knew it
//	stale_writes_attempted, stale_writes_accepted, writes_accepted, writes_refused   write or sealed
//	bytes_…, connections_…   traffic of the link between the holder and ZooKeeper, while it was cut
func figures(e Evidence, f *facts) map[string]float64 {
	fig := map[string]float64{}
	p := e.Parameters
	for name, m := range map[string]Millis{
		"session_requested_ms": p.SessionRequested, "session_negotiated_ms": p.SessionNegotiated, "tick_ms": p.Tick, "planned_cut_ms": p.For,
	} {
		if m > 0 {
			fig[name] = Ms(m.Duration())
		}
	}
	if !e.Predicted.IsZero() {
		fig["predicted_earliest_ms"] = Ms(e.Predicted.Earliest.Duration())
		fig["predicted_latest_ms"] = Ms(e.Predicted.Latest.Duration())
	}
	f.faultFigures(fig)
	f.beliefFigures(fig)
	f.resourceFigures(fig)
	for name, n := range fig {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			delete(fig, name) // JSON cannot say it
		}
	}
	return fig
}

func (f *facts) faultFigures(fig map[string]float64) {
	if length, ok := f.cutLength(); ok {
		fig["cut_ms"] = length
	}
	if f.heal != nil {
		if took, ok := f.heal.Figures[HealMs]; ok {
			fig[HealMs] = roundMs(took)
		}
	}
	for _, name := range []string{
		BytesOfferedToServer, BytesForwardedToServer, BytesOfferedFromServer, BytesForwardedFromServer, ConnectionsOffered, ConnectionsForwarded,
	} {
		if n, ok := f.traffic[name]; ok {
			fig[name] = n
		}
	}
}

func (f *facts) beliefFigures(fig map[string]float64) {
	h, n := f.holder(), f.next()
	if h != nil {
		setToken(fig, "holder_token", h)
		if h.end != nil {
			fig["belief_end_ms"] = roundMs(h.endHi)
		}
	}
	if f.seen != nil {
		fig["truth_seen_ms"] = roundMs(f.seen.AtMs)
	}
	if f.gone != nil {
		fig["truth_end_ms"] = roundMs(f.gone.AtMs)
	}
	if f.seen != nil && f.gone != nil {
		fig["observer_resolution_ms"] = roundMs(f.gone.AtMs - f.seen.AtMs)
	}
	m := f.margin()
	if ms, ok := m.value(); ok {
		fig["margin_ms"] = ms
	}
	if h != nil && h.end != nil {
		fig["margin_min_ms"], fig["margin_max_ms"] = roundMs(m.lo), roundMs(m.hi)
	}
	if n != nil {
		setToken(fig, "waiter_token", n)
		fig["waiter_acquired_ms"] = roundMs(n.start)
		if f.gone != nil {
			fig["handover_ms"] = max(0, roundMs(n.start-f.gone.AtMs))
		}
		if f.seen != nil {
			fig["handover_max_ms"] = roundMs(n.start - f.seen.AtMs)
		}
		if h.end != nil {
			fig["belief_gap_ms"] = roundMs(n.start - h.endHi)
		}
	}
	f.reignFigures(fig)
	if f.learnt != nil {
		fig["expired_learnt_ms"] = roundMs(f.learnt.AtMs)
	}
	if f.rejoined != nil {
		fig["rejoined_ms"] = roundMs(f.rejoined.AtMs)
	}
}

func setToken(fig map[string]float64, name string, h *hold) {
	if h.token != 0 {
		fig[name] = float64(h.token)
	}
}

// reignFigures replaces what clients would have said of their holds by what the observer saw.
func (f *facts) reignFigures(fig map[string]float64) {
	if r := f.cutOff(); r != nil {
		fig["holder_token"] = float64(r.token)
	}
	if r := f.moved(); r != nil {
		fig["waiter_token"], fig["moved_ms"] = float64(r.token), roundMs(r.from)
		if f.seen != nil {
			fig["handover_max_ms"] = roundMs(r.from - f.seen.AtMs)
		}
	}
}

func (f *facts) resourceFigures(fig map[string]float64) {
	if len(f.writes) == 0 && !f.sealed {
		return
	}
	attempted, accepted := f.staleWrites()
	fig["stale_writes_attempted"], fig["stale_writes_accepted"] = float64(attempted), float64(accepted)
	var yes, no float64
	for _, w := range f.writes {
		switch {
		case w.accepted():
			yes++
		case w.OK != nil:
			no++
		}
	}
	fig["writes_accepted"], fig["writes_refused"] = yes, no
}

// safeReasons says what a safe run has shown.
func (f *facts) safeReasons(e Evidence) []string {
	if e.Parameters.Kind == KindNone {
		return []string{"nothing was cut, and the holder kept the lock all the time"}
	}
	if len(f.reigns) > 0 {
		return f.programReasons()
	}
	var reasons []string
	if m := f.margin(); m.positive() {
		reasons = append(reasons, fmt.Sprintf("the holder stopped believing %s before %s deleted its node", span(m.lo), e.Engine.server()))
	} else if h, n := f.holder(), f.next(); h != nil && n != nil {
		reasons = append(reasons, fmt.Sprintf("the holder had stopped believing %s before the next client acquired", span(n.start-h.endHi)))
	}
	if attempted, _ := f.staleWrites(); attempted > 0 {
		reasons = append(reasons, fmt.Sprintf("%s reached the resource, none was accepted", count(attempted, "stale write")))
	} else if e.Parameters.Fenced {
		reasons = append(reasons, "no stale write was attempted")
	}
	if text := f.handover(); text != "" {
		reasons = append(reasons, "the lock moved on "+text)
	}
	return reasons
}

// handover says how long the next owner took, "" if that was not observed. A waiter that watches the node may well know before an
// observer that looks every few milliseconds; then only a bound is known.
func (f *facts) handover() string {
	n := f.next()
	switch {
	case n == nil || f.gone == nil:
		return ""
	case n.start > f.gone.AtMs:
		return span(n.start-f.gone.AtMs) + " after the node was gone"
	case f.seen != nil && f.seen.AtMs <= n.start:
		return "at most " + span(n.start-f.seen.AtMs) + " after the node went"
	}
	return "before the observer knew that the node was gone"
}
