package zktest

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// greeting is how long a connection may take to say who it is: zookeeper.nio.sessionlessCnxnTimeout.
const greeting = 10 * time.Second

// Bounds for what waits to be read by a client. Above the first, it is not listened to any more; above the second, which only events can reach, it is dropped.
const (
	backlogPause = 1 << 20
	backlogLimit = 64 << 20
)

// conn is one client's connection. Two goroutines serve it: one reads, executes and writes the answers, one writes what comes from elsewhere: watch events, and
// answers while more requests are waiting.
type conn struct {
	s    *Server
	nc   net.Conn
	ip   string
	gone chan struct{}

	// guarded by s.mu
	session  *session
	who      []identity
	watching map[string]int // how many watches it has on a path, for when it goes
	received int64

	mu      sync.Mutex // guards below; taken after s.mu
	out     []byte
	spare   []byte // memory for out
	writing bool   // somebody does, and takes what is queued meanwhile
	sent    int64
	closing bool // once all is written
	ended   bool
	wake    chan struct{} // there is something to write
	drained chan struct{} // all is written
}

func (s *Server) newConn(nc net.Conn) *conn {
	c := &conn{
		s: s, nc: nc, gone: make(chan struct{}), watching: make(map[string]int), wake: make(chan struct{}, 1), drained: make(chan struct{}, 1),
	}
	if host, _, err := net.SplitHostPort(nc.RemoteAddr().String()); err == nil {
		c.ip = host
	}
	c.who = []identity{{"ip", c.ip}}
	return c
}

// end closes the connection at once.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked()
}

func (c *conn) endLocked() {
	if !c.ended {
		c.ended = true
		close(c.gone)
		_ = c.nc.Close()
	}
}

// queue appends a message, which somebody is to flush; last closes the connection after it.
func (c *conn) queue(message []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, message...)
	c.sent++
	if last {
		c.closeLocked()
	}
	if len(c.out) > backlogLimit {
		c.endLocked()
	}
}

func (c *conn) closeLocked() {
	c.closing = true
	_ = c.nc.SetWriteDeadline(time.Now().Add(greeting)) // it may not read
}

// finish writes what is queued and ends the connection.
func (c *conn) finish() {
	c.mu.Lock()
	c.closeLocked()
	c.mu.Unlock()
	c.flush()
	<-c.gone
}

// send queues a message and has it written by another goroutine.
func (c *conn) send(message []byte) {
	c.queue(message, false)
	signal(c.wake)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write runs until the connection ends.
func (c *conn) write() {
	for {
		select {
		case <-c.wake:
			c.flush()
		case <-c.gone:
			return
		}
	}
}

// flush writes what is queued, and what is queued meanwhile, unless somebody does so already.
func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		return
	}
	c.writing = true
	for len(c.out) > 0 && !c.ended {
		batch := c.out
		c.out, c.spare = c.spare[:0], nil // two memories, which never become one
		c.mu.Unlock()
		_, err := c.nc.Write(batch)
		c.mu.Lock()
		if err != nil {
			c.endLocked()
		}
		if cap(batch) <= backlogPause {
			c.spare = batch
		}
	}
	c.writing = false
	if c.closing {
		c.endLocked()
	}
	signal(c.drained)
}

// pause waits while too much is unread by the client.
func (c *conn) pause() {
	for {
		c.mu.Lock()
		much := len(c.out) > backlogPause && !c.ended
		c.mu.Unlock()
		if !much {
			return
		}
		select {
		case <-c.drained:
		case <-c.gone:
		}
	}
}

// read runs until the connection ends.
func (c *conn) read() {
	defer c.s.forget(c)
	_ = c.nc.SetReadDeadline(time.Now().Add(greeting))
	r := bufio.NewReaderSize(c.nc, 2048)
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return
	}
	if answer, ok := c.s.fourLetter(string(head[:])); ok {
		c.queue([]byte(answer), true)
		c.flush()
		return
	}
	hello, err := readBody(r, head, c.s.cfg.MaxFrame)
	if err != nil {
		return
	}
	welcome := c.s.greet(c, hello)
	c.flush()
	if !welcome {
		return
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	for {
		c.pause()
		frame, err := readFrame(r, c.s.cfg.MaxFrame)
		if err != nil || len(frame) < 8 {
			return
		}
		if !c.s.serve(c, int32(binary.BigEndian.Uint32(frame)), Op(binary.BigEndian.Uint32(frame[4:])), frame[8:]) {
			c.finish()
			return
		}
		if r.Buffered() == 0 {
			c.flush()
		} else { // the next answer may go with this one
			signal(c.wake)
		}
	}
}
