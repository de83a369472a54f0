package ratelimit

import "time"

// A Decision says whether a request is admitted. It is a value, safe to copy; the zero Decision admits nothing.
type Decision struct {
	// OK says that the request is admitted, and counted.
	OK bool
	// Remaining is how much could still be admitted, as far as this server knows: what is lent to other servers is not in it, nor what other sub-buckets of a hot key have.
	Remaining int64
	// RetryAfter is 0 if the request is admitted. Otherwise it certainly is not admitted again before that, if nobody resets the key; later it may be.
	RetryAfter time.Duration
	// ResetAfter is when the key will be as if it had never been used, if nothing more is admitted until then. 0 means that it is, or that it is not known.
	ResetAfter time.Duration
	// Source says who decided.
	Source Source
}

// A Source is who made a decision.
type Source int

// The sources of decisions. The zero Source is none.
const (
	// FromRedis means that Redis was asked.
	FromRedis Source = iota + 1
	// FromLease means that this server had a token of a batch, and asked nobody.
	FromLease
	// FromDenyCache means that Redis had said before until when it would deny.
	FromDenyCache
	// FromOutage means that Redis could not be asked, and that the outage policy decided.
	FromOutage
)

// String returns the source in a word or two.
func (s Source) String() string {
	switch s {
	case FromRedis:
		return "redis"
	case FromLease:
		return "lease"
	case FromDenyCache:
		return "deny-cache"
	case FromOutage:
		return "outage"
	}
	return "nobody"
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
