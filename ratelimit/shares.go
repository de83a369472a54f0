package ratelimit

import (
	"sync"
	"time"
)

// shares are the states of a [LocalShare], in memory. They are safe for concurrent use; the zero shares are not ready.
type shares struct {
	whole rule
	born  int64 // when this limiter was made
	room  int   // for so many keys

	mu    sync.Mutex // guards all below
	told  time.Time  // since when there have been so many servers, as it was said last
	since int64      // that, by this server's clock
	known bool       // it was said before
	n     int64      // servers
	began int64      // when this server's share began, which was empty then
	part  rule       // nil if it is nothing
	keys  map[string]shared
	swept int64 // when room was made last
}

// shared is the state of one key, and when it may be forgotten.
type shared struct {
	state  state
	expiry int64 // microseconds
}

// maxShares bounds the keys of which a state is kept. A key that finds no room is denied: it is not known what it has used.
const maxShares = 1 << 18

// sweepEvery is how often room is made, in microseconds.
const sweepEvery = 1_000_000

func newShares(whole rule, born int64) *shares {
	return &shares{whole: whole, born: born, room: maxShares, keys: make(map[string]shared)}
}

// ask admits a key's request by this server's share.
func (s *shares) ask(c *clock, servers Servers, key string, cost int64) Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The time is read first, so that the number was true then, and the number in here, so that nobody comes with an older one.
	now := c.now()
	n, told := servers.Servers()
	if !told.Equal(s.told) { // Two readings of a clock give one moment two names, and a share must not begin twice.
		s.told, s.since = told, 0
		if !told.IsZero() {
			s.since = c.of(told)
		}
	}
	return s.decideLocked(now, key, cost, int64(max(n, 0)), s.since)
}

// decideLocked decides by the share of one of n servers, of which there have been so many since a time.
func (s *shares) decideLocked(now int64, key string, cost, n, since int64) Decision {
	if n != s.n || since > s.began || !s.known {
		s.beginLocked(now, n, since)
	}
	d := Decision{Source: FromOutage}
	if s.part == nil {
		return d
	}
	k, ok := s.keys[key]
	if !ok || k.expiry <= now {
		if len(s.keys) >= s.room && !s.sweepLocked(now) && !ok {
			return d
		}
		k = shared{state: s.part.spent(s.began)}
	}
	if cost > s.part.burst() {
		return d
	}
	a, next := s.part.step(k.state, now, question{direct: cost})
	if a.store {
		s.keys[key] = shared{state: next, expiry: a.expiry * 1000}
	}
	d.OK, d.Remaining, d.ResetAfter = a.ok, a.left, micros(a.reset)
	if !a.ok {
		d.RetryAfter = micros(a.retry)
	}
	return d
}

// beginLocked begins a share anew, and empty: whoever was there before may have used everything.
func (s *shares) beginLocked(now, n, since int64) {
	began := max(s.born, since)
	if s.known && began <= s.began {
		began = now // It cannot be: there were not as many then.
	}
	s.known, s.n, s.began, s.part = true, n, began, nil
	clear(s.keys)
	if n > 0 {
		s.part, _ = s.whole.share(n)
	}
}

// sweepLocked forgets what is as new, and reports whether there is room then. It does so once in a while: who comes with ever new keys must not make everybody wait for that.
func (s *shares) sweepLocked(now int64) bool {
	if now-s.swept < sweepEvery {
		return false
	}
	s.swept = now
	for key, k := range s.keys {
		if k.expiry <= now {
			delete(s.keys, key)
		}
	}
	return len(s.keys) < s.room
}
