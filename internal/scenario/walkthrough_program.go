package scenario

import (
	"fmt"
	"math"
)

// tellSilence says what is known of a holder that did not say that it stopped.
func tellSilence(e Evidence, f *facts) []string {
	h := f.holder()
	if exit, ended := f.exited[WhoHolder]; ended && h == nil {
		return []string{fmt.Sprintf("It did not say what it believes, and it ended at %s.", at(exit))}
	}
	switch {
	case e.Parameters.Kind == KindNone || f.cut == nil:
		return nil
	case h == nil:
		return []string{"It did not say what it believes."}
	case h.endLo > h.start:
		return []string{fmt.Sprintf("It said until %s that it held the lock, and never that it had stopped.", at(h.endLo))}
	}
	return []string{fmt.Sprintf("It said at %s that it held the lock, and never that it had stopped.", at(h.start))}
}

// tellReigns says who owned the lock after the holder, and until when the holder said that it did.
func tellReigns(f *facts) []string {
	r, h := f.moved(), f.holder()
	if r == nil {
		return nil
	}
	text := fmt.Sprintf("%s owned it by %s", sentence(theClient(r.by)), at(r.from))
	if f.seen != nil && f.seen.AtMs <= r.from {
		text += fmt.Sprintf(", at most %s after the holder's node went", span(r.from-f.seen.AtMs))
	}
	if mine := f.cutOff(); mine != nil {
		text += fmt.Sprintf(", with node %s above the holder's %s", hex(r.token), hex(mine.token))
	}
	said := []string{text + "."}
	if h != nil && h.endLo > r.from {
		said = append(said, fmt.Sprintf("The holder said until %s that it was its own: for %s there were two owners.", at(h.endLo), span(min(h.endLo, r.to)-r.from)))
	}
	return said
}

// programReasons says what a safe run with programs has shown.
func (f *facts) programReasons() []string {
	var reasons []string
	h, m := f.holder(), f.margin()
	exit, quit := f.quit()
	switch {
	case h != nil && m.positive() && h.end != nil && h.end.What == Exited:
		reasons = append(reasons, fmt.Sprintf("the holder ended %s before its node was deleted", span(m.lo)))
	case h != nil && m.positive():
		reasons = append(reasons, fmt.Sprintf("the holder said that it had stopped %s before its node was deleted", span(m.lo)))
	case quit:
		reasons = append(reasons, fmt.Sprintf("the holder ended %s before its node was deleted", span(f.seen.AtMs-exit)))
	default:
		reasons = append(reasons, "it is not known until when the holder believed in its lock: it was the resource that kept it out")
	}
	if attempted, _ := f.staleWrites(); attempted > 0 {
		reasons = append(reasons, fmt.Sprintf("%s reached the resource, none was accepted", count(attempted, "stale write")))
	} else if len(f.writes) > 0 {
		reasons = append(reasons, "no stale write was attempted")
	}
	if r := f.moved(); r != nil && f.seen != nil {
		reasons = append(reasons, fmt.Sprintf("%s owned the lock at most %s after the holder's node went", theClient(r.by), span(r.from-f.seen.AtMs)))
	}
	return reasons
}

// programLanes returns the lanes of a run with programs: of each that said what it believes that, and of each when it owned the lock.
func programLanes(f *facts, a axis) []lane {
	var names []string
	belief, truth := map[string][]laneSpan{}, map[string][]laneSpan{}
	name := func(who string) string {
		if len(belief[who]) == 0 && len(truth[who]) == 0 {
			names = append(names, who)
		}
		return who
	}
	for i := range f.reigns {
		r := &f.reigns[i]
		s := laneSpan{start: r.from, sure: r.to, maybe: r.to, lost: math.NaN(), token: r.token, open: !r.ended}
		if s.open {
			s.sure, s.maybe = a.to, a.to
		}
		if r == f.cutOff() && f.gone != nil {
			s.maybe = max(r.to, f.gone.AtMs)
		}
		who := name(orSomebody(r.by))
		truth[who] = append(truth[who], s)
	}
	for i := range f.holds {
		h := &f.holds[i]
		s := laneSpan{start: h.start, sure: h.endLo, maybe: min(h.endHi, a.to), lost: math.NaN(), token: h.token, open: h.end == nil}
		if h == f.holder() && f.gone != nil {
			s.lost = f.gone.AtMs
		}
		who := name(h.who)
		belief[who] = append(belief[who], s)
	}
	var all []lane
	for _, who := range names {
		if spans := belief[who]; spans != nil {
			all = append(all, lane{who: who, what: "belief", tone: toneBelief, spans: spans})
		}
		all = append(all, lane{who: who, what: "truth", tone: toneTruth, spans: truth[who]})
	}
	return all
}
