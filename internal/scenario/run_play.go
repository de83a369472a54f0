package scenario

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// play is the story itself.
func (r *partitionRun) play(ctx context.Context) error {
	limit := cmp.Or(r.cfg.Timeout, r.length+time.Minute)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, environment(fmt.Errorf("the run did not end within %v (--timeout); everything is healed and given back", limit)))
	r.stopAll = cancel
	if err := r.queueUp(ctx); err != nil {
		return told(ctx, err)
	}
	enough, why := Conclusive(r.length, r.evidence().Parameters)
	if r.negotiated != r.cfg.Session {
		why = strings.TrimSuffix(fmt.Sprintf("the server gave a session of %v instead of %v; %s", r.negotiated, r.cfg.Session, why), "; ")
	} else if enough {
		why = ""
	}
	if r.cfg.OnPlan != nil {
		r.cfg.OnPlan(r.evidence(), why)
	}
	// The cut comes at a random moment within the renewals and pings of the holder, not always right after it was granted the lock.
	rng := rand.New(rand.NewPCG(r.cfg.Seed, 0))
	if err := sleep(ctx, min(r.negotiated/3, time.Second)+time.Duration(rng.Int64N(int64(r.negotiated/3)+1))); err != nil {
		return told(ctx, err)
	}
	if err := r.fault(ctx); err != nil {
		return told(ctx, err)
	}
	return told(ctx, r.settle(ctx))
}

// told prefers the reason of the end to what it caused.
func told(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// queueUp lets the holder take the lock and the others wait for it, in this order.
func (r *partitionRun) queueUp(ctx context.Context) error {
	start, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before, err := r.observer.queue(start)
	if err != nil {
		return err
	}
	if len(before) > 0 {
		return environment(fmt.Errorf("somebody else uses the lock %s: %d nodes are there; choose another --lock-path", r.cfg.LockPath, len(before)))
	}
	holder := r.actors[0]
	r.playing.Go(func() { r.act(ctx, holder, r.cfg.Kind != KindNone) })
	select {
	case <-holder.first:
	case <-start.Done():
		return environment(fmt.Errorf("the holder did not get the lock within %v", patience))
	}
	for i, a := range r.actors[1:] {
		r.playing.Go(func() { r.act(ctx, a, false) })
		if err := r.observer.waitFor(start, i+2); err != nil {
			return environment(fmt.Errorf("%s did not queue up within %v: %w", a.who, patience, err))
		}
	}
	queue, err := r.observer.queue(start)
	if err != nil {
		return err
	}
	r.observer.watch(ctx, queue[0])
	return nil
}

// act plays one client to its end. One that loses its place in the queue, or is refused, asks again, as a service would.
func (r *partitionRun) act(ctx context.Context, a *actor, again bool) {
	for what := Acquired; ; {
		held, err := a.hold(ctx, what)
		if err != nil && ctx.Err() == nil {
			r.rec.now(Event{Who: a.who, What: Note, Detail: err.Error()})
			if sleep(ctx, pace) == nil && !held {
				continue
			}
		}
		select {
		case <-a.letGo: // gave it back in good order
			return
		default:
		}
		if !again || !held || ctx.Err() != nil {
			return
		}
		what, again = Rejoined, false
	}
}

// settle gives everybody the time to learn what there is to learn, asks who owns the lock, and lets the clients give it back one after the other.
func (r *partitionRun) settle(ctx context.Context) error {
	quiet := 2500 * time.Millisecond // go-zookeeper learns of its expiry 1.0 s after a heal
	if r.cfg.Kind == KindNone {
		quiet = 100 * time.Millisecond
	}
	if err := sleep(ctx, quiet); err != nil {
		return err
	}
	r.readOwner(ctx)
	r.noteBeliefs()
	// In the order of the queue, each one is told to let go of the lock when it has it, or as soon as it does.
	for _, a := range r.actors[1:] {
		close(a.letGo)
	}
	if r.stillHolds() {
		close(r.actors[0].letGo)
	} else {
		r.awaitRejoin(ctx)
		close(r.actors[0].letGo)
	}
	over := make(chan struct{})
	go func() { r.playing.Wait(); close(over) }()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readOwner records whose node is the first in the queue, or that it cannot be told.
func (r *partitionRun) readOwner(ctx context.Context) {
	queue, err := r.observer.queue(ctx)
	if err != nil {
		r.rec.now(Event{Who: WhoObserver, What: ObserverLost, Detail: err.Error()})
		return
	}
	if len(queue) == 0 {
		r.rec.now(Event{Who: WhoObserver, What: Owner, Detail: OwnerNobody})
		return
	}
	owner := OwnerWaiter
	for _, e := range r.rec.all() {
		if e.Who == WhoHolder && e.Token == queue[0].token && (e.What == Acquired || e.What == Rejoined) {
			owner = OwnerHolder
		}
	}
	r.rec.now(Event{Who: WhoObserver, What: Owner, Detail: owner, Token: queue[0].token})
}

// noteBeliefs records who still believes in a hold.
func (r *partitionRun) noteBeliefs() {
	open := map[string]uint64{}
	for _, e := range r.rec.all() {
		switch e.What {
		case Acquired, Rejoined:
			open[e.Who] = e.Token
		case BeliefEnded, Released:
			delete(open, e.Who)
		}
	}
	for who, token := range open {
		r.rec.now(Event{Who: who, What: StillBelieving, Token: token})
	}
}

// stillHolds reports whether the holder has not lost its first hold.
func (r *partitionRun) stillHolds() bool {
	return !slices.ContainsFunc(r.rec.all(), func(e Event) bool { return e.Who == WhoHolder && (e.What == BeliefEnded || e.What == Released) })
}

// awaitRejoin waits until the holder has the lock again, for a time.
func (r *partitionRun) awaitRejoin(ctx context.Context) {
	wait, cancel := context.WithTimeout(ctx, r.negotiated+patience)
	defer cancel()
	select {
	case <-r.actors[0].first:
	case <-wait.Done():
		r.stopAll() // it is stuck: the verdict says so
	}
}

// sleep waits, or returns the cause of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
