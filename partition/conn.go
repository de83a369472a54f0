package partition

import (
	"net"
	"sync"
)

// The two sides of a conn, as indices: each is the source of the stream with the same number.
const (
	clientSide = toServer
	serverSide = fromServer
)

// A conn is one client's connection through a link: a socket to the client, a socket to the server once that is dialled, and a pipe
// for each stream. Its goroutines are those of Toxiproxy's two links and, until the server is dialled, dial.
type conn struct {
	owner  *local
	pipes  [2]*pipe
	there  [2]chan struct{} // closed when the socket to that side is made
	doomed chan struct{}    // closed when nothing may cross any more: the sockets are closed, the goroutines on their way out

	mu      sync.Mutex      // guards all below
	sockets [2]*net.TCPConn // by side
	dead    bool            // doomed is closed
	rst     bool            // by a reset
	over    [2]bool         // this stream's pipe is closed
}

func newConn(owner *local, client *net.TCPConn) *conn {
	c := &conn{owner: owner, doomed: make(chan struct{})}
	for i := range c.pipes {
		count := &owner.count.streams[i]
		c.pipes[i] = &pipe{conn: c, stream: i, offered: &count.offered, passed: &count.forwarded}
		c.there[i] = make(chan struct{})
	}
	c.attach(clientSide, client)
	return c
}

// attach adds the socket to one side, or ends it as the other was if the connection is doomed.
func (c *conn) attach(side int, socket *net.TCPConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		end(socket, c.rst)
		return
	}
	c.sockets[side] = socket
	close(c.there[side])
}

// socket returns the socket to that side, nil if it is not made.
func (c *conn) socket(side int) *net.TCPConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sockets[side]
}

// dial connects to the server, when no cut is in the way: a handshake needs both directions. A client whose server cannot be reached
// is reset, which is the nearest that a proxy comes to a refused connection.
func (c *conn) dial() {
	for {
		select { // a heal dooms before it lets pass: the server must not hear of who lived through a drop
		case <-c.doomed:
			return
		default:
		}
		ph := c.owner.valve.now()
		if !ph.modes.open() {
			select {
			case <-c.doomed:
				return
			case <-ph.over:
				continue
			}
		}
		server, err := c.owner.dial(ph, c.doomed)
		if err == nil {
			c.attach(serverSide, server)
			return
		}
		select {
		case <-c.doomed:
			return
		case <-ph.over: // a cut came between: try again after it
			continue
		default:
		}
		c.owner.logger.Warn("upstream cannot be reached", "link", c.owner.name, "upstream", c.owner.upstream, "error", err)
		c.doom(true)
		return
	}
}

// doom ends the connection at once, on both sides: with a reset, or as a process does that closes its sockets. The goroutines follow
// as soon as the valve lets them.
func (c *conn) doom(reset bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return
	}
	c.dead, c.rst = true, reset
	close(c.doomed)
	for _, socket := range c.sockets {
		if socket != nil {
			end(socket, reset)
		}
	}
}

// end closes a socket. With a reset, what it still had to send is lost, and the peer's next read or write fails.
func end(socket *net.TCPConn, reset bool) {
	if reset {
		_ = socket.SetLinger(0) // fails on a closed socket only
	}
	_ = socket.Close()
}

// closed notes that a pipe is closed; after the second one the connection is over.
func (c *conn) closed(p *pipe) {
	c.mu.Lock()
	c.over[p.stream] = true
	over := c.over == [2]bool{true, true}
	c.mu.Unlock()
	if over {
		c.doom(false)
		c.owner.remove(c)
	}
}

func (c *conn) isClosed(p *pipe) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over[p.stream]
}
