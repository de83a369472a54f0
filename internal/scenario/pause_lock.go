package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// A lockPlace is where a lock is kept.
type lockPlace struct {
	Redis     []string `json:"redis,omitempty"`     // addresses of the nodes
	ZooKeeper []string `json:"zookeeper,omitempty"` // addresses of the servers
	Tick      Millis   `json:"tick_ms,omitzero"`    // of the ZooKeeper, 0 if it is not known
	Name      string   `json:"name"`                // key, or path
}

// A pauseLock is a lock as one worker uses it, from one goroutine.
type pauseLock interface {
	// lock blocks until it has the lock. waits is called, once, when another has it. It fails with errTooLate when the lock was granted and is over.
	lock(ctx context.Context, waits func()) (heldLock, error)
	close()
}

// A heldLock is one hold. It is safe for concurrent use.
type heldLock interface {
	// token is greater than that of every hold before, 0 if the lock has none.
	token() uint64
	// left returns for how long the hold is good, as its worker knows it, and whether it is good at all.
	left() (time.Duration, bool)
	// extend makes it last longer, where nothing else does.
	extend(ctx context.Context) error
	// release gives the lock back, and reports whether it was still this hold's to give, or taken for it. errUnsure says that it cannot tell.
	release(ctx context.Context) (mine bool, err error)
}

// openLock connects the worker to its lock, and returns when that answers.
func (w *worker) openLock(ctx context.Context) (pauseLock, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, workerPatience, fmt.Errorf("no lock server answered within %v", workerPatience))
	defer cancel()
	var gate *answerGate
	if w.stops[stepAnswer] {
		gate = newAnswerGate(len(w.job.Lock.Redis)/2+1, w.job.TTL.Duration()/2, func() { w.stop(stepAnswer) })
	}
	if w.job.Trial.Lock != LockZooKeeper {
		return openRedisLock(ctx, w.job, gate)
	}
	gate.only("-lock-") // The request that makes the node.
	return openZooKeeperLock(ctx, w.job, gate)
}

// workerPatience bounds what ought to take no time in a worker.
const workerPatience = 20 * time.Second

// A zooKeeperLock is that of package zklock.
type zooKeeperLock struct {
	job    workerJob
	client *session.Client
	mutex  *zklock.Mutex
	gate   *answerGate
}

func openZooKeeperLock(ctx context.Context, job workerJob, gate *answerGate) (*zooKeeperLock, error) {
	client, err := session.Open(ctx, session.Config{
		Servers: job.Lock.ZooKeeper, Timeout: job.TTL.Duration(), Tick: job.Lock.Tick.Duration(), Dial: gate.dial,
	})
	if err != nil {
		return nil, err
	}
	mutex, err := zklock.NewMutex(client, job.Lock.Name, zklock.Config{Label: "worker " + job.Who})
	if err == nil {
		err = ensureDirectory(ctx, client, job.Lock.Name)
	}
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	return &zooKeeperLock{job, client, mutex, gate}, nil
}

// ensureDirectory makes the lock's directory, so that the first request for the lock is one that gets it. A session that is lost on the way, as it lives so short, is followed by another.
func ensureDirectory(ctx context.Context, client *session.Client, path string) error {
	for {
		given, err := client.Session(ctx)
		if err == nil {
			err = given.EnsureContainers(ctx, path, nil)
		}
		if err == nil || ctx.Err() != nil || !sessionLost(err) {
			return err
		}
	}
}

// sessionLost reports whether something failed because a session was over before it was done, or before it was there.
func sessionLost(err error) bool {
	return errors.Is(err, session.ErrLost) || errors.Is(err, session.ErrDeadline) || errors.Is(err, session.ErrExpired)
}

func (l *zooKeeperLock) close() { _ = l.client.Close() }

func (l *zooKeeperLock) lock(ctx context.Context, waits func()) (heldLock, error) {
	if l.job.Renews && l.job.Trial.Way == WayProgress {
		return l.workFor(ctx, l.job.stall())
	}
	l.gate.arm()
	h, err := l.mutex.TryLock(ctx)
	var held *zklock.HeldError
	if errors.As(err, &held) {
		waits()
		h, err = l.mutex.Lock(ctx)
	}
	switch {
	case errors.Is(err, zklock.ErrLost) || sessionLost(err):
		return nil, fmt.Errorf("%w: %s", errTooLate, reasonOf(err))
	case err != nil:
		return nil, err
	}
	return zooKeeperHold{h}, nil
}

type zooKeeperHold struct{ *zklock.Hold }

func (h zooKeeperHold) token() uint64 { return h.Token().ID }

func (h zooKeeperHold) left() (time.Duration, bool) {
	return time.Until(h.Deadline()), h.Err() == nil
}

// extend has nothing to do: the session is renewed for as long as the process runs.
func (h zooKeeperHold) extend(context.Context) error { return h.Err() }

func (h zooKeeperHold) release(ctx context.Context) (mine bool, err error) {
	err = h.Unlock(ctx)
	switch {
	case errors.Is(err, zklock.ErrLost):
		return false, nil
	case errors.Is(err, zklock.ErrNotConfirmed) && h.Err() != nil: // The node goes with the session, if it has not gone before.
		return false, errUnsure
	}
	return err == nil, err
}
