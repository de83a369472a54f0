package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkkit/zkkit/zklock"
)

// A workHold is a hold of zklock that its work keeps, and not the session alone: see [zklock.Mutex.Work]. The work is what the worker does between lock and release.
type workHold struct {
	zooKeeperHold
	work  *zklock.Work
	limit time.Time // by which the work must have made progress
	over  chan struct{}
	ended chan error
}

// workFor takes the lock for work that makes progress, every stall at least.
func (l *zooKeeperLock) workFor(ctx context.Context, stall time.Duration) (heldLock, error) {
	begun, h := make(chan *zklock.Work, 1), &workHold{over: make(chan struct{}), ended: make(chan error, 1)}
	go func() { // It ends with release, or with ctx.
		h.ended <- l.mutex.Work(ctx, stall, func(ctx context.Context, w *zklock.Work) error {
			begun <- w
			select {
			case <-h.over:
			case <-ctx.Done():
				<-h.over // As work does that does not look at its context.
			}
			return nil
		})
	}()
	asked := time.Now()
	select {
	case h.work = <-begun:
		h.zooKeeperHold, h.limit = zooKeeperHold{h.work.Hold()}, asked.Add(stall)
		return h, nil
	case err := <-h.ended:
		if errors.Is(err, zklock.ErrLost) || sessionLost(err) {
			err = fmt.Errorf("%w: %s", errTooLate, reasonOf(err))
		}
		return nil, err
	}
}

// left is what the session gives, and no more than the work has left to make progress.
func (h *workHold) left() (time.Duration, bool) {
	left, good := h.zooKeeperHold.left()
	return min(left, time.Until(h.limit)), good
}

func (h *workHold) progress() { _ = h.work.Progress() } // What it says is not looked at: that is the worker that the fence is for.

func (h *workHold) lost() (<-chan struct{}, func() string) {
	return h.Done(), func() string {
		var stalled *zklock.StalledError
		if errors.As(h.Err(), &stalled) {
			return "no progress for " + span(Ms(stalled.For)) + ": lets go of the lock"
		}
		return reasonOf(h.Err())
	}
}

func (h *workHold) release(context.Context) (mine bool, err error) {
	close(h.over)
	err = <-h.ended
	switch {
	case errors.Is(err, zklock.ErrLost):
		return false, nil
	case errors.Is(err, zklock.ErrNotConfirmed):
		return false, errUnsure
	}
	return err == nil, err
}
