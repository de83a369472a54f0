package ratelimit

import (
	"context"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
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
	// Batch is the most that is borrowed at once. 0 means no leases. A server that uses a batch up before the next one can be there borrows up to four at the same time.
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
	gone    int     // how many have gone to borrow
	queue   []*wait // of those who wait for what they bring, who came first first
	alarm   *time.Timer
	armed   bool  // the alarm rings when the first of the queue has waited for long enough, or before that
	touched int64 // when somebody was here last
}

// A wait is that of one caller.
type wait struct {
	cost  int64
	until int64
	told  chan word // with room for one
}

func newWait() any { return &wait{told: make(chan word, 1)} }

// A news is what one of those who wait is to be told, when the desk's mu is not held any more: to wake many takes longer than to serve them.
type news struct {
	w    *wait
	word word
}

func tell(all []news) {
	for _, n := range all {
		n.w.told <- n.word
	}
}

// A word is what one who waits is told: a decision; or that Redis cannot be asked; or, if it is neither, to look again.
type word struct {
	decision Decision
	out      bool
}

// desks are those of all keys that were used of late. They are safe for concurrent use; the zero desks are not ready.
type desks struct {
	seed   maphash.Seed
	shards [64]deskShard
}

type deskShard struct {
	mu   sync.Mutex // guards keys
	keys map[string]*desk
}

// maxDesks bounds the keys of which one shard keeps tokens. What is thrown away expires in Redis.
const maxDesks = 1024

func newDesks() *desks {
	d := &desks{seed: maphash.MakeSeed()}
	for i := range d.shards {
		d.shards[i].keys = make(map[string]*desk)
	}
	return d
}

// at returns the desk of a key.
func (d *desks) at(key string, now, life int64) *desk {
	s := &d.shards[maphash.String(d.seed, key)%uint64(len(d.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[key]; k != nil {
		return k
	}
	if len(s.keys) >= maxDesks {
		s.sweepLocked(now, life)
	}
	k := &desk{touched: now}
	s.keys[key] = k
	return k
}

// sweepLocked closes the desks at which nobody has been for so long that nothing there is worth keeping; if that is not enough, any.
func (s *deskShard) sweepLocked(now, life int64) {
	for _, idle := range []int64{2 * life, 0} {
		for key, k := range s.keys {
			if len(s.keys) <= maxDesks*3/4 {
				return
			}
			if !k.mu.TryLock() {
				continue // Somebody is there.
			}
			if k.gone == 0 && len(k.queue) == 0 && now-k.touched >= idle {
				delete(s.keys, key)
			}
			k.mu.Unlock()
		}
	}
}

// lease admits by what is lent to this server, and borrows when there is none; until a time at most.
func (l *Limiter) lease(ctx context.Context, p place, cost, now, until int64) (Decision, error) {
	d := l.desks.at(p.tag, now, l.life)
	d.mu.Lock()
	for first := true; ; first = false {
		d.touched = now
		if (len(d.queue) == 0 || !first) && d.purse.take(now, cost) { // Who comes now does not go before those who wait.
			left := d.purse.left()
			if d.short(left) {
				l.borrowAhead(d, p, now)
			}
			var others []news
			if !first { // It was told to look for others, too.
				others = l.serve(d, p, now)
			}
			d.mu.Unlock()
			tell(others)
			return Decision{OK: true, Remaining: left, Source: FromLease}, nil
		}
		if d.gone == 0 {
			break
		}
		w := l.waits.Get().(*wait)
		w.cost, w.until = cost, until
		if first {
			d.queue = append(d.queue, w)
		} else {
			d.queue = slices.Insert(d.queue, 0, w)
		}
		l.arm(d, now)
		d.mu.Unlock()
		told, err := l.await(ctx, d, p, w)
		switch {
		case err != nil:
			return Decision{}, err
		case told.out:
			return l.decideAlone(p, question{direct: cost}), nil
		case told.decision.Source != 0:
			return told.decision, nil
		}
		now = l.clock.now()
		d.mu.Lock()
	}
	if refusal, refused := l.denied.refuses(l.clock, p.tag, cost); refused {
		others := l.serve(d, p, now)
		d.mu.Unlock()
		tell(others)
		return refusal, nil
	}
	q := l.borrowing(d, now, cost)
	d.mu.Unlock()

	decision, a, sent, out, err := l.ask(ctx, p, q, until)
	l.received(d, p, q, sent, a, out)
	return decision, err
}

// arm sees to it that nobody waits for too long. One alarm for all costs less than one for each. It is called with the desk's mu held.
func (l *Limiter) arm(d *desk, now int64) {
	if d.armed || len(d.queue) == 0 {
		return
	}
	d.armed = true
	left := micros(d.queue[0].until - now)
	if d.alarm != nil {
		d.alarm.Reset(left)
		return
	}
	d.alarm = time.AfterFunc(left, func() {
		d.mu.Lock()
		now := l.clock.now()
		n := 0
		for n < len(d.queue) && d.queue[n].until <= now {
			n++
		}
		late := d.leave(n, word{out: true})
		d.armed = false
		l.arm(d, now)
		d.mu.Unlock()
		tell(late)
	})
}

// await waits for a word, or until ctx ends.
func (l *Limiter) await(ctx context.Context, d *desk, p place, w *wait) (word, error) {
	defer l.waits.Put(w) // Nobody knows it any more then, and nothing is in its channel.
	select {
	case told := <-w.told:
		return told, nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	i := slices.Index(d.queue, w)
	if i >= 0 {
		d.queue = slices.Delete(d.queue, i, i+1)
	}
	d.mu.Unlock()
	if i < 0 && <-w.told == (word{}) { // It came at the same moment. The next one is to look again, then.
		d.mu.Lock()
		others := l.serve(d, p, l.clock.now())
		d.mu.Unlock()
		tell(others)
	}
	return word{}, context.Cause(ctx)
}

// leave takes the first so many out of the queue, who are all to be told the same. It is called with the desk's mu held.
func (d *desk) leave(n int, same word) (all []news) {
	for _, w := range d.queue[:n] {
		all = append(all, news{w, same})
	}
	d.queue = slices.Delete(d.queue, 0, n)
	return all
}

// serve takes those out of the queue who can be told something, and one who is to look again if nobody has gone to borrow. It is called with the desk's mu held.
func (l *Limiter) serve(d *desk, p place, now int64) (all []news) {
	for _, w := range d.queue {
		var told word
		if d.purse.take(now, w.cost) {
			told.decision = Decision{OK: true, Remaining: d.purse.left(), Source: FromLease}
		} else if refusal, refused := l.denied.refuses(l.clock, p.tag, w.cost); refused {
			told.decision = refusal
		} else if d.gone > 0 {
			break
		}
		if all == nil {
			all = make([]news, 0, len(d.queue))
		}
		if all = append(all, news{w, told}); told == (word{}) {
			break
		}
	}
	d.queue = slices.Delete(d.queue, 0, len(all))
	if d.gone > 0 && d.short(d.purse.left()) {
		l.borrowAhead(d, p, now)
	}
	return all
}

const (
	// prefetch is from which size of a batch on the next one is fetched before this one is used up.
	prefetch = 4
	// flights is how many batches are fetched at once, when whole ones are used up faster than one can come.
	flights = 4
)

// short reports whether somebody should go and borrow ahead. It is called with the desk's mu held.
func (d *desk) short(left int64) bool {
	size := d.purse.pace.size
	switch {
	case size < prefetch:
		return false
	case d.gone == 0:
		return 2*left <= size
	}
	return d.gone < flights && d.purse.pace.full && left <= size/4
}

// borrowing makes the question of who goes to borrow. It is called with the desk's mu held, and received ends it.
func (l *Limiter) borrowing(d *desk, now, cost int64) question {
	d.gone++
	d.purse.pace.used += cost
	q := question{direct: cost, lend: d.purse.pace.next(now, l.life, max(0, l.cfg.Lease.Batch-cost))}
	if l.escrow {
		q.hold, q.id, q.ended = l.hold, l.ids.next(), d.purse.settle()
	}
	return q
}

// received puts what was lent into the purse, and serves those who wait; out says that Redis cannot be asked.
func (l *Limiter) received(d *desk, p place, q question, sent int64, a *answer, out bool) {
	d.mu.Lock()
	d.gone--
	if a != nil && a.lent > 0 {
		life := l.life
		if a.life > 0 {
			life = min(life, within(a.life))
		}
		d.purse.add(batch{id: q.id, left: a.lent, deadline: sent + life})
	}
	var all []news
	if out && d.gone == 0 { // What one has found out need not be found out by each.
		all = d.leave(len(d.queue), word{out: true})
	} else {
		all = l.serve(d, p, l.clock.now())
	}
	d.mu.Unlock()
	tell(all)
}

// borrowAhead borrows in the background. It is called with the desk's mu held.
func (l *Limiter) borrowAhead(d *desk, p place, now int64) {
	q := l.borrowing(d, now, 0)
	if q.lend == 0 || !l.background(func(ctx context.Context) {
		_, a, sent, out, _ := l.ask(ctx, p, q, l.clock.now()+l.cfg.Timeout.Microseconds()) // What goes wrong is for who comes when there is nothing left.
		l.received(d, p, q, sent, a, out)
	}) {
		d.gone--
	}
}

// ids makes names that no other limiter makes.
type ids struct {
	prefix string
	n      atomic.Uint64
}

func (i *ids) next() string { return i.prefix + strconv.FormatUint(i.n.Add(1), 36) }
