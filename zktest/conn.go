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

// conn is one client's connection. Two goroutines serve it: one reads and executes, one writes.
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
	sent    int64
	closing bool // once all is written
	ended   bool
	wake    chan struct{} // there is something to write, or to end
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
	if !c.ended {
		c.ended = true
		close(c.gone)
		_ = c.nc.Close()
	}
}

// send queues a message; last closes the connection after it.
func (c *conn) send(message []byte, last bool) {
	c.mu.Lock()
	c.out = append(c.out, message...)
	c.sent++
	if last {
		c.closing = true
		_ = c.nc.SetWriteDeadline(time.Now().Add(greeting)) // it may not read
	}
	full := len(c.out) > backlogLimit
	c.mu.Unlock()
	if full {
		c.end()
		return
	}
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
	defer c.end()
	var spare []byte
	for {
		select {
		case <-c.wake:
		case <-c.gone:
			return
		}
		for {
			c.mu.Lock()
			batch, last := c.out, c.closing
			if len(batch) > 0 { // Else both would be the same memory from then on.
				c.out, spare = spare[:0], nil
			}
			c.mu.Unlock()
			if len(batch) == 0 {
				if last {
					return
				}
				break
			}
			if _, err := c.nc.Write(batch); err != nil {
				return
			}
			if spare = batch; cap(spare) > backlogPause {
				spare = nil
			}
		}
		signal(c.drained)
	}
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
		c.send([]byte(answer), true)
		<-c.gone
		return
	}
	hello, err := readBody(r, head, c.s.cfg.MaxFrame)
	if err != nil || !c.s.greet(c, hello) {
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
			return
		}
	}
}
