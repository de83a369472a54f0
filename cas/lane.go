package cas

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A request is one call of [Update], on its way through a lane.
type request struct {
	apply func(e *envelope) (value any, data []byte, err error)
	began time.Time
	stage atomic.Int32
	done  chan reply // has room for the one reply

	// used by the lane, until it replies
	stats Stats
	slow  time.Duration // how long the function took when it was too slow to be waited for
	value any           // the result of the last evaluation
	err   error
}

// The stages of a request.
const (
	waiting  int32 = iota // nothing of it is under way
	sent                  // a write is
	answered              // the caller has its reply, or gets it
	left                  // the caller did not wait for it
)

type reply struct {
	value any
	stats Stats
	err   error
}

// A lane serves the requests of one store for one node: one write at a time, so that this client's newest trace is always that of the write in question.
type lane struct {
	s     *Store
	path  string
	users int           // guarded by s.mu
	turn  chan struct{} // taken by whoever has a write of this node under way: serve, or a transaction

	mu      sync.Mutex // guards below
	queue   []*request
	live    int                // requests whose callers wait
	running bool               // there is a goroutine
	cancel  context.CancelFunc // ends what is being done, as nobody waits for it any more

	// used by whoever has the turn
	pace pace
	took time.Duration // by a function, on average
}

// do queues a request and waits for what becomes of it.
func (l *lane) do(ctx context.Context, r *request) reply {
	l.mu.Lock()
	if !l.running && !l.s.spawn(l.run) {
		l.mu.Unlock()
		return reply{err: ErrClosed}
	}
	l.running = true
	l.queue = append(l.queue, r)
	l.live++
	l.mu.Unlock()
	select {
	case got := <-r.done:
		return got
	case <-ctx.Done():
	}
	for r.stage.Load() != answered {
		if r.stage.CompareAndSwap(waiting, left) {
			l.gone()
			return reply{err: context.Cause(ctx)}
		}
		if r.stage.CompareAndSwap(sent, left) {
			l.gone()
			return reply{err: &UnknownError{Path: l.path, Err: context.Cause(ctx)}}
		}
	}
	return <-r.done
}

// gone notes that one caller less waits.
func (l *lane) gone() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live--
	if l.live == 0 && l.cancel != nil {
		l.cancel()
	}
}

// answer gives a request its reply, unless its caller has left.
func (l *lane) answer(r *request, got reply) {
	if !r.stage.CompareAndSwap(waiting, answered) && !r.stage.CompareAndSwap(sent, answered) {
		return
	}
	got.stats = r.stats
	r.done <- got
	l.gone()
}

// run serves until nobody waits.
func (l *lane) run() {
	for {
		l.mu.Lock()
		l.queue = staying(l.queue)
		if len(l.queue) == 0 {
			l.running = false
			l.mu.Unlock()
			return
		}
		ctx, cancel := context.WithCancel(l.s.life)
		l.cancel = cancel
		l.mu.Unlock()
		if l.enter(ctx) == nil {
			b := &bout{l: l}
			b.serve(ctx)
			l.leave()
		}
		cancel()
		l.mu.Lock()
		l.cancel = nil
		queue := l.queue
		if l.s.life.Err() != nil {
			l.queue = nil
		}
		l.mu.Unlock()
		if l.s.life.Err() != nil {
			for _, r := range queue {
				l.answer(r, reply{err: ErrClosed})
			}
		}
	}
}

// enter takes the turn, within ctx.
func (l *lane) enter(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *lane) leave() { <-l.turn }

// staying returns the requests whose callers still wait.
func staying(all []*request) []*request {
	kept := all[:0]
	for _, r := range all {
		if s := r.stage.Load(); s == waiting || s == sent {
			kept = append(kept, r)
		}
	}
	clear(all[len(kept):])
	return kept
}

// putBack queues requests before all others. Unless they are answered or left they are served next.
func (l *lane) putBack(all []*request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = staying(append(append(make([]*request, 0, len(all)+len(l.queue)), all...), l.queue...))
	if !l.running && len(l.queue) > 0 {
		l.running = l.s.spawn(l.run)
	}
}

// mostBatch is how many updates share a write at most.
const mostBatch = 512

// gather adds the requests that wait to a batch, as far as they may share a write, and drops those whose callers have left. It adds nothing once ctx has ended.
func (l *lane) gather(ctx context.Context, batch []*request) []*request {
	batch = staying(batch)
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return batch
	}
	room := mostBatch
	if l.s.cfg.Alone {
		room = 1
	}
	for len(l.queue) > 0 && len(batch) < room {
		r := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		if r.stage.Load() == waiting {
			batch = append(batch, r)
		}
	}
	return batch
}

// alone reports whether nobody waits in the queue.
func (l *lane) alone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = staying(l.queue)
	return len(l.queue) == 0
}
