package ratelimit

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// A flow brings questions to Redis. A few are under way at a time; those that come meanwhile go together, in one pipeline, with the next one that can leave. So a single caller waits for
// nobody, and with many callers Redis and this server read and write once for many questions, which is most of what a question costs them.
//
// It is safe for concurrent use. The zero flow is not ready.
type flow struct {
	client  redis.UniversalClient
	timeout int64 // microseconds

	mu       sync.Mutex // guards all below
	under    int        // ways that are being gone
	waiting  []*errand
	carriers int        // goroutines of this flow
	idle     *sync.Cond // when there are none
}

// An errand is a question that waits to be put.
type errand struct {
	place place
	q     question
	done  chan result // with room for one, which nobody may read
}

type result struct {
	answer answer
	err    error
}

// ways is how many pipelines, or single questions, are under way at once. With fewer a question waits longer for one that leaves, at worst an eighth of a round trip now; with more there are
// fewer to a pipeline, and that saves less.
const ways = 8

// together is how many questions go at once: so many that more would save little, and few enough that they keep nobody waiting.
const together = 128

func (f *flow) open(client redis.UniversalClient, timeout int64) {
	f.client, f.timeout, f.idle = client, timeout, sync.NewCond(&f.mu)
}

// ask puts a question, and waits for the answer, but no longer than left microseconds. It fails with the cause of ctx when that ends.
func (f *flow) ask(ctx context.Context, p place, q question, left int64) (answer, error) {
	within, cancel := context.WithTimeout(ctx, micros(left))
	defer cancel()
	f.mu.Lock()
	if f.under < ways {
		f.under++
		f.mu.Unlock()
		defer f.leave()
		return ask(within, f.client, p, q)
	}
	e := &errand{place: p, q: q, done: make(chan result, 1)}
	f.waiting = append(f.waiting, e)
	f.mu.Unlock()
	select {
	case r := <-e.done:
		return r.answer, r.err
	case <-within.Done():
		f.mu.Lock()
		if i := slices.Index(f.waiting, e); i >= 0 {
			f.waiting = slices.Delete(f.waiting, i, i+1)
		}
		f.mu.Unlock()
		return answer{}, context.Cause(within)
	}
}

// leave ends a caller's way, and sends those on it that wait.
func (f *flow) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if all := f.nextLocked(); all != nil {
		f.carriers++
		go f.carry(all)
	}
}

// nextLocked takes those that go together, or ends a way if nobody waits.
func (f *flow) nextLocked() []*errand {
	if len(f.waiting) == 0 {
		f.under--
		return nil
	}
	n := min(len(f.waiting), together)
	all := slices.Clone(f.waiting[:n])
	f.waiting = slices.Delete(f.waiting, 0, n)
	return all
}

// carry goes one way, as long as anybody waits. Errands are carried by nobody's caller, so that one who gives up does not take others along, and nobody works for others longer than for himself.
func (f *flow) carry(all []*errand) {
	for all != nil {
		within, cancel := context.WithTimeout(context.Background(), micros(f.timeout))
		if len(all) == 1 {
			a, err := ask(within, f.client, all[0].place, all[0].q)
			all[0].done <- result{a, err}
		} else {
			places, qs := make([]place, len(all)), make([]question, len(all))
			for i, e := range all {
				places[i], qs[i] = e.place, e.q
			}
			answers, errs := askAll(within, f.client, places, qs)
			for i, e := range all {
				e.done <- result{answers[i], errs[i]}
			}
		}
		cancel()
		// Those that are answered often have another question. Let them put it before this way is given to the next one, or they would wait for a round trip.
		runtime.Gosched()
		f.mu.Lock()
		if all = f.nextLocked(); all == nil {
			if f.carriers--; f.carriers == 0 {
				f.idle.Broadcast()
			}
		}
		f.mu.Unlock()
	}
}

// wait waits until no goroutine of this flow runs any more. Nobody asks any more when it is called, but those who do already.
func (f *flow) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.carriers > 0 {
		f.idle.Wait()
	}
}
