package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The evidence checks of a run with programs of the user, beside those that every run has.
const (
	CheckOwnersAttributed = "owners-attributed"
	CheckBeliefShown      = "belief-shown"
)

// programChecks judge a run with programs of the user. Truth is what the observer reads, effect what reaches the resource, and of belief there is only what
// the programs say.
func programChecks(e Evidence, f *facts) []Check {
	checks := []Check{checkNoOverlap(f), checkOneOwner(f), checkNoStaleWrite(e, f), checkReignsRise(f)}
	if e.Parameters.Kind == KindNone {
		return append(checks[1:], checkOwnersAttributed(e, f), checkReignKept(e, f), checkObserver(e, f), checkProgramRecords(f), checkNotInterrupted(f))
	}
	return append(checks, checkOwnersAttributed(e, f), checkProgramExpired(e, f), checkCutMeasured(e, f), checkIsolated(e, f), checkObserver(e, f),
		checkBeliefShown(e, f), checkProgramRecords(f), checkNotInterrupted(f), checkReignMoved(e, f), checkReignAfter(f))
}

// checkReignsRise compares the zxids of the nodes that owned the lock, in ZooKeeper's own order, and the tokens that programs told of, in theirs.
func checkReignsRise(f *facts) Check {
	c := checkTokensRise(f)
	var greatest uint64
	var order, bad []string
	for _, r := range f.reigns {
		if r.token <= greatest {
			bad = append(bad, fmt.Sprintf("the node of %s has zxid %s, after %s", theClient(orSomebody(r.by)), hex(r.token), hex(greatest)))
		}
		greatest = max(greatest, r.token)
		order = append(order, hex(r.token))
	}
	if len(bad) > 0 {
		return Check{Name: c.Name, Kind: c.Kind, Want: c.Want, Got: firstOf(bad)}
	}
	if c.OK && len(order) > 0 {
		c.Got = "the owners' nodes: " + firstOf([]string{strings.Join(order, " < ")})
	}
	return c
}

func orSomebody(who string) string {
	if who == "" {
		return "somebody unknown"
	}
	return who
}

// checkOwnersAttributed wants to know of every owner which program it was, and that the program that was cut off owned the lock then.
func checkOwnersAttributed(e Evidence, f *facts) Check {
	c := Check{Name: CheckOwnersAttributed, Kind: OfEvidence, Want: "it is known which program owns the lock, all the time, and it is the holder when it is cut off"}
	i := slices.IndexFunc(f.reigns, func(r reign) bool { return r.by == "" })
	exit, ended := f.exited[WhoHolder]
	switch mine := f.cutOff(); {
	case len(f.reigns) == 0:
		c.Got = "nobody was seen to own the lock"
	case i >= 0:
		c.Got = fmt.Sprintf("from %s on the lock was owned in a session that did not come through a link of this run (node %s)", at(f.reigns[i].from), hex(f.reigns[i].token))
	case e.Parameters.Kind == KindNone:
		c.OK, c.Got = true, count(len(f.reigns), "owner")+", each of them known"
	case mine == nil || f.seen == nil || f.seen.AtMs < f.cut.AtMs:
		c.Got = "the holder is not known to have owned the lock when it was cut off"
	case ended && exit < f.cut.AtMs:
		c.Got = fmt.Sprintf("the holder had ended at %s, before it was cut off", at(exit))
	default:
		c.OK, c.Got = true, fmt.Sprintf("the holder owned it since %s, with node %s", at(mine.from), hex(mine.token))
	}
	return c
}

// checkProgramExpired is [checkSessionExpired] for a session that a program asked for, as it was read on its link.
func checkProgramExpired(e Evidence, f *facts) Check {
	p := e.Parameters
	c := Check{Name: CheckSessionExpired, Kind: OfEvidence, Want: "the cut outlasts the session, and the holder's node goes with it"}
	length, ok := f.cutLength()
	if !ok {
		c.Got = "it is not known how long the cut lasted"
		return c
	}
	enough, why := Conclusive(time.Duration(length*1e6), p)
	earliest := Ms(Predict(p).Earliest.Duration())
	switch {
	case !enough:
		c.Got = why
	case f.gone == nil:
		c.Got = "the holder's node was not seen to go"
	case f.gone.AtMs < earliest:
		c.Got = fmt.Sprintf("the node was gone by %s, before any session can expire (%s): the program gave the lock back, or something else deleted it", at(f.gone.AtMs), at(earliest))
	default:
		c.OK = true
		c.Got = fmt.Sprintf("the cut lasted %s, the session %s, and the node was gone by %s", span(length), spanOf(p.SessionNegotiated), at(f.gone.AtMs))
	}
	return c
}

// checkBeliefShown wants to know what the holder made of its loss: from what it said, from its end, or from a stale write of it. Without any of that, a program that
// believes for ever looks like one that stopped in time.
func checkBeliefShown(e Evidence, f *facts) Check {
	c := Check{Name: CheckBeliefShown, Kind: OfEvidence, Want: "the holder says in time what it believes, or ends, or a stale write of it reaches the resource"}
	h, m := f.holder(), f.margin()
	exit, quit := f.quit()
	stale := slices.IndexFunc(f.writes, func(w write) bool { return w.shows() })
	switch {
	case h != nil && m.positive():
		c.OK, c.Got = true, fmt.Sprintf("it had stopped by %s, when its node was still there", at(h.endHi))
	case h != nil && m.negative():
		c.OK, c.Got = true, fmt.Sprintf("it believed until %s, when its node was gone", at(h.endLo))
	case quit:
		c.OK, c.Got = true, fmt.Sprintf("it ended at %s, when its node was still there", at(exit))
	case stale >= 0:
		w := f.writes[stale]
		c.OK, c.Got = true, fmt.Sprintf("a stale write of it reached the resource at %s", at(w.AtMs))
	default:
		c.Got = f.notShown(e.Parameters.Resource)
	}
	return c
}

// notShown says why it is not known what the holder made of its loss.
func (f *facts) notShown(resource string) string {
	said := "the holder did not say what it believes (a line \"zkctl: held\" on its standard output while it does, and \"zkctl: released\" when it stops)"
	switch h := f.holder(); {
	case h != nil && h.end == nil && h.endLo > h.start:
		said = fmt.Sprintf("the holder said until %s that it held the lock, and never that it had stopped", at(h.endLo))
	case h != nil && h.end == nil:
		said = fmt.Sprintf("the holder said at %s that it held the lock, and never that it had stopped", at(h.start))
	case h != nil:
		said = f.undecided(h)
	}
	if resource == "" {
		return said + ", and it was given no resource to write to (--resource)"
	}
	return said + ", and no stale write of it reached the resource"
}

// checkProgramRecords wants the events to say what the safety checks compare.
func checkProgramRecords(f *facts) Check {
	c := Check{Name: CheckRecordsComplete, Kind: OfEvidence, Want: "every event is of a known kind, every owner is watched to its end, every write has an outcome"}
	missing := map[string]int{}
	var order []string
	miss := func(what string) {
		if missing[what]++; missing[what] == 1 {
			order = append(order, what)
		}
	}
	began := map[uint64]bool{}
	for _, e := range f.events {
		switch {
		case !known(e.What):
			miss(fmt.Sprintf("event of the unknown kind %q", e.What))
		case (e.What == Acquired || e.What == Rejoined) && !clientOf(e.Who):
			miss(fmt.Sprintf("acquisition by %q, who is no client", e.Who))
		case e.What == Owns:
			began[e.Token] = true
			if e.Token == 0 {
				miss("owner without a node")
			}
		case e.What == Owned && !began[e.Token]:
			miss("owner who was not seen to begin")
		case e.Who == WhoResource && e.What == Write && e.OK == nil:
			miss("write without an outcome")
		}
	}
	for _, r := range f.reigns {
		if !r.ended {
			miss("owner who was not seen to end")
		}
	}
	if len(order) == 0 {
		c.OK, c.Got = true, count(len(f.events), "event")
		return c
	}
	for i, what := range order {
		order[i] = fmt.Sprintf("%d × %s", missing[what], what)
	}
	c.Got = strings.Join(order, "; ")
	return c
}

func checkReignMoved(e Evidence, f *facts) Check {
	limit := Ms(e.Predicted.Latest.Duration() + Allowance)
	c := Check{Name: CheckLockMoved, Kind: OfLiveness,
		Want: fmt.Sprintf("another program owns the lock by %s, and within %v of the node being gone", at(limit), Allowance)}
	r := f.moved()
	switch {
	case e.Predicted.IsZero():
		c.Want, c.Got = "another program owns the lock in the predicted time", "nothing was predicted"
	case r == nil:
		c.Got = "no other program got the lock"
	case r.from > limit:
		c.Got = fmt.Sprintf("%s owned the lock only at %s", theClient(r.by), at(r.from))
	case f.gone != nil && r.from > f.gone.AtMs+Ms(Allowance):
		c.Got = fmt.Sprintf("%s owned the lock only at %s, %s after the node was gone", theClient(r.by), at(r.from), span(r.from-f.gone.AtMs))
	default:
		c.OK, c.Got = true, fmt.Sprintf("%s owned it at %s", theClient(r.by), at(r.from))
	}
	return c
}

// checkReignAfter wants a lock that somebody owns, or has owned, after the heal: a program may well give it back.
func checkReignAfter(f *facts) Check {
	c := Check{Name: CheckOwnerAfterRecovery, Kind: OfLiveness, Want: "after the heal somebody gets the lock or has it"}
	switch owner := f.ownerAfterRecovery(); {
	case owner == "":
		c.Got = "nobody looked"
	case owner != OwnerNobody:
		c.OK, c.Got = true, fmt.Sprintf("the %s owns it", owner)
	case f.heal != nil && slices.ContainsFunc(f.reigns, func(r reign) bool { return r.to >= f.heal.AtMs }):
		c.OK, c.Got = true, "nobody owns it any more, and somebody did after the heal"
	default:
		c.Got = "nobody owns it"
	}
	return c
}

// checkReignKept is the control: with no cut, the holder owns the lock for as long as a cut would have lasted.
func checkReignKept(e Evidence, f *facts) Check {
	c := Check{Name: CheckLockKept, Kind: OfEvidence,
		Want: "without a cut the holder keeps the lock for " + spanOf(e.Parameters.For)}
	watched := Ms(e.Parameters.For.Duration())
	i := slices.IndexFunc(f.reigns, func(r reign) bool { return r.by == WhoHolder && r.from <= 0 && r.to >= watched })
	switch {
	case f.has(Cut) || f.has(Heal):
		c.Got = "something was cut"
	case i < 0:
		c.Got = "it did not: a program that holds the lock for a short time only cannot show that nothing happens to it"
	default:
		c.OK, c.Got = true, fmt.Sprintf("the holder owned the lock until %s", at(f.reigns[i].to))
	}
	return c
}
