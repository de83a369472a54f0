package ratelimit

import "time"

// An Outage is what a limiter does while Redis cannot be asked: [Closed], [Open] or [LocalShare].
type Outage interface {
	// decide makes a decision without Redis.
	decide(l *Limiter, key string, cost int64) Decision
	// most is what all servers together admit of one key by it, in any period of that length in microseconds.
	most(l *Limiter, length int64, servers int) int64
}

// Closed denies everything while Redis cannot be asked. It is the default: the limit holds, and the service is down for those who are limited.
type Closed struct{}

// Open admits everything while Redis cannot be asked: there is no limit then.
type Open struct{}

// LocalShare has each server admit its share while it cannot ask Redis: of N servers, a limit of Max/N, with Burst/N at once. All together then admit no more than the limit. A share
// that comes to less than one is nothing: with fewer tokens than servers it is Closed.
//
// Redis has its own count, of which the servers know nothing then. In a period in which some asked Redis and some, or the same ones at another time, lived on their share, up to
// what Redis admits and what all shares are may come together: about twice the limit. [Limiter.Bound] says how much.
//
// Whenever the number of servers changes, each share begins anew, and empty: whoever was there before may have used all that there is. So the above holds however often servers come
// and go, and a service that restarts its servers all the time during an outage admits little.
type LocalShare struct {
	// Servers says how many there are. It must not be nil.
	Servers Servers
}

// Servers tells how many servers share a limit. It is called for each decision of a [LocalShare], by one goroutine at a time, and must be quick: the others wait.
type Servers interface {
	// Servers returns how many there are at this moment, this one included, and since when it has been that many. It returns 0 if that is not known, or if this one does not count:
	// then it admits nothing. For the limit to hold, no two servers that count at one moment may be told a number below that of all that do.
	Servers() (n int, since time.Time)
}

// A Fixed is a number of servers that does not change.
type Fixed int

// Servers returns the number, and that it has always been that.
func (f Fixed) Servers() (int, time.Time) { return int(f), time.Time{} }

func (Closed) decide(l *Limiter, _ string, _ int64) Decision {
	return Decision{RetryAfter: l.nextTry(), Source: FromOutage}
}

func (Closed) most(*Limiter, int64, int) int64 { return 0 }

func (Open) decide(*Limiter, string, int64) Decision { return Decision{OK: true, Source: FromOutage} }

func (Open) most(*Limiter, int64, int) int64 { return Unbounded }

func (s LocalShare) decide(l *Limiter, key string, cost int64) Decision {
	d := l.shares.ask(l.clock, s.Servers, key, cost)
	if !d.OK && d.RetryAfter == 0 { // By this share never; but Redis may be back by then.
		d.RetryAfter = l.nextTry()
	}
	return d
}

func (s LocalShare) most(l *Limiter, length int64, servers int) int64 {
	part, ok := l.whole.share(int64(max(servers, 1)))
	if !ok {
		return 0
	}
	return times(part.most(hold(length)), int64(max(servers, 1))) // As long as it is for the fastest clock.
}
