package scenario

import (
	"fmt"
	"strings"
)

// CheckLockKept is the evidence check of the control without a cut.
const CheckLockKept = "lock-kept"

// controlChecks judge the run in which nothing is cut and so nothing may happen. If something does, the harness disturbs what it
// measures, and no other run of it proves anything: that is why these are evidence checks.
func controlChecks(e Evidence, f *facts) []Check {
	return []Check{checkNegotiated(e), checkLockKept(e, f), checkObserver(e, f), checkRecords(f), checkNotInterrupted(f)}
}

// checkLockKept is the control: with no cut, the holder keeps the lock for as long as a cut would have lasted, and nothing changes.
func checkLockKept(e Evidence, f *facts) Check {
	c := Check{Name: CheckLockKept, Kind: OfEvidence,
		Want: "without a cut the holder keeps the lock and nothing changes for " + spanOf(e.Parameters.For)}
	h, watched := f.holder(), Ms(e.Parameters.For.Duration())
	var odd []string
	for _, ev := range f.events {
		switch {
		case ev.AtMs > watched: // the run is being taken down
		case ev.What == Cut || ev.What == Heal || ev.What == NodeGone || ev.What == SessionExpiredLearnt:
			odd = append(odd, fmt.Sprintf("%s at %s", ev.What, at(ev.AtMs)))
		case ev.What == State && ev.Who == WhoHolder && h != nil && ev.AtMs > h.start:
			odd = append(odd, fmt.Sprintf("the holder's session changed at %s", at(ev.AtMs)))
		case (ev.What == Acquired || ev.What == Rejoined) && (h == nil || ev.AtMs > h.start):
			odd = append(odd, fmt.Sprintf("%s acquired at %s", ev.Who, at(ev.AtMs)))
		}
	}
	switch {
	case h == nil:
		odd = append(odd, "the holder never acquired the lock")
	case h.start > 0:
		odd = append(odd, fmt.Sprintf("the holder acquired the lock only at %s", at(h.start)))
	case h.end != nil && h.endLo < watched:
		odd = append(odd, fmt.Sprintf("the holder's belief ended at %s", at(h.endLo)))
	case h.end == nil && h.endLo < watched:
		odd = append(odd, fmt.Sprintf("the holder is known to have believed only until %s", at(h.endLo)))
	}
	switch owner := f.ownerAfterRecovery(); {
	case owner == "":
		odd = append(odd, "nobody looked who owns the lock in the end")
	case owner != OwnerHolder:
		odd = append(odd, "in the end the owner was "+owner)
	case f.owner.AtMs < watched:
		odd = append(odd, fmt.Sprintf("the observer looked only until %s", at(f.owner.AtMs)))
	}
	if len(odd) > 0 {
		c.Got = strings.Join(odd, "; ")
		return c
	}
	c.OK, c.Got = true, fmt.Sprintf("the holder believed and owned the lock until %s", at(min(h.endLo, f.owner.AtMs)))
	return c
}
