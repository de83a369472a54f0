package ratelimit

import (
	"errors"
	"math"
	"math/bits"
)

// A bucket counts in units so small that a token and what a microsecond adds are both whole numbers of them.
//
// Its state is not what it contains but when it will have filled up, so that a key that nobody uses needs no state. What is lent and not yet used is still in the bucket, as far as
// filling is concerned: the bucket fills up to its capacity less what is lent. That is escrow. Let Φ be what can still be used without filling: tokens and loans. Φ is never
// more than the capacity; what is used takes from Φ, a loan takes nothing, a loan that expires takes what nobody can use any more. So in any period of length T there is used what
// Φ was at its beginning and what was filled in since, at most capacity + rate * T, whoever used it.
type bucket struct {
	capacity int64 // units
	rate     int64 // units per microsecond
	token    int64 // units per token
}

var errTooFine = errors.New("a Burst and a Per whose product is smaller: the sums would not be exact")

func newBucket(burst, count, period int64) (*bucket, error) {
	g := gcd(count, period)
	b := &bucket{rate: count / g, token: period / g}
	hi, lo := bits.Mul64(uint64(burst), uint64(b.token))
	if hi != 0 || lo > uint64(exact) {
		return nil, errTooFine
	}
	b.capacity = int64(lo)
	return b, nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (b *bucket) burst() int64 { return b.capacity / b.token }

// lacks returns what a bucket lacks at a time that will be full at another, but for a part of a microsecond.
func (b *bucket) lacks(full, part, at int64) int64 {
	if full < at {
		return 0
	}
	return (full-at)*b.rate + part
}

// full is the inverse of lacks.
func (b *bucket) full(lack, at int64) (full, part int64) { return at + lack/b.rate, lack % b.rate }

func (b *bucket) step(s state, now int64, q question) (answer, state) {
	full, part := now, int64(0)
	if s.known {
		full, part = s.at, s.used
		now = max(now, full-b.capacity/b.rate) // A clock that was set back stands still.
	}
	expired, used, out := settled(s.loans, now, q.ended)
	for _, l := range expired {
		full, part = b.full(b.lacks(full, part, l.expiry)+l.size*b.token, l.expiry)
	}
	lack := b.lacks(full, part, now) + used*b.token
	lent := outstanding(out) * b.token
	free := b.capacity - lack - lent
	a := answer{store: used > 0}
	need := max(q.direct, 1) * b.token
	if free >= need {
		a.ok, a.store = true, true
		lack += q.direct * b.token
		free -= q.direct * b.token
		need = b.token
		a.lent = min(q.lend, free/b.token)
		switch {
		case a.lent == 0:
		case q.hold == 0:
			lack += a.lent * b.token
			free -= a.lent * b.token
		default:
			out = b.lend(&a, out, loan{id: q.id, size: a.lent, expiry: now + q.hold})
			free -= outstanding(out)*b.token - lent
			lent = outstanding(out) * b.token
		}
	}
	// While something is lent the bucket may stop filling before that, so this is the soonest.
	if short := need - free; short > 0 {
		a.retry = ceilDiv(short, b.rate)
	}
	full, part = b.full(lack, now)
	reset := full
	if part > 0 {
		reset++
	}
	if n := len(out); n > 0 {
		reset = out[n-1].expiry + ceilDiv(lack+lent, b.rate)
	}
	a.left, a.reset, a.expiry = max(0, free)/b.token, reset-now, reset/1000+1
	return a, state{known: true, at: full, used: part, loans: out}
}

// lend adds a loan, unless it is there already.
func (b *bucket) lend(a *answer, out []loan, l loan) []loan {
	for _, o := range out {
		if o.id == l.id {
			a.lent = o.size
			return out
		}
	}
	return lend(out, l)
}

// most is what a full bucket has and gets. From the first to the last microsecond of the period it fills for length.
func (b *bucket) most(length int64) int64 {
	hi, lo := bits.Mul64(uint64(b.rate), uint64(length))
	if hi >= uint64(b.token) {
		return math.MaxInt64
	}
	filled, _ := bits.Div64(hi, lo, uint64(b.token))
	return saturate(uint64(b.burst()) + filled)
}

func saturate(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

func (b *bucket) share(n int64) (rule, bool) {
	burst := b.burst() / n
	if burst == 0 || b.rate > exact/rates {
		return nil, false
	}
	hi, lo := bits.Mul64(uint64(b.token), uint64(n)*(rates+1))
	if hi != 0 || lo > uint64(exact) {
		return nil, false
	}
	part, err := newBucket(burst, b.rate*rates, int64(lo))
	return part, err == nil
}

func (b *bucket) spent(at int64) state {
	full, part := b.full(b.capacity, at)
	return state{known: true, at: full, used: part}
}
