package ratelimit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// A denyCache remembers until when Redis will deny, so that who asks again and again is answered here. It is exact: what is kept is the time that Redis itself named, and nothing
// but time brings tokens back, as no lease gives any back.
//
// When the time has come one request goes and asks, and the others that come meanwhile wait for its answer: else all that hammer at one key would go to Redis at the same instant. If it
// was admitted, as many may follow as Redis said that there is left, and then one asks again.
//
// It is safe for concurrent use. The zero denyCache is not ready.
type denyCache struct {
	seed   maphash.Seed
	shards [64]denyShard
}

type denyShard struct {
	mu   sync.Mutex // guards keys and what it points to
	keys map[string]*denial
}

// maxDenials bounds the keys that one shard remembers. One that is forgotten costs a question.
const maxDenials = 1024

// A denial is what Redis said about one key.
type denial struct {
	cost  int64    // that was refused, and with it all that cost more
	until int64    // by this server's clock
	reset int64    // when the key is as new
	spare int64    // when the time has come: how many there are for those who need not wait for who has gone to ask
	asked *inquiry // of who has gone to ask; nil when nobody has
}

// An inquiry is what the others wait for while one has gone to ask.
type inquiry struct {
	back chan struct{} // closed when he is back
	out  bool          // Redis cannot be asked: nobody needs to find that out once more; set before back is closed
}

// A view is what a denyCache makes of a request: it is refused; or Redis cannot be asked, as somebody found out for all; or it is to be asked, perhaps for others too.
type view struct {
	refusal      Decision
	refused, out bool
	goes         *denial // what has to be brought back, whether it was answered or not
}

func newDenyCache() *denyCache {
	d := &denyCache{seed: maphash.MakeSeed()}
	for i := range d.shards {
		d.shards[i].keys = make(map[string]*denial)
	}
	return d
}

func (d *denyCache) shard(key string) *denyShard {
	return &d.shards[maphash.String(d.seed, key)%uint64(len(d.shards))]
}

// look returns what is known. It waits for who has gone before, until a time at most, and fails with the cause of ctx.
func (d *denyCache) look(ctx context.Context, c *clock, key string, cost, until int64) (view, error) {
	s := d.shard(key)
	for {
		s.mu.Lock()
		e := s.keys[key]
		if e == nil || e.cost > cost { // Nothing is known of so few.
			s.mu.Unlock()
			return view{}, nil
		}
		now := c.now()
		if now < e.until {
			decision := e.decision(now)
			s.mu.Unlock()
			return view{refusal: decision, refused: true}, nil
		}
		asked := e.asked
		switch {
		case e.spare >= cost:
			e.spare -= cost
			s.mu.Unlock()
			return view{}, nil
		case asked == nil:
			e.asked = &inquiry{back: make(chan struct{})}
			s.mu.Unlock()
			return view{goes: e}, nil
		}
		s.mu.Unlock()
		if out, err := asked.wait(ctx, until-now); out || err != nil {
			return view{out: out}, err
		}
	}
}

// wait waits for who has gone to ask, and reports whether Redis cannot be asked, as far as one can tell who waits for so many microseconds.
func (i *inquiry) wait(ctx context.Context, left int64) (out bool, err error) {
	t := time.NewTimer(micros(left))
	defer t.Stop()
	select {
	case <-i.back:
		return i.out, nil
	case <-t.C:
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// refuses returns the refusal of a request that is known to be denied.
func (d *denyCache) refuses(c *clock, key string, cost int64) (Decision, bool) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.keys[key]
	if e == nil || e.cost > cost {
		return Decision{}, false
	}
	now := c.now()
	return e.decision(now), now < e.until
}

func (e *denial) decision(now int64) Decision {
	return Decision{RetryAfter: micros(e.until - now), ResetAfter: micros(max(0, e.reset-now)), Source: FromDenyCache}
}

// learn remembers an answer that makes who comes next wait.
func (d *denyCache) learn(key string, cost, sent int64, a *answer) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learnLocked(key, cost, sent, a)
}

func (s *denyShard) learnLocked(key string, cost, sent int64, a *answer) {
	if a.ok {
		cost = 1 // There is not even one.
	}
	// Redis counts from when it answered, which was after the question was sent.
	next := denial{cost: max(cost, 1), until: sent + a.retry, reset: sent + a.reset}
	e := s.keys[key]
	switch {
	case e == nil:
		if len(s.keys) >= maxDenials {
			s.sweepLocked(sent)
		}
		s.keys[key] = &next
	case e.until <= sent, next.cost < e.cost, next.cost == e.cost && next.until > e.until:
		// What was said of fewer says more, as long as it holds.
		e.cost, e.until, e.reset, e.spare = next.cost, next.until, next.reset, 0
	}
}

// back ends the errand of who has gone to ask. The answer is nil if there was none, and out says that this is because Redis cannot be asked.
func (d *denyCache) back(key string, cost, sent int64, a *answer, out bool, e *denial) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.asked.out = out
	close(e.asked.back)
	e.asked = nil
	switch {
	case a == nil: // The next one may try.
	case a.retry > 0:
		s.learnLocked(key, cost, sent, a)
	case e.until > sent: // Somebody has learnt of a refusal meanwhile.
	default:
		e.cost, e.spare = 1, a.left
	}
}

// sweepLocked makes room: of what is over if there is enough of that, else of anything.
func (s *denyShard) sweepLocked(now int64) {
	for key, e := range s.keys {
		if e.until <= now && e.asked == nil {
			delete(s.keys, key)
		}
	}
	for key, e := range s.keys {
		if len(s.keys) <= maxDenials*3/4 {
			return
		}
		if e.asked == nil {
			delete(s.keys, key)
		}
	}
}
