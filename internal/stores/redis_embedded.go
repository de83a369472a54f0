package stores

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/alicebob/miniredis/v2"
	wire "github.com/alicebob/miniredis/v2/server"

	"github.com/zkkit/zkkit/internal/child"
)

const miniredisVersion = "2.40.0" // A test holds it against go.mod.

// startEmbeddedRedis starts nodes in this process.
func startEmbeddedRedis(ctx context.Context, cfg RedisConfig) (*Redis, error) {
	r := &Redis{
		kind: Embedded, version: miniredisVersion,
		about: fmt.Sprintf("embedded, miniredis %s, %s in this process: not a real Redis", miniredisVersion, count(cfg.Nodes, "node", "nodes")),
	}
	for range cfg.Nodes {
		n := &embeddedNode{keep: cfg.AppendOnly}
		if err := n.startOnAny(ctx); err != nil {
			for _, other := range r.nodes {
				_ = other.server.stop()
			}
			return nil, err
		}
		r.nodes = append(r.nodes, &RedisNode{addr: n.addr, server: n})
	}
	return r, nil
}

// An embeddedNode is a miniredis. Its times to live run down with the real clock, which it looks at under its own lock whenever a command touches a database.
type embeddedNode struct {
	keep bool // A restart keeps the data.
	addr string

	mu      sync.Mutex // guards all below
	redis   *miniredis.Miniredis
	gate    *gate // That of redis. Nil when the node does not run.
	stopped bool
}

// A gate is what all commands of one run of a node come through.
type gate struct {
	mu     sync.Mutex
	paused chan struct{} // Closed by the end of a pause; nil when there is none.
	dead   bool
}

// pass waits while there is a pause, and reports whether the command is not to be done.
func (g *gate) pass(c *wire.Peer, _ string, _ ...string) (refused bool) {
	for {
		g.mu.Lock()
		paused, dead := g.paused, g.dead
		g.mu.Unlock()
		switch {
		case dead:
			c.Close()
			return true
		case paused == nil:
			return false
		}
		<-paused
	}
}

// startOnAny starts the first run of the node, on a port that others do not get for connections of theirs while the node is down.
func (n *embeddedNode) startOnAny(ctx context.Context) (err error) {
	for range portAttempts {
		var ports []int
		if ports, err = child.FreePorts(1); err != nil {
			return fmt.Errorf("stores: no free port: %w", err)
		}
		if err = n.start(ctx, addrOf(ports[0])); !errors.Is(err, ErrPortTaken) {
			return err
		}
	}
	return err
}

// start starts a run of the node, with the data of the last one if that is to be kept.
func (n *embeddedNode) start(ctx context.Context, addr string) error {
	m := n.redis
	again := m != nil && n.keep
	if again {
		m.Ctx, m.CtxCancel = context.WithCancel(context.Background()) // Of commands that block. Nobody uses it now.
	} else {
		m = miniredis.NewMiniRedis()
		m.ClockTTL(true)
	}
	if err := m.StartAddr(addr); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrPortTaken, addr, err)
	}
	n.redis, n.gate, n.addr = m, &gate{}, m.Addr()
	m.Server().SetPreHook(n.gate.pass)
	if again {
		return forgetScripts(ctx, m)
	}
	return nil
}

// forgetScripts makes scripts unknown, as they are to a Redis that was started again.
func forgetScripts(ctx context.Context, m *miniredis.Miniredis) error {
	c, err := m.Dial()
	if err == nil {
		defer c.Close()
		_, err = ask(ctx, c, "SCRIPT", "FLUSH")
	}
	if err != nil {
		return fmt.Errorf("stores: miniredis: %w", err)
	}
	return nil
}

// do does something to the node, if it runs.
func (n *embeddedNode) do(ctx context.Context, f func()) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.stopped:
		return ErrStopped
	case n.gate == nil:
		return ErrNotRunning
	}
	f()
	return nil
}

func (n *embeddedNode) pause(ctx context.Context) error { return n.do(ctx, n.freeze) }

// freeze takes the lock of the data, so that no command is under way, and has new ones wait at the gate. To do it twice is to do it once.
func (n *embeddedNode) freeze() {
	n.gate.mu.Lock()
	already := n.gate.paused != nil
	n.gate.mu.Unlock()
	if already {
		return
	}
	n.redis.Lock()
	n.gate.mu.Lock()
	defer n.gate.mu.Unlock()
	n.gate.paused = make(chan struct{})
}

func (n *embeddedNode) resume(ctx context.Context) error {
	return n.do(ctx, func() { n.release(false) })
}

// release ends a pause, if there is one. dead says that what waits is not to be done.
func (n *embeddedNode) release(dead bool) {
	n.gate.mu.Lock()
	defer n.gate.mu.Unlock()
	n.gate.dead = dead
	if n.gate.paused != nil {
		n.redis.Unlock()
		close(n.gate.paused)
		n.gate.paused = nil
	}
}

func (n *embeddedNode) kill(ctx context.Context) error { return n.do(ctx, n.end) }

// end closes the listener and all connections. What waits at the gate is not done. What has come through it is done with, scripts to their end, before the server is taken away: else a script
// that has just begun finds nobody to call, and tells its client of an error that no Redis knows. As the connections go first, nobody hears of it.
func (n *embeddedNode) end() {
	n.gate.mu.Lock()
	paused := n.gate.paused != nil
	n.gate.mu.Unlock()
	n.redis.CtxCancel() // of commands that block
	gone := make(chan struct{})
	server := n.redis.Server()
	go func() {
		defer close(gone)
		server.Close()
	}()
	n.release(paused)
	<-gone
	n.redis.Close()
	n.gate = nil
}

func (n *embeddedNode) restart(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return ErrStopped
	}
	if n.gate != nil {
		n.end()
	}
	return n.start(ctx, n.addr)
}

func (n *embeddedNode) stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
	if n.gate != nil {
		n.end()
	}
	return nil
}
