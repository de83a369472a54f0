package scenario

import (
	"context"
	"sync"
	"time"
)

// A renewal renews a lock beside the work, for a worker that is told to. The nil renewal does nothing.
type renewal struct {
	end    context.CancelFunc
	wg     sync.WaitGroup
	moving chan struct{}
	kept   workKept // nil where the renewal is done here
}

// A workKept hold is renewed by its lock, for as long as the work makes progress.
type workKept interface {
	progress()
	// lost is closed when the hold is over, and the function says why.
	lost() (<-chan struct{}, func() string)
}

// stall is for how long the work may make no progress, where that matters.
func (j workerJob) stall() time.Duration { return j.TTL.Duration() / 2 }

// renew starts the renewal of h, if the worker is to have one: for as long as the process lives, or, in the way WayProgress, for as long as the work is heard of; then the lock is given back.
// A lock that does so by itself does.
func (w *worker) renew(ctx context.Context, h heldLock) *renewal {
	if !w.job.Renews {
		return nil
	}
	ctx, end := context.WithCancel(ctx)
	r := &renewal{end: end, moving: make(chan struct{}, 1)}
	ttl := w.job.TTL.Duration()
	if kept, ok := h.(workKept); ok {
		r.kept = kept
		r.wg.Go(func() {
			lost, why := kept.lost()
			select {
			case <-lost:
				w.tell(Event{What: LetGo, Detail: why()})
			case <-ctx.Done():
			}
		})
		return r
	}
	r.wg.Go(func() {
		every := time.NewTicker(ttl / 4)
		defer every.Stop()
		heard := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.moving:
				heard = time.Now()
				continue
			case <-every.C:
			}
			if _, good := h.left(); !good {
				w.tell(Event{What: LetGo, Detail: "its hold is over, although it was renewed"})
				return
			}
			if w.job.Trial.Way == WayProgress && time.Since(heard) >= w.job.stall() {
				w.tell(Event{What: LetGo, Detail: "no progress for " + span(Ms(time.Since(heard))) + ": lets go of the lock"})
				_, _ = h.release(ctx) // What is left of it runs out by itself.
				return
			}
			_ = h.extend(ctx)
		}
	})
	return r
}

// made says that the work goes on.
func (r *renewal) made() {
	switch {
	case r == nil:
		return
	case r.kept != nil:
		r.kept.progress()
		return
	}
	select {
	case r.moving <- struct{}{}:
	default:
	}
}

// stop ends the renewal, and returns when it has ended. It may be called again.
func (r *renewal) stop() {
	if r == nil {
		return
	}
	r.end()
	r.wg.Wait()
}
