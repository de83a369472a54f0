package ratelimit

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// A Lease has a server borrow tokens in batches and admit by itself as long as they last: one question to Redis for many requests. The zero Lease borrows nothing: every decision
// is Redis's own.
//
// With a [Bucket] what is lent is used up as far as Redis is concerned. A server may use it until Life later, so in a period of length T there is admitted Burst + R*(T+Life), R being
// Max per Per: more than the limit by what comes in during Life, and independent of the number of servers and of Batch. With Escrow, and always with [Rolling] and [FixedWindow], Redis
// keeps account of what is lent until it is used up or expires, and the bound is that of the limit itself.
//
// What is lent and not used expires, and nothing is given back: that is what makes a denial good until the time that it names. So batches are as large as the rate of the last moments
// suggests, and a key that is used once in a while borrows nothing.
type Lease struct {
	// Batch is the most that is borrowed at once. 0 means no leases.
	Batch int64
	// Life is how long it may be used. 0 means a second.
	Life time.Duration
	// Escrow has Redis keep account of what is lent, for the price of a state that grows with the number of servers that borrow of one key at the same time, and of a bucket that
	// does not fill while what it lacks is lent.
	Escrow bool
}

// A desk is where this server's requests for one key come for tokens.
type desk struct {
	mu      sync.Mutex // guards all below
	purse   purse
	asking  chan struct{} // closed when who has gone to borrow is back; nil when nobody has gone
	touched int64         // when somebody was here last
}

// desks are those of all keys that were used of late. They are safe for concurrent use; the zero desks are not ready.
type desks struct {
	mu   sync.Mutex // guards keys
	keys map[string]*desk
}

// maxDesks bounds the keys of which tokens are kept. What is thrown away expires in Redis.
const maxDesks = 1 << 16

// at returns the desk of a key.
func (d *desks) at(key string, now, life int64) *desk {
	d.mu.Lock()
	defer d.mu.Unlock()
	if k := d.keys[key]; k != nil {
		return k
	}
	if len(d.keys) >= maxDesks {
		d.sweepLocked(now, life)
	}
	k := &desk{touched: now}
	d.keys[key] = k
	return k
}

// sweepLocked closes the desks at which nobody has been for so long that nothing there is worth keeping; if that is not enough, any.
func (d *desks) sweepLocked(now, life int64) {
	for _, idle := range []int64{2 * life, 0} {
		for key, k := range d.keys {
			if len(d.keys) <= maxDesks*3/4 {
				return
			}
			if !k.mu.TryLock() {
				continue // Somebody is there.
			}
			if k.asking == nil && now-k.touched >= idle {
				delete(d.keys, key)
			}
			k.mu.Unlock()
		}
	}
}

// lease admits by what is lent to this server, and borrows when there is none.
func (l *Limiter) lease(ctx context.Context, p place, cost int64) (Decision, error) {
	now := l.clock.now()
	d := l.desks.at(p.name, now, l.life)
	d.mu.Lock()
	for {
		d.touched = now
		if d.purse.take(now, cost) {
			left := d.purse.left()
			if size := d.purse.pace.size; size >= prefetch && 2*left <= size && d.asking == nil {
				l.borrowAhead(d, p)
			}
			d.mu.Unlock()
			return Decision{OK: true, Remaining: left, Source: FromLease}, nil
		}
		asking := d.asking
		if asking == nil {
			break
		}
		d.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			return Decision{}, context.Cause(ctx)
		}
		now = l.clock.now()
		d.mu.Lock()
	}
	if refusal, refused := l.denied.refuses(l.clock, p.name, cost); refused {
		d.mu.Unlock()
		return refusal, nil
	}
	q := l.borrowing(d, now, cost)
	d.mu.Unlock()

	decision, a, sent, err := l.ask(ctx, p, q)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.received(l, q, sent, a)
	return decision, err
}

// prefetch is from which size of a batch on the next one is fetched before this one is used up.
const prefetch = 4

// borrowing makes the question of who goes to borrow. It is called with the desk's mu held, and received ends it.
func (l *Limiter) borrowing(d *desk, now, cost int64) question {
	d.asking = make(chan struct{})
	d.purse.pace.used += cost
	q := question{direct: cost, lend: d.purse.pace.next(now, l.life, max(0, l.cfg.Lease.Batch-cost))}
	if l.escrow {
		q.hold, q.id, q.ended = l.hold, l.ids.next(), d.purse.settle()
	}
	return q
}

// received puts what was lent into the purse. It is called with the desk's mu held.
func (d *desk) received(l *Limiter, q question, sent int64, a *answer) {
	close(d.asking)
	d.asking = nil
	if a == nil || a.lent == 0 {
		return
	}
	life := l.life
	if a.life > 0 {
		life = min(life, within(a.life))
	}
	d.purse.add(batch{id: q.id, left: a.lent, deadline: sent + life})
}

// borrowAhead borrows in the background. It is called with the desk's mu held.
func (l *Limiter) borrowAhead(d *desk, p place) {
	q := l.borrowing(d, l.clock.now(), 0)
	if q.lend == 0 || !l.background(func(ctx context.Context) {
		_, a, sent, _ := l.ask(ctx, p, q) // What goes wrong is for who comes when there is nothing left.
		d.mu.Lock()
		defer d.mu.Unlock()
		d.received(l, q, sent, a)
	}) {
		d.received(l, q, 0, nil)
	}
}

// ids makes names that no other limiter makes.
type ids struct {
	prefix string

	mu sync.Mutex // guards n
	n  uint64
}

func (i *ids) next() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n++
	return i.prefix + strconv.FormatUint(i.n, 36)
}
