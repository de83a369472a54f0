package zklock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zkkit/zkkit/fence"
)

// ErrStalled means that work under a lock reported no progress for too long, and that the lock was let go. A [*StalledError] says for how long.
var ErrStalled = errors.New("zklock: work stalled")

// A StalledError is the reason in the [*LostError] of a hold whose work stalled. It matches [ErrStalled].
// It is a value that nobody changes, and so safe for concurrent use.
type StalledError struct {
	Path  string      // of the lock
	Token fence.Token // of the hold
	For   time.Duration
}

// Error says for how long.
func (e *StalledError) Error() string {
	return fmt.Sprintf("%v: no progress for %v", ErrStalled, e.For)
}

// Is reports a match with ErrStalled.
func (e *StalledError) Is(target error) bool { return target == ErrStalled }

// A Work is a function that runs under a lock for as long as it makes progress: see [Mutex.Work].
//
// A Work is safe for concurrent use. There is no useful zero value.
type Work struct {
	hold  *Hold
	stall time.Duration

	mu   sync.Mutex // guards last and over
	last time.Time  // progress
	over bool       // the function has returned, or has stalled
}

// Work takes the lock, runs f, and gives the lock back, as [Mutex.Do] does. But where Do keeps the lock for as long as the session lives, even if f is stuck for
// ever, Work keeps it for as long as f goes on: f calls [Work.Progress] after each step, and when no call comes for the duration stall, counted from the start of f, the hold is lost.
// The context that f is given ends with the loss as its cause, [Hold.Err] returns it, and the node is deleted, so that the next in the queue has the lock although f has
// not returned. Stall is longer than the longest step that is in order, and then as short as others can be kept waiting. Waiting for the lock does not count.
//
// Work blocks until f has returned, and then returns the error of Lock, of f, or of Unlock, as Do does. After a stall it returns a [*LostError] that matches [ErrStalled], whatever
// f has returned, and what that was if it was an error. It fails at once when stall is not above 0.
//
// A stall ends the hold and not the function. Nobody can stop f: it may be waiting for a disk, it may go on in an hour, and somebody else holds the lock then. Only the
// resource itself can refuse what it does: see package fence, and [Hold.Guard].
//
// The time is looked at also when Progress or Hold.Err is called: after its process was stopped, f finds the lock lost before any timer has run. While the machine is
// suspended, the time for a stall stands still on most systems; the hold's own deadline does not.
func (m *Mutex) Work(ctx context.Context, stall time.Duration, f func(ctx context.Context, w *Work) error) (err error) {
	if stall <= 0 {
		return fmt.Errorf("zklock: a stall of %v: it must be above 0", stall)
	}
	h, err := m.Lock(ctx)
	if err != nil {
		return err
	}
	w := &Work{hold: h, stall: stall, last: time.Now()}
	h.work.Store(w)
	inner, cancel := h.Context(ctx)
	var watch sync.WaitGroup
	done := make(chan struct{})
	watch.Go(func() { w.watch(done) })
	defer func() {
		close(done)
		watch.Wait()
		cancel()
		err = w.end(ctx, err)
	}()
	return f(inner, w)
}

// Hold returns the hold that the work is done under.
func (w *Work) Hold() *Hold { return w.hold }

// Token returns the hold's fencing token.
func (w *Work) Token() fence.Token { return w.hold.Token() }

// Progress reports that the work goes on. It does not block, and returns [Hold.Err]: nil while the lock is held. Progress that comes too late does not bring a hold back.
func (w *Work) Progress() error {
	w.look(true)
	return w.hold.Err()
}

// watch looks whenever it can be too late, until done is closed or the hold has ended.
func (w *Work) watch(done <-chan struct{}) {
	t := time.NewTimer(w.stall)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			t.Reset(w.look(false))
		case <-w.hold.Done():
			return
		case <-done:
			return
		}
	}
}

// look lets the hold go if the work has stalled. Otherwise it notes progress, if there is some, and returns the time until it can be too late.
func (w *Work) look(progress bool) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch rest := w.stall - now.Sub(w.last); {
	case w.over:
		return w.stall
	case rest > 0 && progress:
		w.last = now
		return w.stall
	case rest > 0:
		return rest
	}
	w.over = true
	w.hold.letGo(&StalledError{Path: w.hold.m.path, Token: w.hold.token, For: now.Sub(w.last)})
	return w.stall
}

// end gives the lock back, or says that it is gone, when f has returned err.
func (w *Work) end(ctx context.Context, err error) error {
	w.look(false) // f may have returned late, and nobody has noticed yet
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	uerr := w.hold.Unlock(context.WithoutCancel(ctx))
	switch {
	case errors.Is(uerr, ErrStalled) && err != nil && !errors.Is(err, ErrStalled):
		return fmt.Errorf("%w; and then: %w", uerr, err)
	case err == nil, errors.Is(uerr, ErrStalled):
		return uerr
	}
	return err
}
