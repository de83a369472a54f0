package scenario

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// settleInstances gives everybody the time to learn what there is to learn, and reads who owns the lock.
func (r *partitionRun) settleInstances(ctx context.Context) error {
	if err := sleep(ctx, 2500*time.Millisecond); err != nil {
		return err
	}
	// A library may take its time to connect again, and only then hears that its session is over.
	rest, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for r.cfg.Kind != KindNone && !r.heard() {
		select {
		case <-tick.C:
			continue
		case <-rest.Done():
		}
		break
	}
	for _, i := range r.instances {
		i.mute()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	queue := r.owners.end()
	if _, _, err := r.owners.now(); err != nil {
		return nil // It is recorded: the verdict says so.
	}
	owner := Event{Who: WhoObserver, What: Owner, Detail: OwnerNobody}
	if len(queue) > 0 {
		owner.By, owner.Token, owner.Detail = r.whose(queue[0].SessionID), queue[0].Token.ID, OwnerWaiter
		if owner.By == WhoHolder {
			owner.Detail = OwnerHolder
		}
	}
	r.rec.now(owner)
	return nil
}

// heard reports whether nothing more is to be expected of the holder: it was told that its session is over, has another one, has ended, or has not lost anything.
func (r *partitionRun) heard() bool {
	gone, healed, told := false, false, false
	for _, e := range r.rec.all() {
		gone = gone || e.What == NodeGone
		healed = healed || e.What == Heal
		told = told || e.Who == WhoHolder && (e.What == SessionExpiredLearnt || e.What == Exited || e.What == State && healed)
	}
	return told || !gone
}

// endInstances asks all programs to end, in the way this process was asked to, and makes those that do not.
func (r *partitionRun) endInstances() {
	var asked interface{ Signal() os.Signal }
	var sig os.Signal = syscall.SIGTERM
	if errors.As(r.cause, &asked) {
		sig = asked.Signal()
	}
	if r.owners != nil && r.owners.stop != nil {
		r.owners.stop()
		r.owners.wg.Wait()
	}
	var all sync.WaitGroup
	for _, i := range r.instances {
		all.Go(func() { i.end(sig, r.cfg.Program.Grace) })
	}
	all.Wait()
}
