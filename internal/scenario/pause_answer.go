package scenario

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"
)

// An answerGate holds back the answers to the first request for a lock, on all connections of a worker, until so many have come that the lock is granted. Then the worker stops: they have
// arrived, and nobody has looked at them. The nil gate lets everything pass.
type answerGate struct {
	need     int           // how many answers grant the lock
	patience time.Duration // for them; a request that did not get through is made again
	stop     func()
	marker   []byte // in the request; nil means that any will do

	mu      sync.Mutex // guards all below
	armed   bool
	over    bool // the worker has stopped, or is about to
	arrived int
	opened  chan struct{} // closed when those that have arrived may be looked at
}

func newAnswerGate(need int, patience time.Duration, stop func()) *answerGate {
	return &answerGate{need: need, patience: patience, stop: stop, opened: make(chan struct{})}
}

// only makes the gate wait for the answer to a request that contains the text.
func (g *answerGate) only(text string) {
	if g != nil {
		g.marker = []byte(text)
	}
}

// arm says that the next request is the one.
func (g *answerGate) arm() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.armed = !g.over
}

// dial opens a connection through the gate.
func (g *answerGate) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil || g == nil {
		return conn, err
	}
	return &gatedConn{Conn: conn, gate: g}, nil
}

// arrive holds an answer back.
func (g *answerGate) arrive() {
	g.mu.Lock()
	g.arrived++
	opened, last := g.opened, g.arrived == g.need && !g.over
	if last {
		g.armed, g.over = false, true
	}
	g.mu.Unlock()
	if last {
		g.stop()
		close(opened)
		return
	}
	patience := time.NewTimer(g.patience)
	defer patience.Stop()
	select {
	case <-opened:
	case <-patience.C:
		g.giveUp(opened)
	}
}

// giveUp lets through what has arrived, as there is too little of it, unless the worker has stopped.
func (g *answerGate) giveUp(opened chan struct{}) {
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		<-opened
		return
	}
	if g.opened == opened { // else another answer has
		close(opened)
		g.armed, g.arrived, g.opened = false, 0, make(chan struct{})
	}
	g.mu.Unlock()
}

type gatedConn struct {
	net.Conn
	gate  *answerGate
	asked bool // guarded by gate.mu: the request went out here, and the answer has not come
}

// Write takes note of the request.
func (c *gatedConn) Write(b []byte) (int, error) {
	c.gate.mu.Lock()
	if c.gate.armed && bytes.Contains(b, c.gate.marker) {
		c.asked = true
	}
	c.gate.mu.Unlock()
	return c.Conn.Write(b)
}

// Read returns what has come, but the answer only when it may be looked at.
func (c *gatedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gate.mu.Lock()
	answer := c.asked && n > 0
	if answer {
		c.asked = false
	}
	c.gate.mu.Unlock()
	if answer {
		c.gate.arrive()
	}
	return n, err
}
