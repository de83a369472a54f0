package cas

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A bout is what a lane does to get one write through, with all updates that are part of it.
type bout struct {
	l     *lane
	batch []*request
	wait  wait
	fresh bool // what functions refuse is to be checked against the newest value
	hold  Hold // of the lock, once it is promoted

	precedence precedence // of somebody else's lock
}

// serve works until one write is through, or nothing is left to be written. It answers what it can, and puts the rest back into the queue.
func (b *bout) serve(ctx context.Context) {
	defer func() {
		b.release()
		b.l.putBack(b.batch)
	}()
	if pause(ctx, b.l.pace.first(b.l.s.cfg.Backoff, b.l.s.now())) != nil {
		return
	}
	for {
		b.batch = b.l.gather(ctx, b.batch)
		if len(b.batch) == 0 || ctx.Err() != nil {
			return
		}
		began := b.l.s.now()
		now, err := b.l.s.readOrMake(ctx, b.l.path, b.fresh)
		if err != nil {
			b.failed(ctx, b.batch, err)
			return
		}
		ready, err := b.mayTry(ctx, &now)
		if err != nil {
			b.failed(ctx, b.batch, err)
			return
		}
		if ready && b.attempt(ctx, &now, began) {
			return
		}
	}
}

// failed answers requests with an error that came before anything was written. When the error is only that nobody waits any more, the lane's queue decides.
func (b *bout) failed(ctx context.Context, all []*request, err error) {
	if ctx.Err() != nil && b.l.s.life.Err() == nil {
		return
	}
	if b.l.s.life.Err() != nil {
		err = ErrClosed
	}
	for _, r := range all {
		b.l.answer(r, reply{err: err})
	}
}

// readOrMake returns a node as it is, and makes it if it is not there.
//
// What this client has just written could be taken for the newest, and a reading be saved. But then one client can shut out all others, without knowing: it writes once in each round
// trip, and they need two.
func (s *Store) readOrMake(ctx context.Context, path string, fresh bool) (state, error) {
	for {
		now, err := s.read(ctx, path, fresh)
		if !errors.Is(err, ErrAbsent) {
			return now, err
		}
		// What makes the node has no effect yet: it does not matter who does it, or how often.
		var empty envelope
		err = s.reg.Create(ctx, path, empty.encode())
		if err != nil && (ctx.Err() != nil || !errors.Is(err, ErrUnknown)) {
			return state{}, err
		}
	}
}

// mayTry reports whether it is time for an attempt on what was just read, and waits otherwise.
func (b *bout) mayTry(ctx context.Context, now *state) (bool, error) {
	l := b.l
	if b.hold != nil || l.s.cfg.Promotion.Lock != nil && b.wait.conflicts >= l.s.cfg.Promotion.After {
		return b.promote(ctx, now)
	}
	if free, err := b.precedence.over(ctx, l.s, now); !free {
		return false, err
	}
	d := l.pace.next(&b.wait, l.s.cfg.Backoff, now, l.s.now(), rand.Float64())
	if !d.look {
		return true, nil
	}
	return false, pause(ctx, d.after)
}

// pause waits. It fails with the cause of ctx.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt tries to write what the functions make of the node. It reports whether the bout is over.
func (b *bout) attempt(ctx context.Context, now *state, began time.Duration) bool {
	l := b.l
	b.batch = l.gather(ctx, b.batch) // those that came while this one waited
	e, writes, err := b.compute(ctx, now)
	if err != nil {
		b.failed(ctx, b.batch, err)
		return true
	}
	if len(writes) == 0 {
		return b.nothing(ctx, now)
	}
	op := l.s.op.Add(1)
	next := now.after(l.s.client, op, e.value, l.s.cfg.Traces)
	for _, r := range writes {
		r.stats.Attempts++
		r.stats.Combined, r.stats.Promoted = len(writes), b.hold != nil
	}
	p := put{l: l, base: now, data: next.encode(), op: op}
	v, err := p.send(ctx)
	for _, r := range writes {
		r.stats.Resolved += p.resolved
	}
	l.pace.attempted(l.s.now()-began, v == refused)
	switch v {
	case applied:
		b.applied(now)
	case refused:
		if err != nil {
			b.failed(ctx, b.batch, err)
			return true
		}
		b.refused(writes)
		return false
	default:
		for _, r := range writes {
			l.answer(r, reply{err: &UnknownError{Path: l.path, Err: err}})
		}
		return false // the others go on
	}
	return true
}

// compute runs the functions, and returns the envelope with the new value and those requests that have a part in it. From now on their callers cannot leave
// without knowing that a write may be under way.
func (b *bout) compute(ctx context.Context, now *state) (envelope, []*request, error) {
	for {
		e, ran, err := b.l.evaluate(ctx, b.batch, now.envelope)
		if err != nil {
			return e, nil, err
		}
		b.batch = ran
		var writes []*request
		stay := true
		for _, r := range ran {
			if r.err == nil {
				stay = r.stage.CompareAndSwap(waiting, sent) && stay
				writes = append(writes, r)
			}
		}
		if stay {
			return e, writes, nil
		}
		for _, r := range writes { // the functions after the one whose caller has left must run without it
			r.stage.CompareAndSwap(sent, waiting)
		}
		b.batch = staying(b.batch)
	}
}

// nothing answers requests of which none has anything to write, if the value that they refused was the newest one. It reports whether the bout is over.
func (b *bout) nothing(ctx context.Context, now *state) bool {
	if len(b.batch) == 0 {
		return false // all were set aside
	}
	if !b.fresh {
		b.fresh = true
		return false
	}
	b.unlock(ctx, now)
	for _, r := range b.batch {
		b.l.answer(r, reply{err: r.err})
	}
	return true
}

// applied answers everybody: the write is through.
func (b *bout) applied(base *state) {
	l := b.l
	l.pace.succeeded(base, l.s.now())
	for _, r := range b.batch {
		l.answer(r, reply{value: r.value, err: r.err})
	}
}

// refused lets go those that have lost too often.
func (b *bout) refused(writes []*request) {
	b.wait.conflicts++
	for _, r := range writes {
		r.stage.CompareAndSwap(sent, waiting)
		if r.stats.Attempts >= b.l.s.cfg.Attempts {
			b.l.answer(r, reply{err: &ContendedError{Path: b.l.path, Attempts: r.stats.Attempts, Waited: time.Since(r.began)}})
		}
	}
}
