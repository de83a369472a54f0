package scenario

import (
	"fmt"
	"time"
)

// The liveness checks.
const (
	CheckLockMoved          = "lock-moved"
	CheckOwnerAfterRecovery = "owner-after-recovery"
	CheckHolderRejoined     = "holder-rejoined" // only if it was planned
)

// Allowance is by how much the lock may move on later than predicted, and later than the node was gone, before a run counts as
// stalled. It makes room for a loaded machine; it says nothing about speed, which the figures do.
const Allowance = 2 * time.Second

func livenessChecks(e Evidence, f *facts) []Check {
	checks := []Check{checkLockMoved(e, f), checkOwner(f)}
	if e.Parameters.RejoinPlanned {
		checks = append(checks, checkRejoined(f))
	}
	return checks
}

func checkLockMoved(e Evidence, f *facts) Check {
	limit := Ms(e.Predicted.Latest.Duration() + Allowance)
	c := Check{Name: CheckLockMoved, Kind: OfLiveness,
		Want: fmt.Sprintf("a waiter acquires by %s, and within %v of the node being gone", at(limit), Allowance)}
	n := f.next()
	switch {
	case e.Predicted.IsZero():
		c.Want, c.Got = "a waiter acquires in the predicted time", "nothing was predicted"
	case n == nil:
		c.Got = "no waiter acquired the lock"
	case n.start > limit:
		c.Got = fmt.Sprintf("%s acquired only at %s", theClient(n.who), at(n.start))
	case f.gone != nil && n.start > f.gone.AtMs+Ms(Allowance):
		c.Got = fmt.Sprintf("%s acquired only at %s, %s after the node was gone", theClient(n.who), at(n.start), span(n.start-f.gone.AtMs))
	default:
		c.OK, c.Got = true, fmt.Sprintf("%s acquired at %s", theClient(n.who), at(n.start))
	}
	return c
}

// checkOwner reads the observer's word, and holds its token against those that the waiters acquired.
func checkOwner(f *facts) Check {
	c := Check{Name: CheckOwnerAfterRecovery, Kind: OfLiveness, Want: "after the heal a waiter owns the lock"}
	switch owner := f.ownerAfterRecovery(); owner {
	case "":
		c.Got = "nobody looked"
	case OwnerWaiter:
		mine := f.find(func(h *hold) bool { return h.who != WhoHolder && h.token == f.owner.Token })
		if f.owner.Token != 0 && mine == nil {
			c.Got = fmt.Sprintf("the owner has token %s, which no waiter acquired", hex(f.owner.Token))
			return c
		}
		c.OK, c.Got = true, "a waiter owns it"
		if mine != nil {
			c.Got = fmt.Sprintf("%s owns it, with token %s", theClient(mine.who), hex(mine.token))
		}
	case OwnerNobody:
		c.Got = "nobody owns it"
	default:
		c.Got = "the " + owner + " owns it"
	}
	return c
}

func checkRejoined(f *facts) Check {
	c := Check{Name: CheckHolderRejoined, Kind: OfLiveness, Want: "the holder acquires the lock again after the heal"}
	switch {
	case f.rejoined == nil:
		c.Got = "it did not"
	case f.heal != nil && f.rejoined.AtMs < f.heal.AtMs:
		c.Got = fmt.Sprintf("it acquired at %s, before the heal", at(f.rejoined.AtMs))
	default:
		c.OK, c.Got = true, fmt.Sprintf("it did at %s, with token %s", at(f.rejoined.AtMs), hex(f.rejoined.Token))
	}
	return c
}

// ownerAfterRecovery returns what the observer said in the end, "" if it said nothing that can be read.
func (f *facts) ownerAfterRecovery() string {
	if f.owner == nil {
		return ""
	}
	switch f.owner.Detail {
	case OwnerHolder, OwnerWaiter, OwnerNobody:
		return f.owner.Detail
	}
	return ""
}
