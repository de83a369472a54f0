package scenario

import (
	"fmt"
	"math"
)

// A margin is the time from the end of the holder's belief to the end of its node: positive if belief ended first. Both ends are known
// as intervals, so the margin is one too: it is in [lo, hi], with infinities for what was not observed.
//
//	belief     ==========|--?--|                  ends in [endLo, endHi]
//	truth      =======================|---?---|   node last seen .. gone by now
//	margin lo            .     |------|           what is proven
//	margin hi            |--------------------|   what is possible
//
// If lo is not negative, belief certainly ended while the node was still there. If hi is negative, it certainly outlived the node. In
// between nobody can tell, and the run is inconclusive, unless the next owner's acquisition settles what the margin is about: a client
// that acquired after the holder had stopped believing never was a second owner, however close the call.
type margin struct{ lo, hi float64 }

// margin compares the holder's belief with its node.
func (f *facts) margin() margin {
	m := margin{lo: math.Inf(-1), hi: math.Inf(1)}
	h := f.holder()
	if h == nil {
		return m
	}
	if f.seen != nil && (f.gone == nil || f.seen.AtMs <= f.gone.AtMs) {
		m.lo = f.seen.AtMs - h.endHi
	}
	if f.gone != nil {
		m.hi = f.gone.AtMs - h.endLo
	}
	return m
}

// positive and negative report what is proven.
func (m margin) positive() bool { return m.lo >= 0 }
func (m margin) negative() bool { return m.hi < 0 }

// value returns the end of the interval that is nearer to 0, so the weaker claim, and false if not even the sign is proven.
func (m margin) value() (ms float64, ok bool) {
	switch {
	case m.positive():
		return roundMs(m.lo), true
	case m.negative():
		return roundMs(m.hi), true
	}
	return 0, false
}

// A pair is two beliefs of different clients, of which a began first.
type pair struct{ a, b *hold }

// overlaps and apart report what is proven: the second began while the first was certainly on, or after it was certainly over.
func (p pair) overlaps() bool { return p.a.endLo > p.b.start }
func (p pair) apart() bool    { return p.a.endHi <= p.b.startLo }

// String describes the pair.
func (p pair) String() string {
	a, b := theClient(p.a.who), theClient(p.b.who)
	switch {
	case p.overlaps():
		return fmt.Sprintf("%s acquired at %s while %s believed until %s: two owners for %s",
			b, at(p.b.start), a, at(p.a.endLo), span(min(p.a.endLo, p.b.endHi)-p.b.start))
	case p.apart():
		return fmt.Sprintf("%s stopped at %s, %s acquired at %s", a, at(p.a.endHi), b, at(p.b.start))
	case p.a.end == nil:
		return fmt.Sprintf("%s acquired at %s, and nobody knows when %s stopped believing", b, at(p.b.start), a)
	}
	return fmt.Sprintf("%s acquired at %s, while %s stopped believing between %s and %s",
		b, at(p.b.start), a, at(p.a.endLo), at(p.a.endHi))
}

// pairs returns every two beliefs of different clients.
func (f *facts) pairs() []pair {
	var all []pair
	for i := range f.holds {
		for j := i + 1; j < len(f.holds); j++ {
			if f.holds[i].who != f.holds[j].who {
				all = append(all, pair{&f.holds[i], &f.holds[j]})
			}
		}
	}
	return all
}
