package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// The safety checks. Each fails only on proof.
const (
	CheckNoOverlap            = "no-overlap"
	CheckOneOwnerAtATime      = "one-owner-at-a-time"
	CheckNoStaleWriteAccepted = "no-stale-write-accepted"
	CheckTokensRise           = "tokens-rise"
)

func safetyChecks(e Evidence, f *facts) []Check {
	checks := []Check{checkNoOverlap(f), checkOneOwner(f), checkNoStaleWrite(e, f), checkTokensRise(f)}
	if e.Parameters.Kind == KindNone {
		checks = checks[1:] // no node is expected to go
	}
	return checks
}

// checkNoOverlap compares the holder's belief with its node: belief that outlives truth.
func checkNoOverlap(f *facts) Check {
	c := Check{Name: CheckNoOverlap, Kind: OfSafety, Want: "the holder stops believing before its node is gone", OK: true}
	h, m := f.holder(), f.margin()
	switch {
	case h == nil && len(f.reigns) > 0:
		c.Got = "undecided: the holder did not say what it believes"
	case h == nil:
		c.Got = "undecided: the holder never acquired the lock"
	case m.negative():
		c.OK = false
		c.Got = fmt.Sprintf("the holder believed until %s although its node was gone by %s: an overlap of %s",
			at(h.endLo), at(f.gone.AtMs), span(-m.hi))
	case m.positive():
		c.Got = fmt.Sprintf("belief ended at %s, the node was still there at %s: a margin of %s", at(h.endHi), at(f.seen.AtMs), span(m.lo))
	default:
		c.Got = "undecided: " + f.undecided(h)
	}
	return c
}

// undecided says why the holder's belief cannot be compared with its node.
func (f *facts) undecided(h *hold) string {
	switch {
	case f.gone == nil && f.seen == nil:
		return "nobody watched the holder's node"
	case h.end == nil:
		return "nobody knows when the holder stopped believing"
	case f.gone == nil:
		return fmt.Sprintf("belief ended at %s, and nobody knows when the node went", at(h.endHi))
	case f.seen == nil:
		return fmt.Sprintf("belief ended at %s, and of the node it is only known that it was gone by %s", at(h.endHi), at(f.gone.AtMs))
	case f.seen.AtMs > f.gone.AtMs:
		return fmt.Sprintf("the node is said to be gone at %s and there at %s", at(f.gone.AtMs), at(f.seen.AtMs))
	case h.endLo < h.endHi:
		return fmt.Sprintf("belief ended between %s and %s, and the node went between %s and %s",
			at(h.endLo), at(h.endHi), at(f.seen.AtMs), at(f.gone.AtMs))
	}
	return fmt.Sprintf("belief ended at %s, and the node went between %s and %s", at(h.endHi), at(f.seen.AtMs), at(f.gone.AtMs))
}

// checkOneOwner compares every two beliefs, and every acquisition with the node of the holder before it.
func checkOneOwner(f *facts) Check {
	c := Check{Name: CheckOneOwnerAtATime, Kind: OfSafety, Want: "no client acquires while another one believes or its node is there", OK: true}
	var bad, good []string
	for _, p := range f.pairs() {
		switch {
		case p.overlaps():
			bad = append(bad, p.String())
		case p.apart():
			good = append(good, p.String())
		default:
			good = append(good, "undecided: "+p.String())
		}
	}
	if h, n := f.holder(), f.next(); h != nil && n != nil && f.seen != nil && n.start < f.seen.AtMs && (f.gone == nil || f.seen.AtMs <= f.gone.AtMs) {
		bad = append(bad, fmt.Sprintf("%s acquired at %s although the holder's node was still there at %s", theClient(n.who), at(n.start), at(f.seen.AtMs)))
	}
	switch {
	case len(bad) > 0:
		c.OK, c.Got = false, firstOf(bad)
	case len(good) > 0:
		c.Got = firstOf(good)
	default:
		c.Got = count(len(f.holds), "acquisition") + ", so nothing to compare"
	}
	return c
}

// checkNoStaleWrite looks at what the resource let happen, in its own order.
func checkNoStaleWrite(e Evidence, f *facts) Check {
	c := Check{Name: CheckNoStaleWriteAccepted, Kind: OfSafety, Want: "no write with a token below one that the resource has seen is accepted", OK: true}
	if len(f.reigns) > 0 {
		c.Want = "no write is accepted of a program while another one owns the lock, nor with a token below one that the resource has seen"
	}
	var bad []write
	for _, w := range f.writes {
		if w.accepted() && (w.stale || e.Parameters.Fenced && w.Token == 0 && w.mark > 0) {
			bad = append(bad, w)
		}
	}
	attempted, accepted := f.staleWrites()
	switch {
	case len(bad) > 0:
		c.OK, c.Got = false, fmt.Sprintf("a %s was accepted at %s, after token %s", bad[0].name(), at(bad[0].AtMs), hex(bad[0].mark))
		if r := bad[0].usurped; r != nil {
			c.Got = fmt.Sprintf("a %s was accepted at %s, when %s owned the lock", bad[0].name(), at(bad[0].AtMs), theClient(r.by))
		}
		if more := len(bad) - 1; more > 0 {
			c.Got += fmt.Sprintf("; and %d more", more)
		}
	case len(f.writes) == 0 && !f.sealed:
		c.Got = "undecided: nothing reached the resource"
	default:
		c.Got = fmt.Sprintf("%s attempted, %d accepted", count(attempted, "stale write"), accepted)
	}
	return c
}

// name names a write by its token, and by who made it, if that is known.
func (w write) name() string {
	name := "write without a token"
	if w.Token != 0 {
		name = "write with token " + hex(w.Token)
	}
	if w.By != "" {
		name += " of " + theClient(w.By)
	}
	return name
}

// checkTokensRise compares each acquisition with all before it.
func checkTokensRise(f *facts) Check {
	c := Check{Name: CheckTokensRise, Kind: OfSafety, Want: "each acquisition has a greater token than all before it", OK: true}
	var greatest uint64
	var bad, order []string
	for i, h := range f.holds {
		if h.token == 0 {
			continue
		}
		if h.token <= greatest && !resumed(f.holds[:i], h) {
			bad = append(bad, fmt.Sprintf("%s acquired with token %s at %s, after token %s", theClient(h.who), hex(h.token), at(h.start), hex(greatest)))
		}
		greatest = max(greatest, h.token)
		order = append(order, hex(h.token))
	}
	switch {
	case len(bad) > 0:
		c.OK, c.Got = false, firstOf(bad)
	case len(order) == 0:
		c.Got = "undecided: no acquisition with a token was recorded"
	default:
		c.Got = strings.Join(order, " < ")
	}
	return c
}

// resumed reports whether a program told of a hold that it had told of before: it was in doubt about it meanwhile.
func resumed(before []hold, h hold) bool {
	return h.startLo < h.start && slices.ContainsFunc(before, func(b hold) bool { return b.who == h.who && b.token == h.token })
}
