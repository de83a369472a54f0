package scenario

import (
	"fmt"
	"strings"
	"time"
)

// The evidence checks. If one fails, the run could not have shown a violation.
const (
	CheckNegotiatedAsRequested = "negotiated-as-requested"
	CheckCutMeasured           = "cut-measured"
	CheckIsolated              = "isolated"
	CheckSessionExpired        = "session-expired"
	CheckObserverPresent       = "observer-present"
	CheckMarginResolved        = "margin-resolved"
	CheckStaleAttempted        = "stale-attempted"
	CheckRecordsComplete       = "records-complete"
	CheckNotInterrupted        = "not-interrupted"
)

func evidenceChecks(e Evidence, f *facts) []Check {
	checks := []Check{
		checkNegotiated(e), checkSessionExpired(e, f), checkCutMeasured(e, f), checkIsolated(e, f), checkObserver(e, f), checkMarginResolved(f),
	}
	if e.Parameters.StalePlanned {
		checks = append(checks, checkStaleAttempted(f))
	}
	return append(checks, checkRecords(f), checkNotInterrupted(f))
}

func checkNegotiated(e Evidence) Check {
	p := e.Parameters
	c := Check{Name: CheckNegotiatedAsRequested, Kind: OfEvidence,
		Want: "the server gives the session that was asked for, " + spanOf(p.SessionRequested)}
	switch {
	case p.SessionNegotiated <= 0:
		c.Got = "the session timeout that the server gave was not observed"
	case p.SessionNegotiated != p.SessionRequested:
		limit := "at least twice its tick"
		if p.SessionNegotiated < p.SessionRequested {
			limit = "at most twenty times its tick"
		}
		c.Got = fmt.Sprintf("the server gave %s instead of %s; by default it gives %s", spanOf(p.SessionNegotiated), spanOf(p.SessionRequested), limit)
	default:
		c.OK, c.Got = true, "the server gave "+spanOf(p.SessionNegotiated)
	}
	return c
}

func checkCutMeasured(e Evidence, f *facts) Check {
	c := Check{Name: CheckCutMeasured, Kind: OfEvidence, Want: "the start and the end of the cut and the time that healing took are measured"}
	switch {
	case f.cut == nil:
		c.Got = "the cut was not recorded"
		return c
	case f.heal == nil:
		c.Got = "the heal was not recorded"
		return c
	}
	length, ok := f.cutLength()
	took, timed := f.heal.Figures[HealMs]
	switch {
	case !ok:
		c.Got = "the heal is recorded before the cut"
	case !timed:
		c.Got = "it was not measured how long the heal took"
	default:
		c.OK, c.Got = true, fmt.Sprintf("%s, %s planned; healing took %s", span(length), spanOf(e.Parameters.For), span(took))
	}
	return c
}

// checkIsolated wants proof that the cut cut: for a cut that swallows bytes, that some were offered and none passed in the directions
// that were cut; for one that ends connections, that none was let through, or if those were not counted, that no byte passed either way.
func checkIsolated(e Evidence, f *facts) Check {
	p := e.Parameters
	c := Check{Name: CheckIsolated, Kind: OfEvidence}
	switch {
	case p.Where == WhereLeader:
		return checkDeposed(c, f)
	case p.Where.amongServers() && f.behind != nil:
		return checkBehind(c, f)
	}
	var offered, forwarded []string
	switch p.Kind {
	case KindDrop, KindJam:
		c.Want = "bytes were offered to the cut and none passed"
		if p.Direction != DirectionFromServer {
			offered, forwarded = append(offered, BytesOfferedToServer), append(forwarded, BytesForwardedToServer)
		}
		if p.Direction != DirectionToServer {
			offered, forwarded = append(offered, BytesOfferedFromServer), append(forwarded, BytesForwardedFromServer)
		}
	case KindRefuse, KindReset:
		c.Want = "no connection was let through the cut"
		forwarded = []string{ConnectionsForwarded}
		if _, counted := f.traffic[ConnectionsForwarded]; !counted {
			forwarded = []string{BytesForwardedToServer, BytesForwardedFromServer}
		}
	default:
		c.Want = "a proof that nothing passed"
		c.Got = fmt.Sprintf("it is not known how to prove the isolation of a fault of kind %q", p.Kind)
		return c
	}
	passed, complete := f.sumTraffic(forwarded)
	asked, counted := f.sumTraffic(offered)
	switch {
	case !complete || !counted:
		c.Got = "the proxy did not record what it let through"
	case passed > 0 && forwarded[0] == ConnectionsForwarded:
		c.Got = fmt.Sprintf("the proxy let %s through", count(int(passed), "connection"))
	case passed > 0 && len(offered) == 0:
		c.Got = fmt.Sprintf("the proxy forwarded %s during the cut", size(passed))
	case passed > 0:
		c.Got = fmt.Sprintf("the proxy forwarded %s of %s during the cut", size(passed), size(asked))
	case len(offered) == 0:
		c.OK, c.Got = true, "the proxy let nothing through"
	case asked == 0:
		c.Got = "no byte was offered to the cut, so it is not proven that it would have been stopped"
	default:
		c.OK, c.Got = true, fmt.Sprintf("the proxy was offered %s and forwarded none", size(asked))
	}
	return c
}

// checkDeposed wants the others to have elected another leader, which they do only when they hear nothing of the old one: nobody counts what crosses a network.
func checkDeposed(c Check, f *facts) Check {
	c.Want = "the others hear nothing of their leader, and elect another"
	if f.elected == nil {
		c.Got = "no other server was seen to lead during the cut"
		return c
	}
	c.OK, c.Got = true, fmt.Sprintf("%s by %s", f.elected.Detail, at(f.elected.AtMs))
	return c
}

// checkBehind wants the holder's server not to know, some time later, that the others have deleted the holder's node.
func checkBehind(c Check, f *facts) Check {
	c.Want = "the holder's server does not learn what happens among the others"
	switch b := f.behind; {
	case f.gone == nil || f.gone.Zxid == 0:
		c.Got = "the deletion of the holder's node was not seen, so there was nothing for the holder's server to learn"
	case b.AtMs <= f.gone.AtMs:
		c.Got = "the holder's server was asked before there was anything to learn"
	case b.Zxid == 0 || b.Zxid >= f.gone.Zxid:
		c.Got = fmt.Sprintf("the holder's server knew of zxid %s at %s, and the holder's node was deleted with %s", hex(b.Zxid), at(b.AtMs), hex(f.gone.Zxid))
	default:
		c.OK = true
		c.Got = fmt.Sprintf("at %s the holder's server knew of nothing after zxid %s; the others had deleted the holder's node with %s by %s", at(b.AtMs), hex(b.Zxid), hex(f.gone.Zxid), at(f.gone.AtMs))
	}
	return c
}

// sumTraffic adds up counters of the proxy, and reports whether all of them were recorded.
func (f *facts) sumTraffic(names []string) (sum float64, complete bool) {
	for _, name := range names {
		n, ok := f.traffic[name]
		if !ok {
			return 0, false
		}
		sum += n
	}
	return sum, true
}

// checkSessionExpired wants the loss to be the work of the cut: long enough to be sure, and the node gone, not earlier than a server
// expires anything and not because the holder gave it back.
func checkSessionExpired(e Evidence, f *facts) Check {
	p := e.Parameters
	c := Check{Name: CheckSessionExpired, Kind: OfEvidence, Want: "the cut outlasts the session, and the holder's node goes with it"}
	length, ok := f.cutLength()
	if !ok {
		c.Got = "it is not known how long the cut lasted"
		return c
	}
	enough, why := Conclusive(time.Duration(length*1e6), p)
	earliest := Ms(Predict(p).Earliest.Duration())
	h := f.holder()
	switch {
	case !enough:
		c.Got = why
	case h == nil:
		c.Got = "the holder never acquired the lock"
	case h.start > f.cut.AtMs:
		c.Got = fmt.Sprintf("the holder acquired the lock only at %s, during the cut", at(h.start))
	case h.end != nil && h.end.What == Released:
		c.Got = fmt.Sprintf("the holder gave the lock back itself at %s", at(h.end.AtMs))
	case f.gone == nil:
		c.Got = "the holder's node was not seen to go"
	case f.gone.AtMs < earliest:
		c.Got = fmt.Sprintf("the node was gone by %s, before any session can expire (%s): something else deleted it", at(f.gone.AtMs), at(earliest))
	default:
		c.OK = true
		c.Got = fmt.Sprintf("the cut lasted %s, the session %s, and the node was gone by %s", span(length), spanOf(p.SessionNegotiated), at(f.gone.AtMs))
	}
	return c
}

// checkObserver wants an observer that watched from its first sight of the node to the reading of the owner.
func checkObserver(e Evidence, f *facts) Check {
	c := Check{Name: CheckObserverPresent, Kind: OfEvidence, Want: "an observer on a connection of its own watches to the end"}
	var missing []string
	switch {
	case e.Parameters.Kind == KindNone:
	case f.seen == nil:
		missing = append(missing, "it never saw the holder's node")
	case f.gone != nil && f.seen.AtMs > f.gone.AtMs:
		missing = append(missing, "it saw the holder's node again after it was gone")
	}
	if f.ownerAfterRecovery() == "" {
		missing = append(missing, "it did not say who owns the lock in the end")
	}
	if f.has(ObserverLost) {
		missing = append(missing, "it lost its connection")
	}
	if len(missing) > 0 {
		c.Got = strings.Join(missing, "; ")
		return c
	}
	c.OK, c.Got = true, "it did"
	if f.seen != nil && f.gone != nil {
		c.Got += fmt.Sprintf("; it knows the end of the node to %s", span(f.gone.AtMs-f.seen.AtMs))
	}
	return c
}

// checkMarginResolved wants every comparison of the safety checks to be decided: see [margin].
func checkMarginResolved(f *facts) Check {
	c := Check{Name: CheckMarginResolved, Kind: OfEvidence, Want: "who believed, and whose node was there, is known well enough to compare"}
	h := f.holder()
	if h == nil {
		c.Got = "the holder never acquired the lock"
		return c
	}
	for _, p := range f.pairs() {
		if !p.overlaps() && !p.apart() {
			c.Got = p.String()
			return c
		}
	}
	m, n := f.margin(), f.next()
	switch {
	case m.positive():
		c.OK, c.Got = true, fmt.Sprintf("belief ended at least %s before the node", span(m.lo))
	case m.negative():
		c.OK, c.Got = true, fmt.Sprintf("belief ended at least %s after the node", span(-m.hi))
	case n == nil:
		c.Got = f.undecided(h) + "; nobody acquired the lock afterwards to settle it"
	default:
		// The pair is decided, or the loop above had returned.
		c.OK, c.Got = true, fmt.Sprintf("%s; what counts is settled all the same: %s", f.undecided(h), pair{h, n})
	}
	return c
}

func checkStaleAttempted(f *facts) Check {
	c := Check{Name: CheckStaleAttempted, Kind: OfEvidence, Want: "at least one stale write reaches the resource"}
	attempted, _ := f.staleWrites()
	c.OK, c.Got = attempted > 0, count(attempted, "stale write")+" reached the resource"
	if attempted == 0 {
		c.Got = "no stale write reached the resource, so it is not proven that it would have been refused"
	}
	return c
}

// checkRecords wants the events to say what the safety checks compare.
func checkRecords(f *facts) Check {
	c := Check{Name: CheckRecordsComplete, Kind: OfEvidence,
		Want: "every event is of a known kind, every acquisition has a token, every write an outcome and a token that somebody acquired"}
	missing := map[string]int{}
	var order []string
	miss := func(what string) {
		if missing[what]++; missing[what] == 1 {
			order = append(order, what)
		}
	}
	acquired := map[uint64]bool{}
	for _, h := range f.holds {
		acquired[h.token] = true
	}
	for _, e := range f.events {
		switch {
		case !known(e.What):
			miss(fmt.Sprintf("event of the unknown kind %q", e.What))
		case (e.What == Acquired || e.What == Rejoined) && !clientOf(e.Who):
			miss(fmt.Sprintf("acquisition by %q, who is no client", e.Who))
		case (e.What == Acquired || e.What == Rejoined) && e.Token == 0:
			miss("acquisition without a token")
		case e.Who == WhoResource && e.What == Write && e.Token == 0:
			miss("write without a token")
		case e.Who == WhoResource && e.What == Write && e.OK == nil:
			miss("write without an outcome")
		case e.Token != 0 && e.What != Owner && !acquired[e.Token]:
			miss(fmt.Sprintf("%s with token %s, which nobody acquired", e.What, hex(e.Token)))
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

func checkNotInterrupted(f *facts) Check {
	c := Check{Name: CheckNotInterrupted, Kind: OfEvidence, Want: "the run is not interrupted", OK: !f.has(Interrupted), Got: "it was not"}
	for _, e := range f.events {
		if e.What == Interrupted {
			c.Got = "the run was interrupted at " + at(e.AtMs)
			break
		}
	}
	return c
}
