package scenario

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// pauseFacts is what the events of a pause say, run by run.
type pauseFacts struct {
	p    PauseParameters
	runs []*pauseRun // by number; only those of the plan
	odd  []Event     // of no run of the plan
}

// A pauseRun is what the events of one run say, put in relation. What was not observed is nil.
type pauseRun struct {
	number        int
	trial         Trial
	events        []Event // by time
	stood, wentOn *Event  // of worker A: frozen and resumed, or stuck and unstuck
	holds         []pauseHold
	writes        []pauseWrite
	effects       []Event // in the resource's order
	balance       *Event
	charges       []Event
	mark          uint64 // the greatest token sealed or accepted so far
	dead          *Event // a worker that failed
	replayed      float64
}

// A pauseHold is one acquisition.
type pauseHold struct {
	who   string
	token uint64
	start float64
	good  float64 // until when it is good, by the worker's own reckoning; NaN if it did not say
	end   *Event  // released or let-go, nil if not recorded
}

// A pauseWrite is one write as its worker tells of it.
type pauseWrite struct {
	Event
	answer *Event
	late   bool   // the lock had passed on since its worker got it
	mark   uint64 // the greatest token sealed or accepted before it was sent
}

// stale reports whether the resource knew better when the write came.
func (w pauseWrite) stale() bool { return w.Token != 0 && w.Token < w.mark }

func (w pauseWrite) answered(ok bool) bool {
	return w.answer != nil && w.answer.OK != nil && *w.answer.OK == ok
}

// derivePause reads the events.
func derivePause(e PauseEvidence) pauseFacts {
	f := pauseFacts{p: e.Parameters}
	byNumber := map[int]*pauseRun{}
	for _, ev := range e.Events {
		trial, planned := e.Parameters.trial(ev.Run)
		if !planned {
			f.odd = append(f.odd, ev)
			continue
		}
		r := byNumber[ev.Run]
		if r == nil {
			r = &pauseRun{number: ev.Run, trial: trial}
			byNumber[ev.Run] = r
			f.runs = append(f.runs, r)
		}
		r.events = append(r.events, ev)
	}
	slices.SortFunc(f.runs, func(a, b *pauseRun) int { return cmp.Compare(a.number, b.number) })
	for _, r := range f.runs {
		slices.SortStableFunc(r.events, func(a, b Event) int { return cmp.Compare(a.AtMs, b.AtMs) })
		for i := range r.events {
			r.add(&r.events[i])
		}
		slices.SortStableFunc(r.effects, func(a, b Event) int { return cmp.Compare(a.Figures[Seq], b.Figures[Seq]) })
	}
	return f
}

// add takes in one event, which nobody changes afterwards.
func (r *pauseRun) add(e *Event) {
	switch e.What {
	case Frozen, Stuck:
		first(&r.stood, e)
	case Resumed, Unstuck:
		first(&r.wentOn, e)
	case Acquired:
		r.holds = append(r.holds, pauseHold{who: e.Who, token: e.Token, start: e.AtMs, good: goodUntil(e)})
	case Checked:
		if h := r.hold(e.Who); h != nil && e.OK != nil && *e.OK && !math.IsNaN(goodUntil(e)) {
			h.good = goodUntil(e)
		}
	case Released, LetGo:
		if h := r.hold(e.Who); h != nil && h.end == nil {
			h.end = e
		}
	case Sealed:
		if e.OK != nil && *e.OK {
			r.mark = max(r.mark, e.Token)
		}
	case WriteSent:
		r.writes = append(r.writes, pauseWrite{Event: *e, late: r.passedOn(e.Who), mark: r.mark})
	case WriteAnswered:
		for i := range r.writes {
			if w := &r.writes[i]; w.Who == e.Who && w.answer == nil {
				w.answer = e
			}
		}
		if e.OK != nil && *e.OK {
			r.mark = max(r.mark, e.Token)
		}
	case Effect:
		r.effects = append(r.effects, *e)
	case Balance:
		first(&r.balance, e)
	case Charged:
		r.charges = append(r.charges, *e)
	case Failed:
		first(&r.dead, e)
	case Replayed:
		r.replayed += e.Figures[Times]
	}
}

func goodUntil(e *Event) float64 {
	if ms, ok := e.Figures[ValidMs]; ok {
		return e.AtMs + ms
	}
	return math.NaN()
}

// hold returns the last hold of a worker, or nil.
func (r *pauseRun) hold(who string) *pauseHold {
	for i := len(r.holds) - 1; i >= 0; i-- {
		if r.holds[i].who == who {
			return &r.holds[i]
		}
	}
	return nil
}

// passedOn reports whether another worker has got the lock since who did, so far. For one that stood still while it was asking, since then.
func (r *pauseRun) passedOn(who string) bool {
	own := r.hold(who)
	if own == nil {
		return false
	}
	since := own.start
	if r.stood != nil && own == r.first() {
		since = min(since, r.stood.AtMs)
	}
	return slices.ContainsFunc(r.holds, func(h pauseHold) bool { return h.who != who && h.start > since })
}

// first returns the first hold of A, or nil.
func (r *pauseRun) first() *pauseHold {
	for i := range r.holds {
		if r.holds[i].who == WhoA {
			return &r.holds[i]
		}
	}
	return nil
}

// next returns the first hold of another worker while A stood still, or nil.
func (r *pauseRun) next() *pauseHold {
	if r.stood == nil {
		return nil
	}
	for i := range r.holds {
		if h := &r.holds[i]; h.who != WhoA && h.start >= r.stood.AtMs && (r.wentOn == nil || h.start <= r.wentOn.AtMs) {
			return h
		}
	}
	return nil
}

// paused returns for how long A stood still.
func (r *pauseRun) paused() (ms float64, ok bool) {
	if r.stood == nil || r.wentOn == nil {
		return 0, false
	}
	ms, ok = r.wentOn.Figures[PausedMs]
	return ms, ok
}

// lateWrite returns the first write of A that it sent after it had stood still and the lock had passed on, or nil.
func (r *pauseRun) lateWrite() *pauseWrite {
	for i := range r.writes {
		if w := &r.writes[i]; w.Who == WhoA && w.late && r.wentOn != nil && w.AtMs >= r.wentOn.AtMs {
			return w
		}
	}
	return nil
}

// stored reports whether the effect of a write is in the resource.
func (r *pauseRun) stored(w pauseWrite) bool {
	return slices.ContainsFunc(r.effects, func(e Event) bool { return e.By == w.Who && e.Detail == w.Detail })
}

// accepted reports whether a write is known to have been let through: it was told so, or its effect is there.
func (r *pauseRun) accepted(w pauseWrite) bool { return w.answered(true) || r.stored(w) }

// twice returns a job that has more than one effect, "" if none has.
func (r *pauseRun) twice() string {
	done := map[string]int{}
	for _, e := range r.effects {
		if done[e.Detail]++; done[e.Detail] > 1 {
			return e.Detail
		}
	}
	return ""
}

// lost returns by how much the balance is less than what its effects were to add.
func (r *pauseRun) lost() float64 {
	if r.balance == nil {
		return 0
	}
	sum := 0.0
	for _, e := range r.effects {
		sum += e.Figures[Amount]
	}
	return sum - r.balance.Figures[BalanceAmount]
}

// spoiled reports whether the resource shows a job done twice, or an update that is gone.
func (r *pauseRun) spoiled() bool { return r.twice() != "" || r.lost() > 0 }

// intruder returns who got the lock while another's hold was good, and whose, or nil if nobody did.
func (r *pauseRun) intruder() (intruder, owner *pauseHold) {
	for i := range r.holds {
		for j := i + 1; j < len(r.holds); j++ {
			h, next := &r.holds[i], &r.holds[j]
			if h.who != next.who && next.start < h.good && (h.end == nil || h.end.AtMs > next.start) {
				return next, h
			}
		}
	}
	return nil, nil
}

// charged returns how often money was taken.
func (r *pauseRun) charged() (n int) {
	for _, e := range r.charges {
		if e.OK != nil && *e.OK {
			n++
		}
	}
	return n
}

// kept reports whether a worker that made no progress kept the lock for as long as it was stuck.
func (r *pauseRun) kept() bool { return r.wentOn != nil && r.next() == nil }

// disturbed says which worker lost its hold that was not meant to, because the machine was too busy for a lock that lives so short, "" if none did. What such a run shows
// is not what it was to show. It goes by times and by what workers say of their holds, and not by what came of it.
func (r *pauseRun) disturbed() string {
	for _, e := range r.events {
		switch {
		case e.What == Checked && e.OK != nil && !*e.OK:
			return fmt.Sprintf("%s found at %s that its hold is over", e.Who, at(e.AtMs))
		case e.What == Taken && e.OK != nil && !*e.OK:
			return "the lock was free again, or never taken, when A stood still"
		case e.What == LetGo && (e.Who != WhoA || r.trial.Way == WayRenewed):
			return fmt.Sprintf("%s lost its hold at %s although it was not meant to", e.Who, at(e.AtMs))
		}
	}
	for _, w := range r.writes {
		done := w.AtMs
		if w.answer != nil {
			done = w.answer.AtMs
		}
		if h := r.hold(w.Who); w.Who != WhoA && h != nil && done > h.good {
			return fmt.Sprintf("%s's write was done by %s, and its hold was good until %s", w.Who, at(done), at(h.good))
		}
	}
	return ""
}

// harmed reports whether what the case is about has happened.
func (r *pauseRun) harmed() bool {
	switch r.trial.Case {
	case CaseLateRelease:
		by, _ := r.intruder()
		return by != nil
	case CaseSideEffect:
		return r.charged() > 1
	case CaseStuckWorker:
		return r.kept()
	default:
		return r.spoiled()
	}
}

// String names the run.
func (r *pauseRun) String() string {
	return fmt.Sprintf("run %d (%s %s, %s, %s)", r.number, r.trial.Case.Number(), r.trial.Case, r.trial.Lock, r.trial.Way.About())
}
