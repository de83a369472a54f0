package cas

import (
	"context"
	"errors"
	"time"

	"github.com/zkkit/zkkit/session"
)

// promote takes the lock, if this bout does not hold it yet, and has its name in the node. It reports whether the node, as it stands now, can be written by nobody else.
func (b *bout) promote(ctx context.Context, now *state) (bool, error) {
	l := b.l
	if b.hold == nil {
		h, err := l.s.cfg.Promotion.Lock(ctx, l.path)
		if err != nil {
			return false, err
		}
		b.hold = h
		return false, nil // much may have changed while it waited
	}
	if !held(b.hold) { // somebody else may hold it by now
		b.release()
		return false, nil
	}
	lock := session.Parent(b.hold.Path())
	if now.lock == lock {
		return true, nil
	}
	if now.lock != "" { // another lock than ours: somebody is configured otherwise
		queued, err := l.s.reg.Queued(ctx, now.lock)
		if err != nil {
			return false, err
		}
		if queued {
			return false, pause(ctx, lockedPause)
		}
	}
	marked := state{envelope: now.locked(lock)}
	version, err := l.s.reg.Write(ctx, l.path, marked.encode(), now.version)
	switch {
	case err == nil:
		marked.version = version
		*now = marked
		return true, nil
	case errors.Is(err, ErrConflict) || errors.Is(err, ErrUnknown) && ctx.Err() == nil:
		return false, nil // the next look shows where the node stands
	}
	return false, err
}

func held(h Hold) bool { return h.Err() == nil }

// unlock takes the lock's name out of a node that this bout leaves as it is. If that fails the name stays, and has no effect once the lock is free.
func (b *bout) unlock(ctx context.Context, now *state) {
	if b.hold != nil && now.lock != "" {
		free := now.locked("")
		_, _ = b.l.s.reg.Write(ctx, b.l.path, free.encode(), now.version)
	}
}

// release gives the lock back.
func (b *bout) release() {
	if b.hold == nil {
		return
	}
	ctx, cancel := context.WithTimeout(b.l.s.life, unlockPatience)
	defer cancel()
	_ = b.hold.Unlock(ctx) // what it cannot finish now it goes on with in the background
	b.hold = nil
}

// unlockPatience bounds the wait for a lock's node to be gone.
const unlockPatience = 5 * time.Second
