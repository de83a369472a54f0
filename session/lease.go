package session

import (
	"context"
	"fmt"
	"time"
)

// A Lease is the belief in one ephemeral znode of one session: that it exists, and that the session lives. It ends once, for good: when the znode is
// deleted, when the session is lost, or when it is released.
//
// Its znode is watched from [Lease.Watch] on, and otherwise from a twelfth of the session timeout after [Lease.Hold]; its session is renewed from Hold on.
//
// A Lease is safe for concurrent use. There is no useful zero value: [Session.Lease] and [Session.Adopt] return one.
type Lease struct {
	s    *Session
	path string
	stat Stat
	life context.Context
	end  context.CancelCauseFunc

	// guarded by s.mu
	held    bool   // counts for the session's deadline
	ended   bool   // set with end, for those who have the lock anyway
	watched bool   // a watch is set, or is being set
	armed   uint64 // the connection on which its znode has been watched without a gap, 0 when there was one
}

// Lease watches the ephemeral znode at path, which this session must own. It fails with [ErrNoNode] or [ErrNotOwner], with the cause of ctx, or with
// the session's loss.
func (s *Session) Lease(ctx context.Context, path string) (*Lease, error) {
	stat, err := s.Exists(ctx, path)
	if err == nil && stat == nil {
		err = &OpError{Op: "lease", Path: path, Err: ErrNoNode}
	}
	if err == nil && stat.EphemeralOwner != s.ID() {
		err = &OpError{Op: "lease", Path: path, Err: fmt.Errorf("%w: %#x", ErrNotOwner, uint64(stat.EphemeralOwner))}
	}
	if err != nil {
		return nil, err
	}
	l, err := s.Adopt(Made{Path: path, Stat: *stat})
	if err == nil {
		err = l.Watch(ctx)
	}
	if err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

// Adopt returns a lease on a znode that this session has just created. It does no I/O: what created the znode told of it. It fails with the session's loss.
func (s *Session) Adopt(made Made) (*Lease, error) {
	l := s.newLease(made.Path)
	l.stat = made.Stat
	return l, l.join()
}

func (s *Session) newLease(path string) *Lease {
	l := &Lease{s: s, path: path}
	l.life, l.end = context.WithCancelCause(context.Background())
	return l
}

// join makes the lease one of its session's.
func (l *Lease) join() error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.err != nil {
		l.endLocked(l.s.err)
		return l.s.err
	}
	if !l.ended { // else the znode went meanwhile, and Err says so
		l.s.leases[l] = struct{}{}
	}
	return nil
}

// Watch watches the znode, if that is not done yet, and returns when it is. From then on the lease ends when the znode is deleted. It fails when the lease
// ends or ctx does, and the znode may or may not be watched then.
func (l *Lease) Watch(ctx context.Context) error {
	_, err := l.WatchWith(ctx)
	return err
}

// WatchWith is Watch, and watches other znodes with it, in one round trip: see [Session.WatchAll].
func (l *Lease) WatchWith(ctx context.Context, paths ...string) ([]*Watch, error) {
	l.s.mu.Lock()
	own := !l.watched
	l.watched = true
	l.s.mu.Unlock()
	if own {
		paths = append([]string{l.path}, paths...)
	}
	if len(paths) == 0 {
		return nil, l.Err()
	}
	watches, err := l.s.watchAll(ctx, paths, func(path string) *Watch {
		w := l.s.newWatch(path, watchData)
		w.direct = true
		if own && path == l.path {
			w.call = l.seen
		}
		return w
	})
	if !own {
		return watches, err
	}
	if err != nil {
		l.s.mu.Lock()
		l.watched = false
		l.s.mu.Unlock()
		return nil, err
	}
	l.s.mu.Lock()
	if l.s.watches.waits(watches[0]) { // else it has fired, and seen takes care
		l.armed = watches[0].connection
	}
	l.s.mu.Unlock()
	if err := l.Err(); err != nil {
		for _, w := range watches {
			w.Stop()
		}
		return nil, err
	}
	return watches[1:], nil
}

// watchAgain sets the watch in the background, now that it is used up or its connection is gone.
func (l *Lease) watchAgain() {
	l.s.mu.Lock()
	l.armed, l.watched = 0, false
	ended := l.ended
	l.s.mu.Unlock()
	if !ended {
		l.s.goTracked(func() { _ = l.Watch(l.s.life) }) // it fails with the session only
	}
}

// seen is told, on the goroutine that reads the connection, what the watch saw: before any later event is delivered.
func (l *Lease) seen(ev Event) {
	switch ev.Type {
	case Deleted:
		l.fail(ErrNodeGone)
	case DataChanged, Unsettled:
		l.watchAgain()
	default: // the session's loss ends the lease by itself
	}
}

// Hold makes the session's life count on acknowledged writes from now on, and returns when one is fresh. It sends a write if none is, and then waits for its
// acknowledgement. It fails when the lease has ended or when ctx ends; the lease is not held then.
func (l *Lease) Hold(ctx context.Context) error {
	fresh := l.s.Timeout() / 3
	for {
		if l.tryHold(fresh) {
			return nil
		}
		if err := l.Err(); err != nil {
			return err
		}
		_, err := l.s.Multi(ctx, Check(l.path, AnyVersion))
		switch {
		case err == nil:
			if l.tryHold(0) {
				return nil
			}
		case isRefusal(err):
			l.fail(ErrNodeGone)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case answered(err):
			return err
		}
	}
}

// tryHold makes the lease held if the proof is good for more than rest.
func (l *Lease) tryHold(rest time.Duration) bool {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.ended {
		return false
	}
	v := s.viewLocked()
	v.holding = true
	if v.deadline()-s.clk.now() <= rest {
		return false
	}
	if !l.held {
		l.held = true
		s.held++ // the keeper looks again within a twelfth of the timeout
	}
	return true
}

// Ready reports whether the lease is held and could not have ended unseen: its znode has been watched without a gap on the given connection, and the deadline
// is ahead. An event of that connection that tells what came before it in the servers' history can then be acted upon without another question.
func (l *Lease) Ready(connection uint64) bool {
	if l.Err() != nil {
		return false
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.held && !l.ended && l.armed == connection && l.s.connections == connection
}

// Path returns the znode's path.
func (l *Lease) Path() string { return l.path }

// Stat returns the znode's metadata as they were when the lease began.
func (l *Lease) Stat() Stat { return l.stat }

// Session returns the session that the znode belongs to.
func (l *Lease) Session() *Session { return l.s }

// Done is closed when the lease ends.
func (l *Lease) Done() <-chan struct{} { return l.life.Done() }

// Err returns nil until the lease ends, and then why: a [*LostError], [ErrNodeGone] or [ErrReleased]. It looks at the clock, so that a process that was
// stopped past its deadline is told at once.
func (l *Lease) Err() error {
	l.s.expireIfDue()
	return context.Cause(l.life)
}

// Deadline returns when the lease ends unless it is renewed by then.
func (l *Lease) Deadline() time.Time { return l.s.Deadline() }

// Release ends the lease with [ErrReleased]. The znode stays.
func (l *Lease) Release() { l.fail(ErrReleased) }

// Gone ends the lease with [ErrNodeGone], for an owner that learnt it in another way.
func (l *Lease) Gone() { l.fail(ErrNodeGone) }

func (l *Lease) fail(err error) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.endLocked(err)
}

func (l *Lease) endLocked(err error) {
	if l.ended {
		return
	}
	if l.held {
		l.s.held--
	}
	l.ended, l.held = true, false
	delete(l.s.leases, l)
	l.end(err)
}

// Context returns a context that ends with parent or with the lease, then with the lease's end as its cause.
func (l *Lease) Context(parent context.Context) (context.Context, context.CancelFunc) {
	return follow(parent, l.life)
}

// follow returns a context that ends with parent or with life, then with life's cause.
func follow(parent, life context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(life, func() { cancel(context.Cause(life)) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}
