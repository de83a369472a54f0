package zklock_test

import (
	"context"
	"encoding/binary"
	"net"
	"sync"

	"github.com/zkkit/zkkit/session"
)

// A frame is one message of ZooKeeper's protocol, as a tap sees it pass.
type frame struct {
	out bool  // from the client to the server
	xid int32 // -1 is a watch event
}

const xidEvent, xidPing = -1, -2

// A tap tells of every frame of a client, over all its connections: before the server can have it, or before the client has it.
// The handshake and pings are left out.
type tap struct {
	mu  sync.Mutex // guards see
	see func(frame)
}

// use makes the client of a configuration dial through the tap.
func (x *tap) use(cfg *session.Config) {
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &tapped{Conn: c, tap: x}, nil
	}
}

// onFrame sets what is told; nil tells nobody.
func (x *tap) onFrame(see func(frame)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.see = see
}

func (x *tap) pass(f frame) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.see != nil && f.xid != xidPing {
		x.see(f)
	}
}

// tapped is one connection. It relies on whole frames in each Write, and on one reader at a time.
type tapped struct {
	net.Conn
	tap         *tap
	greeted     bool // the connect request is out
	welcomed    bool // the answer to it is in
	head        []byte
	left        int // of the frame that is coming in, once its head is complete
	headHasBody bool
}

func (c *tapped) Write(p []byte) (int, error) {
	for rest := p; c.greeted && len(rest) >= 8; rest = rest[4+binary.BigEndian.Uint32(rest):] {
		c.tap.pass(frame{out: true, xid: int32(binary.BigEndian.Uint32(rest[4:]))})
	}
	c.greeted = true
	return c.Conn.Write(p)
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if !c.headHasBody { // length and xid
			take := min(8-len(c.head), len(rest))
			c.head, rest = append(c.head, rest[:take]...), rest[take:]
			if len(c.head) < 8 {
				break
			}
			c.headHasBody, c.left = true, int(binary.BigEndian.Uint32(c.head))-4
		}
		take := min(c.left, len(rest))
		c.left, rest = c.left-take, rest[take:]
		if c.left == 0 {
			if c.welcomed {
				c.tap.pass(frame{xid: int32(binary.BigEndian.Uint32(c.head[4:]))})
			}
			c.welcomed, c.headHasBody, c.head = true, false, c.head[:0]
		}
	}
	return n, err
}
