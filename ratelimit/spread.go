package ratelimit

import (
	"fmt"
	"math"
	"time"
)

// maxSpread bounds the sub-buckets of a key.
const maxSpread = 256

// divide returns the rules of so many sub-buckets, which together are the limit, the largest first. There must be at least one token for each.
func (l Limit) divide(parts int) ([]rule, error) {
	if parts <= 1 {
		r, err := l.rule()
		return []rule{r}, err
	}
	n, k := l.Max, l.kind()
	burst := int64(0)
	if b, ok := k.(Bucket); ok {
		if burst = b.Burst; burst == 0 {
			burst = l.Max
		}
		n = burst
	}
	if n < int64(parts) {
		return nil, fmt.Errorf("%w: Spread %d: a limit of %v cannot be divided into so many", ErrBadConfig, parts, l)
	}
	if l.Per > math.MaxInt64/time.Duration(parts) {
		return nil, l.wrong("Per", "shorter")
	}
	rules := make([]rule, parts)
	for i := range rules {
		part := l
		size := n / int64(parts)
		if int64(i) < n%int64(parts) {
			size++
		}
		if burst > 0 {
			// The rate is divided by making the period longer: Max may be less than there are parts.
			part.Per, part.Kind = l.Per*time.Duration(parts), Bucket{Burst: size}
		} else {
			part.Max = size
		}
		r, err := part.rule()
		if err != nil {
			return nil, err
		}
		rules[i] = r
	}
	return rules, nil
}

// choose returns where a request is counted: at one of the sub-buckets that have not said no, in turns. If all have, it returns the refusal that ends first.
func (l *Limiter) choose(key string, n int64) (p place, refusal Decision, refused bool) {
	if len(l.rooms) == 1 {
		return l.place(key, key, 0), Decision{}, false
	}
	start := l.turn.Add(1)
	for i := range uint64(len(l.rooms)) {
		k := int((start + i) % uint64(len(l.rooms)))
		p = l.place(key, part(key, k, len(l.rooms)), k)
		d, no := l.denied.refuses(l.clock, p.tag, n)
		if !no {
			return p, Decision{}, false
		}
		if i == 0 || d.RetryAfter < refusal.RetryAfter {
			refusal = d
		}
	}
	return p, refusal, true
}

// place returns where a key, or a part of it, is counted.
func (l *Limiter) place(key, tag string, i int) place {
	p := place{key: key, tag: tag, room: l.rooms[i]}
	if len(l.breakers) > 1 {
		p.slot = slot(tag)
	}
	return p
}
