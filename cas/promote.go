package cas

import (
	"context"
	"errors"
	"math/rand/v2"
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
	if free, err := b.precedence.over(ctx, l.s, now); !free { // It is another lock than ours: somebody is configured otherwise.
		return false, err
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

// A precedence is how long somebody has been waiting for others who have the lock.
type precedence struct {
	of    Version
	since time.Duration
}

// over reports whether a node can be written by those who have no lock: because no lock has precedence in it, or because nobody holds that one any more. Otherwise it
// waits for a moment, after which the node is to be read again. It does not line up for the lock: if everybody did who meets it, there would be no end of it.
func (p *precedence) over(ctx context.Context, s *Store, now *state) (bool, error) {
	if now.lock == "" {
		return true, nil
	}
	if at := s.now(); p.of != now.version {
		p.of, p.since = now.version, at
	} else if at-p.since > lockedLong { // Its holder takes long, or is dead.
		p.since = at
		if queued, err := s.reg.Queued(ctx, now.lock); err != nil || !queued {
			return err == nil, err
		}
	}
	return false, pause(ctx, time.Duration((0.5+rand.Float64())*float64(lockedPause)))
}

const (
	lockedPause = time.Millisecond      // between two looks at a node in which a lock has precedence, about
	lockedLong  = 20 * time.Millisecond // after which it is looked whether somebody holds that lock
)

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
