package scenario

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// facts is what the events say, put in relation. Everything is derived from the events; what was not observed is nil.
type facts struct {
	events    []Event // all of them, by time
	cut, heal *Event
	holds     []hold // by time of acquisition
	seen      *Event // the holder's node
	gone      *Event
	owner     *Event // the first reading after the heal
	elected   *Event // while the old leader was cut off
	behind    *Event
	learnt    *Event // session-expired-learnt of the holder
	rejoined  *Event
	writes    []write // in the resource's order
	sealed    bool    // the resource was sealed by somebody
	mark      uint64  // the greatest token sealed or accepted
	traffic   map[string]float64
	reigns    []reign            // by time; only where the clients are programs
	exited    map[string]float64 // when programs ended
	live      bool               // the record goes on: see [write.judge]
}

// A hold is one belief of one client, an interval with a start that is known and an end that may be known only in part.
type hold struct {
	who   string
	token uint64
	again bool // of somebody who had lost the lock before
	// It is known to believe from start on, and not to have believed before startLo: the same moment, unless a program told of it.
	startLo, start float64
	// The end is in [endLo, endHi]: until endLo the client is known to have believed, from endHi on it is known not to. A belief whose end
	// was not recorded has an endLo of the last thing that it was seen to do, and an endHi of +Inf.
	endLo, endHi float64
	end          *Event // nil if not recorded
}

// A write is one arrival at the resource.
type write struct {
	Event
	mark  uint64 // the greatest token sealed or accepted before it
	stale bool   // its token is known and below the mark, or usurped is set
	// usurped is who certainly owned the lock when a program that did not wrote, nil if nobody is known to.
	usurped *reign
}

// accepted reports whether the resource is known to have let the write happen.
func (w write) accepted() bool { return w.OK != nil && *w.OK }

// derive reads the events: those of the resource in the order in which it recorded them, which the resource's own lock made, and all
// others by time. Of things that can happen only once it keeps the first.
func derive(events []Event) facts {
	f := facts{events: slices.Clone(events)}
	slices.SortStableFunc(f.events, func(a, b Event) int { return cmp.Compare(a.AtMs, b.AtMs) })
	for i := range f.events {
		if e := &f.events[i]; e.Who != WhoResource {
			f.add(e)
		}
	}
	for i := range events {
		if e := events[i]; e.Who == WhoResource {
			f.add(&e)
		}
	}
	for i := range f.writes {
		f.writes[i].judge(&f)
	}
	return f
}

// add takes in one event, which nobody changes afterwards.
func (f *facts) add(e *Event) {
	switch e.What {
	case Cut:
		first(&f.cut, e)
	case Heal:
		first(&f.heal, e)
	case Behind:
		if f.cut != nil && f.heal == nil {
			first(&f.behind, e)
		}
	case Elected:
		if f.cut != nil && f.heal == nil {
			first(&f.elected, e)
		}
	case SessionExpiredLearnt:
		if e.Who == WhoHolder {
			first(&f.learnt, e)
		}
	case Owner:
		if f.heal != nil || f.cut == nil {
			first(&f.owner, e)
		}
	case Traffic:
		f.addTraffic(e)
	case Acquired, Rejoined:
		f.holds = append(f.holds, hold{
			who: e.Who, token: e.Token, again: e.What == Rejoined,
			startLo: e.AtMs - e.Figures[ReportedWithinMs], start: e.AtMs, endLo: e.AtMs, endHi: math.Inf(1),
		})
		if e.What == Rejoined && e.Who == WhoHolder {
			first(&f.rejoined, e)
		}
	case BeliefEnded, Released, StillBelieving, WriteSent:
		f.touchHold(e)
	case Exited:
		f.addExit(e)
	case Owns, Owned:
		f.addReign(e)
	case NodeSeen, NodeGone:
		f.addNode(e)
	case Sealed, Write:
		f.addResource(e)
	}
}

// first keeps e unless there is one already.
func first(slot **Event, e *Event) {
	if *slot == nil {
		*slot = e
	}
}

// touchHold applies an event to the belief that it is about: the open one of that client, the one with that token if the event has one.
func (f *facts) touchHold(e *Event) {
	for i := len(f.holds) - 1; i >= 0; i-- {
		h := &f.holds[i]
		if h.who != e.Who || h.end != nil || (e.Token != 0 && h.token != 0 && e.Token != h.token) {
			continue
		}
		h.endLo = max(h.endLo, e.AtMs-e.Figures[ReportedWithinMs])
		if e.What == BeliefEnded || e.What == Released {
			h.end, h.endHi = e, e.AtMs
			if known, ok := e.Figures[KnownHeldMs]; ok {
				h.endLo = min(max(known, h.start), e.AtMs)
			}
		}
		return
	}
}

// addNode keeps an observation if it concerns the node of the holder's first hold.
func (f *facts) addNode(e *Event) {
	h := f.holder()
	if e.Who != WhoObserver || (h != nil && len(f.reigns) == 0 && e.Token != 0 && e.Token != h.token) {
		return
	}
	if e.What == NodeSeen {
		first(&f.seen, e)
	} else {
		first(&f.gone, e)
	}
}

// addTraffic adds up what the link between the holder and ZooKeeper let through.
func (f *facts) addTraffic(e *Event) {
	if e.Who != WhoProxy {
		return
	}
	if f.traffic == nil {
		f.traffic = map[string]float64{}
	}
	for name, n := range e.Figures {
		f.traffic[name] += n
	}
}

// addResource moves the mark.
func (f *facts) addResource(e *Event) {
	if e.Who != WhoResource {
		return
	}
	if e.What == Sealed {
		f.sealed = true
		f.mark = max(f.mark, e.Token)
		return
	}
	w := write{Event: *e, mark: f.mark, stale: e.Token != 0 && e.Token < f.mark}
	if f.live {
		w.judge(f)
	}
	f.writes = append(f.writes, w)
	if w.accepted() {
		f.mark = max(f.mark, e.Token)
	}
}

// holder returns the hold that the cut was meant for: the first one of the holder, or nil. Of a program it is what the program said, if it did: see [facts.reported].
func (f *facts) holder() *hold {
	if len(f.reigns) > 0 {
		return f.reported()
	}
	return f.find(func(h *hold) bool { return h.who == WhoHolder && !h.again })
}

// next returns the first hold of another client that was acquired after the holder's, or nil.
func (f *facts) next() *hold {
	mine := f.holder()
	return f.find(func(h *hold) bool { return mine != nil && h.who != WhoHolder && h.start >= mine.start })
}

// find returns the first hold that matches, or nil.
func (f *facts) find(match func(*hold) bool) *hold {
	for i := range f.holds {
		if match(&f.holds[i]) {
			return &f.holds[i]
		}
	}
	return nil
}

// has reports whether something like this was recorded.
func (f *facts) has(what string) bool {
	return slices.ContainsFunc(f.events, func(e Event) bool { return e.What == what })
}

// staleWrites counts the writes that arrived with a token below the mark, and those of them that were accepted.
func (f *facts) staleWrites() (attempted, accepted int) {
	for _, w := range f.writes {
		if w.stale {
			attempted++
			if w.accepted() {
				accepted++
			}
		}
	}
	return attempted, accepted
}

// cutLength returns how long the cut lasted, as measured.
func (f *facts) cutLength() (ms float64, ok bool) {
	if f.cut == nil || f.heal == nil || f.heal.AtMs < f.cut.AtMs {
		return 0, false
	}
	return roundMs(f.heal.AtMs - f.cut.AtMs), true
}

// clientOf reports whether who is one of the clients that want the lock.
func clientOf(who string) bool {
	return who == WhoHolder || who == WhoWaiter || strings.HasPrefix(who, WhoWaiter+"-")
}
