package ratelimit

import (
	"math"
	"time"
)

// Unbounded is the bound of what has none.
const Unbounded = int64(math.MaxInt64)

// Bound returns the most that is admitted of one key in any period of that length, wherever it begins and both ends included, by a limiter without leases while Redis answers:
// by however many servers, as they share one state. It returns 0 for a limit that is not one.
//
// An admission counts when it is decided: in Redis, or for what was lent when this server uses it. Time is Redis's. [Limiter.Bound] is about a limiter as it is configured.
func (l Limit) Bound(window time.Duration) int64 {
	r, err := l.rule()
	if err != nil || window < 0 {
		return 0
	}
	return r.most(window.Microseconds())
}

// Bound returns the most that is admitted of one key in any period of that length, wherever it begins and both ends included, by so many servers with limiters like this one. It is
// the number that the tests of this package look for a way to exceed, and of which they reach at least 95 %.
//
// It covers outages, in which the outage policy admits what it does, and all else that the package comment lists as covered: lost replies, servers that die, clocks that are off. It
// does not cover that Redis forgets: see [Limiter.LossBound]. Without LocalShare and Open the number of servers makes no difference.
func (l *Limiter) Bound(window time.Duration, servers int) int64 {
	return plus(l.SteadyBound(window), l.cfg.Outage.most(l, max(0, window).Microseconds(), servers))
}

// SteadyBound is Bound for a period in which all servers reached Redis. It does not depend on their number.
func (l *Limiter) SteadyBound(window time.Duration) int64 {
	length := max(0, window).Microseconds()
	if l.lends() && !l.escrow {
		length += l.hold // What was lent before the period may be used in it.
	}
	sum := int64(0)
	for _, r := range l.rooms {
		sum = plus(sum, r.rule.most(length))
	}
	return sum
}

// LossBound returns what must be added to Bound for each time that Redis lost its data in the period: a restart without persistence, a failover, FLUSHALL, an evicted key. It is what
// can be admitted at once, of which as much was lost at most as had been admitted since the last that was kept.
func (l *Limiter) LossBound() int64 { return l.whole.burst() }

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func times(a, b int64) int64 {
	if a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}
