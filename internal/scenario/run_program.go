package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/zkkit/zkkit/zklock"
)

// prepareInstances makes all that a run with programs needs, and starts none of them.
func (r *partitionRun) prepareInstances(ctx context.Context) error {
	var err error
	if r.owners, err = newOwners(r.observer, r.whose); err != nil {
		return err
	}
	if kind := r.cfg.Program.Resource; kind != "" {
		r.resource = newResource(r.rec, kind == ResourceFenced)
	}
	for n := range r.cfg.Clients {
		who := WhoHolder
		if n > 0 {
			who = WhoWaiter
		}
		if n > 1 {
			who = fmt.Sprintf("%s-%d", WhoWaiter, n)
		}
		if _, err := r.newInstance(ctx, who); err != nil {
			return err
		}
	}
	return nil
}

// whose returns the instance that a session is of, "" if it did not come through a link of this run.
func (r *partitionRun) whose(session int64) string {
	for _, i := range r.instances {
		if _, ok := i.owns(session); ok {
			return i.who
		}
	}
	return ""
}

// show hands on what an instance prints, one line at a time.
func (r *partitionRun) show(instance, line string) {
	r.showing.Lock()
	defer r.showing.Unlock()
	if p := r.cfg.Program; p.OnOutput != nil {
		p.OnOutput(instance, line)
	}
}

// playInstances is the story with programs.
func (r *partitionRun) playInstances(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	r.stopAll = cancel
	if limit := r.cfg.Timeout; limit > 0 {
		var free context.CancelFunc
		ctx, free = context.WithTimeoutCause(ctx, limit, environment(fmt.Errorf("the run did not end within %v (--timeout); everything is healed and given back", limit)))
		defer free()
	}
	return told(ctx, r.tryInstances(ctx))
}

func (r *partitionRun) tryInstances(ctx context.Context) error {
	if err := r.startInstances(ctx); err != nil {
		return err
	}
	enough, why := Conclusive(r.length, r.evidence().Parameters)
	if enough {
		why = ""
	}
	if r.cfg.OnPlan != nil {
		r.cfg.OnPlan(r.evidence(), why)
	}
	rng := rand.New(rand.NewPCG(r.cfg.Seed, 0))
	if err := sleep(ctx, min(r.negotiated/3, time.Second)+time.Duration(rng.Int64N(int64(r.negotiated/3)+1))); err != nil {
		return err
	}
	// A program that holds the lock for a short time only may have given it away meanwhile.
	if err := r.await(ctx, "had the lock again", r.instances[0], func([]zklock.Contender) bool {
		return !r.instances[0].silent() && r.owners.follow(WhoHolder)
	}); err != nil {
		return err
	}
	r.cut, r.res = r.instances[0].zk, r.instances[0].res
	if err := r.fault(ctx); err != nil {
		return err
	}
	return r.settleInstances(ctx)
}

// startInstances starts the holder, then the others, each when the one before it has the lock or waits for it.
func (r *partitionRun) startInstances(ctx context.Context) error {
	if err := r.owners.look(ctx); err != nil {
		return environment(err)
	}
	if before, _, _ := r.owners.now(); len(before) > 0 {
		return environment(fmt.Errorf("somebody else uses the lock %s: %d nodes are there; choose another --lock-path, or end them", r.cfg.LockPath, len(before)))
	}
	r.owners.watch(ctx)
	for n, i := range r.instances {
		if err := i.start(r.cfg.Program.Command, i.environ(r.cfg.LockPath)); err != nil {
			return err
		}
		if n == 0 {
			if err := r.awaitHolder(ctx, i); err != nil {
				return err
			}
			continue
		}
		var since time.Time
		if err := r.await(ctx, "waited for the lock", i, func(queue []zklock.Contender) bool {
			if since.IsZero() && i.connected() {
				since = time.Now()
			}
			for _, c := range queue {
				if _, mine := i.owns(c.SessionID); mine {
					return true
				}
			}
			return !since.IsZero() && time.Since(since) > pollers // It asks again and again, perhaps, instead of waiting in the queue.
		}); err != nil {
			return err
		}
	}
	return nil
}

// pollers is how long a program that has a session may take to queue up, until it is taken for one that polls.
const pollers = 3 * time.Second

// awaitHolder waits until the first instance owns the lock, and learns its session.
func (r *partitionRun) awaitHolder(ctx context.Context, i *instance) error {
	var foreign error
	err := r.await(ctx, "had the lock", i, func(queue []zklock.Contender) bool {
		if len(queue) == 0 {
			return false
		}
		h, mine := i.owns(queue[0].SessionID)
		if strings.Contains(queue[0].Path, "__rlock__") {
			foreign = environment(fmt.Errorf("the node %s is that of a shared lock, which several own at once: take an exclusive one", queue[0].Path))
			return true
		}
		if !mine {
			foreign = environment(fmt.Errorf("the lock's node %s is owned in session 0x%x, which did not come through $ZK_SERVERS: does the program connect to that, or does "+
				"somebody else use the lock?", queue[0].Path, queue[0].SessionID))
			return true
		}
		r.requested, r.negotiated = h.asked, h.given
		r.length = r.cfg.For.Of(r.negotiated)
		return true
	})
	return errors.Join(foreign, err)
}

// await waits until something is so of the queue. It fails when the instance ends first, and when that takes too long.
func (r *partitionRun) await(ctx context.Context, what string, i *instance, done func([]zklock.Contender) bool) error {
	limit := time.NewTimer(r.cfg.Program.Ready)
	defer limit.Stop()
	for {
		queue, changed, err := r.owners.now()
		switch {
		case err != nil:
			return environment(err)
		case r.anyEnded() != nil:
			return r.anyEnded().tooEarly()
		case done(queue):
			return nil
		}
		select {
		case <-changed:
		case <-i.ended:
		case <-limit.C:
			return r.neverDid(what, i)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// anyEnded returns an instance that was started and has ended, or nil.
func (r *partitionRun) anyEnded() *instance {
	for _, i := range r.instances {
		select {
		case <-i.ended:
			return i
		default:
		}
	}
	return nil
}

// neverDid is the error of an instance that has not got where it should, with what is known of why.
func (r *partitionRun) neverDid(what string, i *instance) error {
	why := fmt.Sprintf("it has a session, and made no node of a lock in %s (LOCK_PATH)", r.cfg.LockPath)
	if queue, _, _ := r.owners.now(); !i.connected() {
		why = "it opened no session at $ZK_SERVERS"
	} else if i.silent() {
		why = "it says that it has stopped using it"
	} else if len(queue) > 0 {
		why = fmt.Sprintf("%s has the lock", orSomebody(r.whose(queue[0].SessionID)))
	}
	return environment(fmt.Errorf("the %s was not seen to have %s within %v (--ready): %s", i.who, strings.TrimPrefix(what, "had "), r.cfg.Program.Ready, why))
}
