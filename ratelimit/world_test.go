package ratelimit

import (
	"container/heap"
	"math"
	"slices"
)

// A world is a Redis and some servers in virtual time, with the parts of this package that decide: the rule on one side, the purse and the shares on the other. What lies between them, the
// network and the scheduler, is the adversary's: it says when each message arrives, which is lost, who is frozen or dies, and how fast clocks run.
type world struct {
	setting
	rule    rule
	state   state
	expiry  int64
	servers []*actor
	agenda  agenda
	serial  int

	admitted []int64 // when, by Redis's clock
}

// A setting is what is tried.
type setting struct {
	limit  Limit
	lease  Lease
	window int64 // microseconds
	count  int   // servers
	share  bool  // they live on their share of the limit when they cannot reach Redis
	losses int   // times that Redis forgets

	// Two ways to do it wrong: the controls.
	immortal bool // what is lent is used however late
	refunds  bool // what is not used is given back when it expires, to a bucket that knows nothing of what is lent
}

func (s setting) escrow() bool {
	_, isBucket := s.limit.kind().(Bucket)
	return s.lease.Batch > 0 && (s.lease.Escrow || !isBucket)
}

func (s setting) life() int64 { return s.lease.Life.Microseconds() }

// bound is what a Limiter in that setting declares.
func (s setting) bound() int64 {
	l := s.limiter()
	defer l.Close()
	return l.Bound(micros(s.window), s.count) + int64(s.losses)*l.LossBound()
}

// An actor is one server.
type actor struct {
	purse  purse
	shares *shares
	speed  float64 // of its clock, compared with Redis's
}

func (a *actor) local(t int64) int64 { return int64(float64(t) * a.speed) }

// when returns the last moment at which the server's clock shows less than local.
func (a *actor) when(local int64) int64 {
	if local > math.MaxInt64/4 {
		return math.MaxInt64 / 4
	}
	t := int64(float64(local)/a.speed) + 2
	for a.local(t) >= local {
		t--
	}
	return t
}

// start is when a world begins: no key has been used for long.
const start = int64(1_700_000_000_000_000)

func newWorld(s setting, speeds []float64) *world {
	r, err := s.limit.rule()
	if err != nil {
		panic(err)
	}
	w := &world{setting: s, rule: r}
	for i := range s.count {
		a := &actor{speed: 1, shares: newShares(r, 0)}
		if i < len(speeds) {
			a.speed = speeds[i]
		}
		w.servers = append(w.servers, a)
	}
	return w
}

// An act is something that happens at a time.
type act struct {
	at  int64
	seq int
	do  func(now int64)
}

// An agenda is what is going to happen, in order.
type agenda struct {
	acts []act
	seq  int
}

func (a *agenda) Len() int { return len(a.acts) }
func (a *agenda) Less(i, j int) bool {
	if a.acts[i].at != a.acts[j].at {
		return a.acts[i].at < a.acts[j].at
	}
	return a.acts[i].seq < a.acts[j].seq
}
func (a *agenda) Swap(i, j int) { a.acts[i], a.acts[j] = a.acts[j], a.acts[i] }
func (a *agenda) Push(x any)    { a.acts = append(a.acts, x.(act)) }
func (a *agenda) Pop() any {
	last := a.acts[len(a.acts)-1]
	a.acts = a.acts[:len(a.acts)-1]
	return last
}

func (w *world) at(t int64, do func(now int64)) {
	w.agenda.seq++
	heap.Push(&w.agenda, act{t, w.agenda.seq, do})
}

func (w *world) run() {
	for w.agenda.Len() > 0 {
		a := heap.Pop(&w.agenda).(act)
		a.do(a.at)
	}
}

func (w *world) admit(now, n int64) {
	for range n {
		w.admitted = append(w.admitted, now)
	}
}

// redis is the server with the state: a script, run once.
func (w *world) redis(now int64, q question) answer {
	if w.state.known && now/1000 > w.expiry {
		w.state = state{}
	}
	a, next := w.rule.step(w.state, now, q)
	if a.store {
		w.state, w.expiry = next, a.expiry
	}
	return a
}

// forget is a restart of Redis without its data.
func (w *world) forget() { w.state = state{} }

// How a question fares.
type fate int

const (
	arrives fate = iota
	answerLost
	doneTwice // the first answer is lost, and the client asks again on its own
	fates
)

// How what was lent is used.
type use int

const (
	atOnce use = iota
	atTheEnd
	atATime
	never // the server dies
	uses
)

// ask has a server put a question: some to be admitted at once, and up to a batch to be lent. It is used as the adversary likes, as far as the purse allows.
func (w *world) ask(now int64, a *actor, direct, lend, out, back int64, f fate, u use, useAt int64) {
	q := question{direct: direct, lend: lend}
	if w.escrow() {
		w.serial++
		q.hold, q.id, q.ended = hold(w.life()), string(rune('a'+w.serial%26))+string(rune('a'+w.serial/26%26))+string(rune('a'+w.serial/676%26)), a.purse.settle()
	}
	sent := a.local(now)
	w.at(now+out, func(now int64) {
		ans := w.redis(now, q)
		switch f {
		case arrives:
			w.answered(now, a, q, ans, sent, back, u, useAt)
		case doneTwice:
			w.at(now+out/2, func(now int64) { w.answered(now, a, q, w.redis(now, q), sent, back, u, useAt) })
		default:
		}
	})
}

// answered is what becomes of an answer that was given now.
func (w *world) answered(now int64, a *actor, q question, ans answer, sent, back int64, u use, useAt int64) {
	if ans.ok {
		w.admit(now, q.direct)
	}
	if ans.lent == 0 {
		return
	}
	w.at(now+back, func(now int64) {
		life := w.life()
		if ans.life > 0 {
			life = min(life, within(ans.life))
		}
		deadline := sent + life
		if w.immortal {
			deadline = math.MaxInt64
		}
		a.purse.add(batch{id: q.id, left: ans.lent, deadline: deadline})
		if w.refunds {
			w.at(max(now, a.when(deadline)), func(now int64) { w.refund(now, a) })
		}
		switch u {
		case atOnce:
			w.use(now, a)
		case atTheEnd:
			w.at(max(now, a.when(deadline)), func(now int64) { w.use(now, a) })
		case atATime:
			w.at(max(now, useAt), func(now int64) { w.use(now, a) })
		default:
		}
	})
}

// use uses all that the server has.
func (w *world) use(now int64, a *actor) {
	a.purse.drop(a.local(now))
	n := a.purse.left()
	if n > 0 && a.purse.take(a.local(now), n) {
		w.admit(now, n)
	}
}

// refund is what must not be done.
func (w *world) refund(now int64, a *actor) {
	n := a.purse.left()
	a.purse.batches = nil
	b := w.rule.(*bucket)
	w.state.at, w.state.used = b.full(max(0, b.lacks(w.state.at, w.state.used, now)-n*b.token), now)
}

// alone has a server decide by its share, of so many that there have been since a time.
func (w *world) alone(now int64, a *actor, n, servers, since int64) {
	for range n {
		if d := a.shares.decideLocked(a.local(now), "key", 1, servers, a.local(since)); !d.OK {
			return
		}
		w.admit(now, 1)
	}
}

// worst returns the most that was admitted in a period of the length of the window, both ends included.
func worst(times []int64, window int64) (most int64) {
	slices.Sort(times)
	first := 0
	for last, t := range times {
		for times[first] < t-window {
			first++
		}
		most = max(most, int64(last-first+1))
	}
	return most
}
