package zklock_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

var errGaveUp = errors.New("gave up")

// A player wants the lock again and again, for random times and with random patience.
type player struct {
	p   *plot
	who string
	m   *zklock.Mutex
	rnd *rand.Rand
}

// upTo is a random time, in milliseconds, and shorter where time is real.
func (x *player) upTo(most int) time.Duration {
	return ms(x.rnd, 0, most) / time.Duration(max(1, x.p.brisk))
}

// run plays until the faults end, and takes the lock once more then.
func (x *player) run() {
	for {
		select {
		case <-time.After(x.upTo(300)):
			x.round()
		case <-x.p.stop:
			x.last()
			return
		}
	}
}

// round is one attempt.
func (x *player) round() {
	ctx, cancel := context.WithCancelCause(x.p.bound)
	defer cancel(nil)
	if x.rnd.IntN(2) == 0 {
		t := time.AfterFunc(x.upTo(1500), func() { cancel(errGaveUp) })
		defer t.Stop()
	}
	lock := x.m.Lock
	if x.rnd.IntN(5) == 0 {
		lock = x.m.TryLock
	}
	h, err := lock(ctx)
	if err == nil {
		_ = x.hold(h)
		return
	}
	switch {
	case errors.Is(err, errGaveUp) && ctx.Err() != nil:
		x.p.r.count("gave up")
	case errors.Is(err, zklock.ErrHeld):
		x.p.r.count("held by another")
	case errors.Is(err, zklock.ErrLost):
		x.p.r.count("lost its place")
	default:
		x.p.r.fault("%s: an error that nobody expects: %v", x.who, err)
	}
	x.p.r.note("%s has no lock: %v", x.who, err)
}

// last takes the lock in fine weather.
func (x *player) last() {
	for {
		h, err := x.m.Lock(x.p.bound)
		if err == nil {
			err = x.hold(h)
			if err == nil {
				return
			}
		}
		x.p.r.note("%s, in fine weather: %v", x.who, err)
		if !errors.Is(err, zklock.ErrLost) {
			x.p.r.fault("%s does not get the lock: %v", x.who, err)
			return
		}
	}
}

// hold writes to the resource for a while, and gives the lock back.
func (x *player) hold(h *zklock.Hold) error {
	var over atomic.Bool
	c := &claim{who: x.who, path: h.Path(), token: h.Token(), believes: func() bool { return h.Err() == nil }}
	if x.p.heedless {
		c.believes = func() bool { return !over.Load() }
	}
	x.p.r.granted(c)
	x.write(c, true)
	longest := 400
	if x.rnd.IntN(4) == 0 {
		longest = 4000
	}
	for range x.rnd.IntN(4) {
		x.pause(x.upTo(longest))
		x.write(c, false)
	}
	x.tell(h)

	ctx, cancel := context.WithCancelCause(x.p.bound)
	defer cancel(nil)
	if x.rnd.IntN(3) == 0 {
		t := time.AfterFunc(x.upTo(800), func() { cancel(errGaveUp) })
		defer t.Stop()
	}
	over.Store(true)
	err := h.Unlock(ctx)
	x.p.r.note("%s unlocks: %v", x.who, err)
	switch {
	case err == nil, errors.Is(err, zklock.ErrLost):
	case errors.Is(err, zklock.ErrNotConfirmed) && x.p.bound.Err() == nil:
		x.p.r.count("unlock not confirmed")
		err = nil
	default:
		x.p.r.fault("%s: an Unlock that nobody expects: %v", x.who, err)
	}
	return err
}

// pause takes its time while the faults last.
func (x *player) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-x.p.stop:
	}
}

// tell counts how the hold has ended.
func (x *player) tell(h *zklock.Hold) {
	switch err := h.Err(); {
	case errors.Is(err, session.ErrDeadline):
		x.p.r.count("lost by deadline")
	case errors.Is(err, session.ErrExpired):
		x.p.r.count("lost by expiry")
	case errors.Is(err, session.ErrNodeGone):
		x.p.r.count("lost by hand")
	case err != nil:
		x.p.r.fault("%s: a loss that nobody expects: %v", x.who, err)
	}
}

// write appends to the resource. A careless holder does not look whether it still holds.
func (x *player) write(c *claim, first bool) {
	careless := x.rnd.IntN(2) == 0
	if !careless && !c.believes() {
		return
	}
	ctx := context.Background()
	err := x.p.resource.Seal(ctx, ledger, c.token)
	if err == nil && !first {
		err = x.append(ctx, c)
	}
	switch {
	case errors.Is(err, fence.ErrStale):
		x.p.r.note("%s: %v", x.who, err)
		x.p.r.refused(c)
	case err != nil:
		x.p.r.fault("%s: a write that nobody expects: %v", x.who, err)
	}
}

func (x *player) append(ctx context.Context, c *claim) error {
	history, _, err := x.p.resource.Read(ctx, ledger, c.token)
	if err != nil {
		return err
	}
	if x.rnd.IntN(4) == 0 { // slow, and sure of itself
		x.pause(x.upTo(3000))
	}
	err = x.p.resource.Write(ctx, ledger, c.token, append(slices.Clone(history), c.token))
	if err == nil {
		x.p.mu.Lock()
		defer x.p.mu.Unlock()
		x.p.acknowledged[c.token]++
	}
	return err
}
