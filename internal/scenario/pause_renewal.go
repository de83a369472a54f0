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
}

// renew starts the renewal of h, if the worker is to have one: for as long as the process lives, or, in the way WayProgress, for as long as the work was heard of within
// the last half of the lock's life; then the lock is given back.
func (w *worker) renew(ctx context.Context, h heldLock) *renewal {
	if !w.job.Renews {
		return nil
	}
	ctx, end := context.WithCancel(ctx)
	r := &renewal{end: end, moving: make(chan struct{}, 1)}
	ttl := w.job.TTL.Duration()
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
			if w.job.Trial.Way == WayProgress && time.Since(heard) >= ttl/2 {
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
	if r == nil {
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
