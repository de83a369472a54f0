package scenario

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// owners follows who owns a lock, from outside: the queue in its directory, read every few milliseconds on a connection of its own that is never cut. The node with
// the lowest sequence owns, in the format of Curator, of kazoo and of this module.
type owners struct {
	observer *observer
	mutex    *zklock.Mutex
	whose    func(session int64) string // the instance, "" if it is none

	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex // guards all below
	changed chan struct{}
	names   []string // as last listed
	queue   []zklock.Contender
	at      time.Time // when the last reading began
	first   uint64    // the token of the node that owns, 0 for none
	target  *zklock.Contender
	seen    time.Time
	err     error
}

func newOwners(o *observer, whose func(session int64) string) (*owners, error) {
	m, err := zklock.NewMutex(o.client, o.path, zklock.Config{})
	if err != nil {
		return nil, usage("%v", err)
	}
	return &owners{observer: o, mutex: m, whose: whose, changed: make(chan struct{})}, nil
}

// watch reads in the background until end or an error, which is recorded.
func (o *owners) watch(ctx context.Context) {
	ctx, o.stop = context.WithCancel(ctx)
	o.wg.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			if err := o.look(ctx); err != nil {
				if ctx.Err() == nil {
					o.observer.rec.now(Event{Who: WhoObserver, What: ObserverLost, Detail: err.Error()})
					o.update(func() { o.err = err })
				}
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// end stops the watching, and records until when the last owner was seen. It returns the queue as it was read last.
func (o *owners) end() []zklock.Contender {
	o.stop()
	o.wg.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.first != 0 {
		o.observer.rec.add(o.at, Event{Who: WhoObserver, What: Owned, Token: o.first})
		o.first = 0
	}
	return o.queue
}

// remove deletes the nodes of instances from the queue. Those have ended by now, and many end without closing their sessions.
func (o *owners) remove(ctx context.Context) {
	queue, err := o.mutex.Contenders(ctx)
	if err != nil {
		return
	}
	s, err := o.observer.client.Session(ctx)
	if err != nil {
		return
	}
	for _, c := range queue {
		if o.whose(c.SessionID) != "" {
			_ = s.Remove(ctx, c.Path) // If not, the servers do it when the session expires.
		}
	}
}

// look reads the queue once.
func (o *owners) look(ctx context.Context) error {
	s, err := o.observer.client.Session(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.Sync(ctx, o.observer.path); err != nil {
		return err
	}
	names, _, err := s.Children(ctx, o.observer.path)
	if err != nil && !errors.Is(err, session.ErrNoNode) {
		return err
	}
	slices.Sort(names)
	o.mu.Lock()
	queue, known := o.queue, slices.Equal(names, o.names) // A name is never used twice: with the same names it is the same queue.
	o.mu.Unlock()
	if !known {
		began = time.Now()
		if queue, err = o.mutex.Contenders(ctx); err != nil {
			return err
		}
		names = nil // Read again: the two readings may differ.
		for _, c := range queue {
			names = append(names, session.Base(c.Path))
		}
		slices.Sort(names)
	}
	o.take(ctx, began, time.Now(), names, queue)
	return nil
}

// take compares a reading with the one before it, and records what has changed.
func (o *owners) take(ctx context.Context, began, now time.Time, names []string, queue []zklock.Contender) {
	rec := o.observer.rec
	o.update(func() {
		before := o.at
		o.names, o.queue, o.at = names, queue, began
		if t := o.target; t != nil {
			if slices.ContainsFunc(queue, func(c zklock.Contender) bool { return c.Path == t.Path }) {
				o.seen = began
			} else {
				rec.add(o.seen, Event{Who: WhoObserver, What: NodeSeen, By: WhoHolder, Token: t.Token.ID})
				rec.add(now, Event{Who: WhoObserver, What: NodeGone, By: WhoHolder, Token: t.Token.ID, Zxid: o.observer.lastChange(ctx, t.Token.ID)})
				o.target = nil
			}
		}
		var first uint64
		if len(queue) > 0 {
			first = queue[0].Token.ID
		}
		if first == o.first {
			return
		}
		if o.first != 0 {
			rec.add(before, Event{Who: WhoObserver, What: Owned, Token: o.first})
		}
		if first != 0 {
			rec.add(now, Event{Who: WhoObserver, What: Owns, By: o.whose(queue[0].SessionID), Token: first})
		}
		o.first = first
	})
}

// update changes the state and tells those who wait for a change.
func (o *owners) update(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
	close(o.changed)
	o.changed = make(chan struct{})
}

// follow makes the node that owns now the one whose end is recorded, if it is of that instance.
func (o *owners) follow(who string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 || o.whose(o.queue[0].SessionID) != who {
		return false
	}
	o.target, o.seen = &o.queue[0], o.at
	return true
}

// now returns the queue as it was read last, what is closed at the next reading, and why there will be none.
func (o *owners) now() (queue []zklock.Contender, changed <-chan struct{}, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queue, o.changed, o.err
}
