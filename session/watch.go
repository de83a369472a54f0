package session

import (
	"context"

	"github.com/go-zookeeper/zk"
)

// EventType says what a watch saw.
type EventType int

const (
	// Created means that a znode came into being.
	Created EventType = iota + 1
	// Deleted means that a znode is gone.
	Deleted
	// DataChanged means that a znode's data was set.
	DataChanged
	// ChildrenChanged means that a child came or went.
	ChildrenChanged
	// NotWatching means that the watch ended with its session; Err says why.
	NotWatching
	// Unsettled means that a watch of [Session.WatchAll] ended with its connection: nobody knows what happened since.
	Unsettled
)

// An Event is what a watch delivers, once.
type Event struct {
	Type EventType
	Path string
	// Connection numbers the connection that it arrived on: see [Session.Connections].
	Connection uint64
	// Err is set with NotWatching.
	Err error
}

// A Watch delivers one event and is used up then. It survives reconnects, and ends with its session. It is set before the read that comes with it, so
// the event may also tell of a change that the read shows already.
// It is safe for concurrent use; the zero value is of no use.
type Watch struct {
	// C delivers the event.
	C <-chan Event

	s          *Session
	path       string
	kinds      []watchKind
	direct     bool // go-zookeeper knows nothing of it, and restores nothing
	connection uint64
	c          chan Event
	call       func(Event) // instead of c, for this package: must not block
}

// Connection numbers the connection on which the watch was set.
func (w *Watch) Connection() uint64 { return w.connection }

// Stop gives the watch up. An event may have been delivered before. Stopping a nil Watch does nothing.
func (w *Watch) Stop() {
	if w == nil {
		return
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.watches.remove(w)
}

// Fired reports whether the watch is used up: it has delivered its event, or is about to, or was stopped. It shows before anything that the servers sent after the event has an effect: a lease that is
// renewed by a write of after the event is renewed later than that.
func (w *Watch) Fired() bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return !w.s.watches.waits(w)
}

func (w *Watch) deliver(ev Event) {
	if w.call != nil {
		w.call(ev)
		return
	}
	w.c <- ev // has room for the one event
}

// dispatch hands an event on to who waits for it, before go-zookeeper tells its own watchers.
func (s *Session) dispatch(ev zk.Event) {
	path := s.rel(ev.Path)
	out := Event{Path: path}
	s.mu.Lock()
	out.Connection = s.connections
	var due []*Watch
	switch ev.Type {
	case zk.EventNodeCreated:
		out.Type, due = Created, s.watches.fire(path, watchExist)
	case zk.EventNodeDataChanged:
		out.Type, due = DataChanged, s.watches.fire(path, watchExist, watchData)
	case zk.EventNodeChildrenChanged:
		out.Type, due = ChildrenChanged, s.watches.fire(path, watchChild)
	case zk.EventNodeDeleted:
		out.Type, due = Deleted, s.watches.fire(path, watchExist, watchData, watchChild)
	default: // the rest concerns sessions
	}
	s.mu.Unlock()
	for _, w := range due {
		w.deliver(out)
	}
}

func (s *Session) newWatch(path string, kinds ...watchKind) *Watch {
	c := make(chan Event, 1)
	return &Watch{C: c, c: c, s: s, path: path, kinds: kinds}
}

// expect registers w and reports which of its kinds go-zookeeper watches already.
func (s *Session) expect(w *Watch) (armed map[watchKind]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.connection = s.connections
	return s.watches.add(w)
}

// settle ends what expect began: the server watches for kind now, or the call failed.
func (s *Session) settle(w *Watch, kind watchKind, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.watches.remove(w)
		return
	}
	s.watches.settle(w, kind)
}

// GetW is Get, and watches for the znode's deletion or change.
func (s *Session) GetW(ctx context.Context, path string) ([]byte, *Stat, *Watch, error) {
	w := s.newWatch(path, watchData)
	get := (*zk.Conn).Get
	if armed := s.expect(w); !armed[watchData] {
		get = func(c *zk.Conn, path string) ([]byte, *Stat, error) {
			data, stat, _, err := c.GetW(path)
			return data, stat, err
		}
	}
	n, err := s.get(ctx, path, get)
	s.settle(w, watchData, err)
	if err != nil {
		return nil, nil, nil, err
	}
	return n.data, n.stat, w, nil
}

// ExistsW is Exists, and watches for the znode's creation, deletion or change.
func (s *Session) ExistsW(ctx context.Context, path string) (*Stat, *Watch, error) {
	w := s.newWatch(path, watchData, watchExist)
	stat, err := s.existsW(ctx, w)
	if err != nil {
		return nil, nil, err
	}
	return stat, w, nil
}

func (s *Session) existsW(ctx context.Context, w *Watch) (*Stat, error) {
	armed := s.expect(w)
	n, err := read(ctx, s, "exists", w.path, func(c *zk.Conn) (node, error) {
		if armed[watchData] || armed[watchExist] {
			ok, stat, err := c.Exists(s.abs(w.path))
			if err != nil || ok && armed[watchData] || !ok && armed[watchExist] {
				return node{exists: ok, stat: stat}, err
			}
		}
		ok, stat, _, err := c.ExistsW(s.abs(w.path))
		return node{exists: ok, stat: stat}, err
	})
	kind := watchData
	if !n.exists {
		kind, n.stat = watchExist, nil
	}
	s.settle(w, kind, err)
	return n.stat, err
}

// ChildrenW is Children, and watches for a child that comes or goes, and for the znode's own deletion.
func (s *Session) ChildrenW(ctx context.Context, path string) ([]string, *Stat, *Watch, error) {
	w := s.newWatch(path, watchChild)
	list := (*zk.Conn).Children
	if armed := s.expect(w); !armed[watchChild] {
		list = func(c *zk.Conn, path string) ([]string, *Stat, error) {
			names, stat, _, err := c.ChildrenW(path)
			return names, stat, err
		}
	}
	n, err := read(ctx, s, "children", path, func(c *zk.Conn) (node, error) {
		names, stat, err := list(c, s.abs(path))
		return node{children: names, stat: stat}, err
	})
	s.settle(w, watchChild, err)
	if err != nil {
		return nil, nil, nil, err
	}
	return n.children, n.stat, w, nil
}
