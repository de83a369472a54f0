package ratelimit

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A breaker keeps requests from waiting for a Redis that does not answer. After some failures in a row nobody asks but one request at a time, at intervals that grow, and that
// differ from server to server: so when Redis is back it is not asked by all at once.
//
// It is safe for concurrent use. The zero breaker is closed: all may ask.
type breaker struct {
	troubled atomic.Bool // something has failed since the last answer; else there is nothing to look at

	mu     sync.Mutex // guards all below
	failed int        // in a row
	open   bool
	next   int64 // when the next one may try; while one tries, when it is given up
	wait   int64 // that was waited for last
}

// The breaker opens after so many failures in a row, of which each was decided by the outage policy.
const breakAfter = 3

// The shortest and the longest interval, in microseconds, between two tries.
const (
	firstWait = int64(50 * time.Millisecond / time.Microsecond)
	lastWait  = int64(time.Second / time.Microsecond)
)

// may reports whether the caller may ask, and whether it is the one that tries, which is expected to be back after patience.
func (b *breaker) may(now, patience int64) (ok, tries bool) {
	if !b.troubled.Load() {
		return true, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return true, false
	}
	if now < b.next {
		return false, false
	}
	b.next = now + patience
	return true, true
}

// worked notes an answer, and reports whether it ended an outage.
func (b *breaker) worked() (ended bool) {
	if !b.troubled.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	ended = b.open
	b.failed, b.open, b.wait = 0, false, 0
	b.troubled.Store(false)
	return ended
}

// broke notes that there was no answer, perhaps to the one that tried, and reports whether that began an outage.
func (b *breaker) broke(now int64, tried bool) (began bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubled.Store(true)
	b.failed++
	if b.failed < breakAfter || b.open && !tried { // Those that were on their way when it opened say nothing new.
		return false
	}
	began = !b.open
	b.open = true
	b.wait = min(max(firstWait, 2*b.wait), lastWait)
	b.next = now + b.wait/2 + rand.Int64N(b.wait)
	return began
}

// nextTry returns how long nobody will ask.
func (b *breaker) nextTry(now int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return 0
	}
	return max(0, b.next-now)
}
