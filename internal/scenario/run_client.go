package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// client is one that wants the lock, with one of the recipes. Its methods are called by one goroutine, except close.
type client interface {
	// acquire blocks until the client has the lock, ctx ends, or its session is lost.
	acquire(ctx context.Context) (belief, error)
	// close ends the session, and with it everything that the client has in ZooKeeper.
	close()
}

// belief is one acquisition, as the client sees it.
type belief interface {
	token() uint64
	// ended is closed when the client stops believing, by itself.
	ended() <-chan struct{}
	// why says in words why it ended.
	why() string
	// release gives the lock back, and returns when it is surely free or ctx ends.
	release(ctx context.Context) error
}

// ours is a client of package zklock.
type ours struct {
	session *session.Client
	mutex   *zklock.Mutex
}

func newOurs(ctx context.Context, rec *recorder, who string, servers []string, timeout time.Duration, path string, renewal session.Renewal) (*ours, error) {
	c, err := session.Open(ctx, session.Config{
		Servers: servers,
		Timeout: timeout,
		Renewal: renewal,
		OnState: func(ch session.Change) {
			detail := ch.To.String()
			if ch.Err != nil {
				detail += ": " + reasonOf(ch.Err)
			}
			rec.add(ch.At, Event{Who: who, What: State, Detail: detail})
			if errors.Is(ch.Err, session.ErrExpired) {
				rec.add(ch.At, Event{Who: who, What: SessionExpiredLearnt})
			}
		},
	})
	if err != nil {
		return nil, err
	}
	m, err := zklock.NewMutex(c, path, zklock.Config{Label: "zkctl " + who})
	if err != nil {
		_ = c.Close()
		return nil, usage("%v", err)
	}
	return &ours{c, m}, nil
}

// reasonOf returns the innermost reason of a loss, without the names of packages.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, session.ErrDeadline):
		return "the local deadline passed"
	case errors.Is(err, session.ErrExpired):
		return "expired by the server"
	case errors.Is(err, session.ErrClosed):
		return "closed"
	case errors.Is(err, session.ErrNodeGone):
		return "the node was deleted"
	}
	return err.Error()
}

func (c *ours) acquire(ctx context.Context) (belief, error) {
	h, err := c.mutex.Lock(ctx)
	if err != nil {
		return nil, err
	}
	return ourBelief{h}, nil
}

func (c *ours) close() { _ = c.session.Close() }

type ourBelief struct{ *zklock.Hold }

func (b ourBelief) token() uint64          { return b.Token().ID }
func (b ourBelief) ended() <-chan struct{} { return b.Done() }

func (b ourBelief) why() string {
	err := b.Err()
	if err == nil || errors.Is(err, zklock.ErrReleased) {
		return ""
	}
	return "stopped using the lock: " + reasonOf(err)
}

func (b ourBelief) release(ctx context.Context) error {
	err := b.Unlock(ctx)
	if errors.Is(err, zklock.ErrLost) {
		return nil // it is free, or somebody else's
	}
	return err
}

// actor plays one client through the run: it wants the lock, works while it believes, and gives the lock back when told to.
type actor struct {
	who    string
	client client
	rec    *recorder
	writer *writer
	letGo  chan struct{} // closed when a hold is to be given back
	first  chan uint64   // delivers the first token
}

func newActor(who string, c client, rec *recorder, w *writer) *actor {
	return &actor{who: who, client: c, rec: rec, writer: w, letGo: make(chan struct{}), first: make(chan uint64, 2)}
}

// hold acquires the lock and works until belief ends or letGo is closed. It records what the client believes, when, and reports whether the lock was held.
func (a *actor) hold(ctx context.Context, what string) (held bool, err error) {
	b, err := a.client.acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("%s: %w", a.who, err)
	}
	a.rec.now(Event{Who: a.who, What: what, Token: b.token()})
	select {
	case a.first <- b.token():
	default:
	}
	stop := make(chan struct{})
	var worked sync.WaitGroup
	worked.Go(func() { a.writer.work(b.token(), stop) })
	select {
	case <-b.ended():
		a.rec.now(Event{Who: a.who, What: BeliefEnded, Token: b.token(), Detail: b.why()})
		close(stop)
		worked.Wait()
		return true, nil
	case <-a.letGo:
	case <-ctx.Done():
	}
	close(stop)
	worked.Wait()
	select {
	case <-b.ended():
		a.rec.now(Event{Who: a.who, What: BeliefEnded, Token: b.token(), Detail: b.why()})
	default:
		a.rec.now(Event{Who: a.who, What: Released, Token: b.token()})
	}
	// The lock is given back also when the run was interrupted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return true, b.release(ctx)
}
