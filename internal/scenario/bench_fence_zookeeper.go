package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

func fenceZooKeeper() fenceStore {
	return fenceStore{name: "zookeeper", open: openFenceZooKeeper, lacks: func(err error) bool { return errors.Is(err, ensemble.ErrNotInstalled) }}
}

// openFenceZooKeeper compares a set under Hold.Guard with a plain set.
func openFenceZooKeeper(ctx context.Context, clients int) (_ *fencedStore, err error) {
	if _, err := ensemble.Find(); err != nil {
		return nil, err
	}
	srv, err := EngineConfig{Kind: EngineLocal, Tick: benchTick, unsynced: true, usualJVM: true}.start(ctx, benchSession, nil)
	if err != nil {
		return nil, err
	}
	b := &fenceNodes{root: fmt.Sprintf("/zkkit-bench-%016x", rand.Uint64()), value: make([]byte, benchBytes)}
	s := &fencedStore{about: srv.engine.String(), engine: srv.engine, close: func() {
		for _, c := range b.clients {
			_ = c.Close()
		}
		_ = srv.stop()
	}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for i := range clients {
		if err := b.open(ctx, srv, i); err != nil {
			return nil, err
		}
	}
	s.subjects = []func(context.Context, int) error{b.write, b.fencedWrite}
	s.costs = []fenceCost{{"zookeeper", 0, 1}}
	s.stale, s.refused = b.stale, func(err error) bool { return errors.Is(err, zklock.ErrLost) }
	return s, nil
}

// fenceNodes writes to nodes of which each client has its own, and a lock to go with it.
type fenceNodes struct {
	root     string
	value    []byte
	clients  []*session.Client
	sessions []*session.Session
	holds    []*zklock.Hold
}

func (b *fenceNodes) open(ctx context.Context, srv *server, i int) error {
	within, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
	defer cancel()
	c, err := session.Open(within, session.Config{Servers: srv.addrs, Timeout: benchSession})
	if err != nil {
		return err
	}
	b.clients = append(b.clients, c)
	live, err := c.Session(within)
	if err != nil {
		return err
	}
	m, err := zklock.NewMutex(c, fmt.Sprintf("%s/lock-of-%d", b.root, i), zklock.Config{Label: "zkctl bench"})
	if err != nil {
		return err
	}
	h, err := m.Lock(within)
	if err != nil {
		return err
	}
	_, err = live.Create(within, b.node(i), b.value, session.Persistent, nil)
	b.sessions, b.holds = append(b.sessions, live), append(b.holds, h)
	return err
}

func (b *fenceNodes) node(client int) string { return fmt.Sprintf("%s/node-of-%d", b.root, client) }

func (b *fenceNodes) write(ctx context.Context, client int) error {
	_, err := b.sessions[client].Set(ctx, b.node(client), b.value, session.AnyVersion)
	return err
}

func (b *fenceNodes) fencedWrite(ctx context.Context, client int) error {
	_, err := b.holds[client].Guard(ctx, session.SetOp(b.node(client), b.value, session.AnyVersion))
	return err
}

// stale has the node of a hold deleted, which its client hears of, and writes to what it guarded as if it had not.
func (b *fenceNodes) stale(ctx context.Context) error {
	h := b.holds[0]
	if err := b.sessions[0].Remove(ctx, h.Path()); err != nil {
		return err
	}
	_, err := h.Guard(ctx, session.SetOp(b.node(0), b.value, session.AnyVersion))
	return err
}
