package zklock_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/zkkit/zkkit/zktest"
)

// way is a set of directions.
type way int

const (
	toServer way = 1 << iota
	fromServer
	bothWays = toServer | fromServer
)

func (w way) String() string { return []string{"", "to the server", "from the server", "both ways"}[w] }

// A line is one client's way to a server in memory, and can be cut. It is to virtual time what a link of package partition is to the clock on the wall.
type line struct {
	zk *zktest.Server

	mu       sync.Mutex // guards below, and orders what passes
	held     way        // what does not pass now
	refusing bool
	change   chan struct{} // closed when held changes
	conns    map[*lineConn]bool
}

func newLine(zk *zktest.Server) *line {
	return &line{zk: zk, change: make(chan struct{}), conns: make(map[*lineConn]bool)}
}

// dial is session.Config.Dial. Where packets are lost it waits, as it would for an answer to a SYN.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	for {
		l.mu.Lock()
		if l.refusing || l.held == 0 {
			defer l.mu.Unlock()
			return l.dialLocked(ctx, network, address)
		}
		change := l.change
		l.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (l *line) dialLocked(ctx context.Context, network, address string) (net.Conn, error) {
	if l.refusing {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	conn, err := l.zk.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &lineConn{Conn: conn, line: l, done: make(chan struct{})}
	l.conns[c] = true
	return c, nil
}

// cut lets nothing pass any more in the given directions, the end of a connection neither.
func (l *line) cut(w way) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = w
	l.changedLocked()
}

// heal ends a cut and delivers all that was sent meanwhile, late, as TCP does that goes on trying.
func (l *line) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if len(c.out) > 0 {
			_, _ = c.Conn.Write(c.out)
			c.out = nil
		}
		if c.closed {
			c.endLocked()
		}
	}
	l.held = 0
	l.changedLocked()
}

// healBroken ends a cut: what was sent meanwhile is lost, and so are the connections.
func (l *line) healBroken() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resetLocked()
	l.held = 0
	l.changedLocked()
}

// refuse breaks the connections and refuses new ones, or takes them again.
func (l *line) refuse(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusing = on
	if on {
		l.resetLocked()
	}
}

// reset breaks the connections.
func (l *line) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resetLocked()
}

// stall lets nothing pass on the connections that there are, for ever: a switch has forgotten them. New ones work.
func (l *line) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.stalled = true
	}
}

func (l *line) resetLocked() {
	for c := range l.conns {
		c.broken = true
		c.endLocked()
	}
}

func (l *line) changedLocked() {
	close(l.change)
	l.change = make(chan struct{})
}

// lineConn is one connection. Its deadlines are set by who reads, and not while that one does.
type lineConn struct {
	net.Conn
	line *line
	done chan struct{} // closed with the client's end

	// guarded by line.mu
	out     []byte // sent and held back
	closed  bool   // at the client's end
	broken  bool
	stalled bool
	readBy  time.Time

	// used by the reading goroutine only: received and held back
	in    []byte
	inErr error
}

func (c *lineConn) endLocked() {
	delete(c.line.conns, c)
	_ = c.Conn.Close()
}

func (c *lineConn) Write(p []byte) (int, error) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	switch {
	case c.closed || c.broken:
		return 0, net.ErrClosed
	case c.stalled:
		return len(p), nil
	case c.line.held&toServer != 0:
		c.out = append(c.out, p...)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *lineConn) Close() error {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	close(c.done)
	if c.line.held&toServer != 0 && !c.broken {
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // only who reads is told: the server hears of it when the line heals
		return nil
	}
	c.endLocked()
	return nil
}

func (c *lineConn) Read(p []byte) (int, error) {
	for {
		if len(c.in) == 0 && c.inErr == nil {
			n, err := c.Conn.Read(p)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return 0, err
			}
			c.in, c.inErr = bytes.Clone(p[:n]), err
		}
		c.line.mu.Lock()
		held, change, broken, by := c.stalled || c.line.held&fromServer != 0, c.line.change, c.broken, c.readBy
		c.line.mu.Unlock()
		if broken {
			return 0, io.ErrUnexpectedEOF
		}
		if !held {
			n := copy(p, c.in)
			if c.in = c.in[n:]; n > 0 {
				return n, nil
			}
			return 0, c.inErr
		}
		var due <-chan time.Time
		if !by.IsZero() {
			due = time.After(time.Until(by))
		}
		select {
		case <-change:
		case <-c.done:
			return 0, net.ErrClosed
		case <-due:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (c *lineConn) SetReadDeadline(t time.Time) error {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.readBy = t
	if c.closed {
		return net.ErrClosed // it would take back what tells the reader
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *lineConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
