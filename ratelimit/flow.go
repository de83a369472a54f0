package ratelimit

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A flow brings questions to Redis. A few are under way at a time; those that come meanwhile go together, in one pipeline, with the next one that can leave. So a single caller waits for
// nobody, and with many callers Redis and this server read and write once for many questions, which is most of what a question costs them.
//
// It is safe for concurrent use. The zero flow is not ready.
type flow struct {
	client  redis.UniversalClient
	timeout time.Duration

	mu      sync.Mutex // guards all below
	under   int        // ways that are being gone
	waiting []*errand
}

// An errand is a question that waits to be put.
type errand struct {
	ctx   context.Context
	place place
	q     question

	answer answer
	err    error
	done   chan bool // true: it is answered; false: go, and take along who waits
}

// ways is how many pipelines, or single questions, are under way at once. With fewer a question waits longer for one that leaves, at worst an eighth of a round trip now; with more there are
// fewer to a pipeline, and that saves less.
const ways = 8

// together is how many questions go at once: so many that more would save little, and few enough that they keep nobody waiting.
const together = 128

// ask puts a question, and waits for the answer. It fails with the cause of ctx while it waits for others.
func (f *flow) ask(ctx context.Context, p place, q question) (answer, error) {
	f.mu.Lock()
	if f.under < ways {
		f.under++
		f.mu.Unlock()
		defer f.leave()
		within, cancel := context.WithTimeout(ctx, f.timeout)
		defer cancel()
		return ask(within, f.client, p, q)
	}
	e := &errand{ctx: ctx, place: p, q: q, done: make(chan bool, 1)}
	f.waiting = append(f.waiting, e)
	f.mu.Unlock()
	select {
	case answered := <-e.done:
		if !answered {
			f.lead(e)
		}
		return e.answer, e.err
	case <-ctx.Done():
		f.abandon(e)
		return answer{}, context.Cause(ctx)
	}
}

// leave ends a way, and sends the next one on it.
func (f *flow) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		f.under--
		return
	}
	next := f.waiting[0]
	f.waiting = slices.Delete(f.waiting, 0, 1)
	next.done <- false // There is room: it is the first that is put there, unless it goes along with others, and then it does not wait any more.
}

// abandon takes an errand back whose caller waits no longer. If it was just told to go, another one goes instead; if it has gone along with others, nobody reads its answer.
func (f *flow) abandon(e *errand) {
	f.mu.Lock()
	if i := slices.Index(f.waiting, e); i >= 0 {
		f.waiting = slices.Delete(f.waiting, i, i+1)
	}
	f.mu.Unlock()
	select {
	case answered := <-e.done:
		if !answered {
			f.leave()
		}
	default:
	}
}

// lead puts the questions of an errand and of those that wait.
func (f *flow) lead(first *errand) {
	f.mu.Lock()
	n := min(len(f.waiting), together-1)
	all := append([]*errand{first}, f.waiting[:n]...)
	f.waiting = slices.Delete(f.waiting, 0, n)
	f.mu.Unlock()
	defer f.leave()
	if len(all) == 1 {
		within, cancel := context.WithTimeout(first.ctx, f.timeout)
		defer cancel()
		first.answer, first.err = ask(within, f.client, first.place, first.q)
		return
	}
	places, qs := make([]place, len(all)), make([]question, len(all))
	for i, e := range all {
		places[i], qs[i] = e.place, e.q
	}
	// That one of them gives up must not fail the others.
	within, cancel := context.WithTimeout(context.WithoutCancel(first.ctx), f.timeout)
	defer cancel()
	answers, errs := askAll(within, f.client, places, qs)
	for i, e := range all {
		e.answer, e.err = answers[i], errs[i]
		if i > 0 {
			e.done <- true
		}
	}
	// Those that are answered often have another question. Let them put it before this way is given to the next one, or they would wait for a round trip.
	runtime.Gosched()
}
