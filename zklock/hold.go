package zklock

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
)

// A Hold is one acquisition of a lock. It ends once, for good: when it is unlocked, when its session is lost, locally or by the servers' word, when its node is
// deleted by somebody else, or when the work that it is for stalls (see [Mutex.Work]).
//
// A Hold is safe for concurrent use. There is no useful zero value: [Mutex.Lock] returns one.
type Hold struct {
	m     *Mutex
	lease *session.Lease
	token fence.Token
	work  atomic.Pointer[Work] // what it is held for, if that is watched

	unlocking atomic.Bool
	stalled   atomic.Pointer[StalledError]
	gone      chan struct{} // closed when result is known
	result    error
}

func (w *waiter) hold() *Hold {
	return &Hold{m: w.m, lease: w.lease, token: w.m.token(w.lease.Stat().Czxid), gone: make(chan struct{})}
}

// Token returns the fencing token: greater than that of every earlier hold of this lock. Pass it with every request to what the lock protects.
// It does not change, and stays readable after the hold has ended.
func (h *Hold) Token() fence.Token { return h.token }

// Path returns the path of the node that stands for this hold.
func (h *Hold) Path() string { return h.lease.Path() }

// Done is closed when the hold ends, before the servers can give the lock to somebody else.
func (h *Hold) Done() <-chan struct{} { return h.lease.Done() }

// Err returns nil while the lock is held, [ErrReleased] after Unlock, and a [*LostError] after a loss. It looks at the clock: a process that was stopped past its
// deadline is told at once, before any timer has run.
func (h *Hold) Err() error {
	if w := h.work.Load(); w != nil {
		w.look(false)
	}
	return h.told(h.lease.Err())
}

func (h *Hold) told(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, session.ErrReleased):
		stalled := h.stalled.Load()
		if stalled == nil {
			return ErrReleased
		}
		err = stalled
	}
	return &LostError{Path: h.m.path, Token: h.token, Reason: err}
}

// Deadline returns when the hold ends unless it is renewed by then. It moves on while the session is alive, and means nothing once the hold has ended.
func (h *Hold) Deadline() time.Time { return h.lease.Deadline() }

// Context returns a context that ends with parent or with the hold, then with [Hold.Err] as its cause. The function that is returned frees it.
func (h *Hold) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	inner, stop := h.lease.Context(context.Background())
	unhook := context.AfterFunc(inner, func() { cancel(h.Err()) })
	return ctx, func() {
		unhook()
		stop()
		cancel(context.Canceled)
	}
}

// Unlock gives the lock back. The hold ends at once; the node is then deleted, again and again over reconnects until it is surely gone, and Unlock returns nil.
// When ctx ends first, the deletion goes on in the background and Unlock returns an error that wraps [ErrNotConfirmed] and the cause of ctx.
//
// Unlock is idempotent: a later call waits for the same deletion. After a loss it returns the loss: somebody else may have held the lock already.
func (h *Hold) Unlock(ctx context.Context) error {
	if h.unlocking.CompareAndSwap(false, true) {
		h.giveBack(ctx)
	}
	select {
	case <-h.gone:
		return h.result
	default:
	}
	select {
	case <-h.gone:
		return h.result
	case <-ctx.Done():
		return fmt.Errorf("%w: %s: %w", ErrNotConfirmed, h.Path(), context.Cause(ctx))
	}
}

// giveBack ends the hold and deletes its node, within ctx or else in the background.
func (h *Hold) giveBack(ctx context.Context) {
	s := h.lease.Session()
	err := h.lease.Err() // looks at the clock
	h.lease.Release()    // belief ends before the node does
	if err == nil {
		err = h.lease.Err() // a loss may have come between
	}
	if !errors.Is(err, session.ErrReleased) {
		h.result = h.told(err)
		close(h.gone)
		s.RemoveDetached(h.Path(), nil) // the node of a hold that is lost is in everybody's way
		return
	}
	err = s.Delete(ctx, h.Path(), session.AnyVersion)
	if errors.Is(err, session.ErrNoNode) { // somebody else deleted it, and this client had not heard of that
		h.result = h.told(session.ErrNodeGone)
	}
	if err == nil || errors.Is(err, session.ErrNoNode) {
		close(h.gone)
		return
	}
	s.RemoveDetached(h.Path(), func(err error) {
		if err != nil {
			h.result = fmt.Errorf("%w: %s: %w", ErrNotConfirmed, h.Path(), err)
		}
		close(h.gone)
	})
}

// letGo ends the hold for those who wait, though whoever has it has not given it back.
func (h *Hold) letGo(why *StalledError) {
	if !h.unlocking.CompareAndSwap(false, true) {
		return
	}
	h.stalled.Store(why)
	h.lease.Release() // belief ends before the node does
	h.result = h.told(h.lease.Err())
	close(h.gone)
	h.lease.Session().RemoveDetached(h.Path(), nil)
}

// Guard applies operations to znodes in one transaction that the servers refuse as a whole once this hold's node is gone. It is the fence for data in
// ZooKeeper itself, and needs no token. It fails with a [*LostError] when the hold has ended; with a *session.MultiError whose Index counts ops when one of them was
// refused; nothing is applied in both cases. An error that matches session.ErrUnknownOutcome leaves open whether all are applied.
func (h *Hold) Guard(ctx context.Context, ops ...session.Op) ([]session.Result, error) {
	if err := h.Err(); err != nil {
		return nil, err
	}
	all := make([]session.Op, 0, len(ops)+1)
	all = append(append(all, session.Check(h.Path(), session.AnyVersion)), ops...)
	results, err := h.lease.Session().Multi(ctx, all...)
	var refused *session.MultiError
	switch {
	case err == nil:
		return results[1:], nil
	case !errors.As(err, &refused):
		if lost := h.Err(); lost != nil && !errors.Is(err, session.ErrUnknownOutcome) {
			err = lost // while the operations waited for a connection
		}
		return nil, err
	case refused.Index == 0 && errors.Is(err, session.ErrNoNode):
		h.lease.Gone()
		return nil, h.Err()
	case refused.Index > 0:
		return nil, &session.MultiError{Index: refused.Index - 1, Err: refused.Err}
	}
	return nil, fmt.Errorf("zklock: the node %s cannot be checked: %w", h.Path(), refused.Err)
}
