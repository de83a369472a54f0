package scenario

import (
	"bytes"
	"context"
	"net"
	"sync"
)

// An answerGate holds back the answers to the first request for a lock, on all connections of a worker, until as many have come as there are servers. Then the worker stops:
// they have arrived, and nobody has looked at them. The nil gate lets everything pass.
type answerGate struct {
	need   int
	stop   func()
	marker []byte // in the request; nil means that any will do

	mu      sync.Mutex // guards all below
	armed   bool
	arrived int
	opened  chan struct{} // closed when the worker goes on
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
	g.armed = true
}

// dial opens a connection through the gate.
func (g *answerGate) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil || g == nil {
		return conn, err
	}
	return &gatedConn{Conn: conn, gate: g}, nil
}

type gatedConn struct {
	net.Conn
	gate  *answerGate
	asked bool // guarded by gate.mu: the request went out here, and the answer has not come
}

// Write takes note of the request.
func (c *gatedConn) Write(b []byte) (int, error) {
	c.gate.mu.Lock()
	if c.gate.armed && c.gate.arrived < c.gate.need && bytes.Contains(b, c.gate.marker) {
		c.asked = true
	}
	c.gate.mu.Unlock()
	return c.Conn.Write(b)
}

// Read returns what has come, but for the answer only when the gate is open.
func (c *gatedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gate.mu.Lock()
	wait := c.asked && n > 0
	last := false
	if wait {
		c.asked = false
		c.gate.arrived++
		last = c.gate.arrived == c.gate.need
	}
	c.gate.mu.Unlock()
	switch {
	case last:
		c.gate.stop()
		close(c.gate.opened)
	case wait:
		<-c.gate.opened
	}
	return n, err
}
