package scenario

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// A handshake is what a client and a server agreed on at the beginning of a connection, as it was read on the way.
type handshake struct {
	at      time.Time     // when the answer passed
	session uint64        // 0: the server says that the session is over
	asked   time.Duration // the session timeout that the client asked for, 0 if it could not be read
	given   time.Duration
}

// A wire is the last stretch of an instance's way to a server, behind the link that can be cut. It hands on whatever comes, and reads the handshakes: that
// is how the sessions in ZooKeeper are known to be those of an instance. What it cannot read, such as TLS, it hands on all the same.
type wire struct {
	ln       net.Listener
	upstream string
	told     func(handshake) // called before the client can see the answer
	closing  context.Context // ends dials
	stop     context.CancelFunc
	wg       sync.WaitGroup

	mu    sync.Mutex // guards below
	conns map[net.Conn]bool
	done  bool
}

func newWire(upstream string, told func(handshake)) (*wire, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, environment(err)
	}
	w := &wire{ln: ln, upstream: upstream, told: told, conns: make(map[net.Conn]bool)}
	w.closing, w.stop = context.WithCancel(context.Background())
	w.wg.Go(w.accept)
	return w, nil
}

func (w *wire) addr() string { return w.ln.Addr().String() }

func (w *wire) accept() {
	for {
		client, err := w.ln.Accept()
		if err != nil {
			return
		}
		w.wg.Go(func() { w.carry(client) })
	}
}

// keep remembers a connection to be closed at the end, or closes it if that is now.
func (w *wire) keep(c net.Conn) (kept bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		_ = c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *wire) drop(c net.Conn) {
	_ = c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

// carry serves one connection to its end.
func (w *wire) carry(client net.Conn) {
	if !w.keep(client) {
		return
	}
	defer w.drop(client)
	dialer := net.Dialer{Timeout: patience}
	server, err := dialer.DialContext(w.closing, "tcp", w.upstream)
	if err != nil {
		reset(client) // As near as a proxy comes to a refused connection.
		return
	}
	if !w.keep(server) {
		return
	}
	defer w.drop(server)
	var h handshake
	var mu sync.Mutex // guards h
	ask := &head{size: connectRequest, read: func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		h.asked = millis(b[16:20])
	}}
	answer := &head{size: connectResponse, read: func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		h.at, h.given, h.session = time.Now(), millis(b[8:12]), binary.BigEndian.Uint64(b[12:20])
		w.told(h)
	}}
	var both sync.WaitGroup
	both.Go(func() { pass(server, client, ask) })
	both.Go(func() { pass(client, server, answer) })
	both.Wait()
}

// pass hands on what src sends, and its end: an orderly one as such, any other as a reset of both.
func pass(dst, src net.Conn, h *head) {
	_, err := io.Copy(io.MultiWriter(h, dst), src)
	if tcp, ok := dst.(*net.TCPConn); ok && err == nil {
		_ = tcp.CloseWrite()
		return
	}
	reset(dst)
	reset(src)
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // Fails on a closed socket only.
	}
	_ = c.Close()
}

// The sizes of the first frames of a connection, up to what is read of them: a length, the version of the protocol, and then, of the client, the newest zxid and
// the timeout; of the server, the timeout and the session.
const (
	connectRequest  = 4 + 4 + 8 + 4
	connectResponse = 4 + 4 + 4 + 8
	longestHead     = 1 << 10 // A first frame that says it is longer is something else: TLS, or a four-letter word.
)

func millis(b []byte) time.Duration {
	return time.Duration(int32(binary.BigEndian.Uint32(b))) * time.Millisecond
}

// A head is a writer that reads the first bytes of a stream, once, and lets the rest go by.
type head struct {
	size int
	read func([]byte)
	got  []byte
	over bool
}

// Write never fails.
func (h *head) Write(b []byte) (int, error) {
	if h.over {
		return len(b), nil
	}
	h.got = append(h.got, b[:min(len(b), h.size-len(h.got))]...)
	if len(h.got) >= 4 && binary.BigEndian.Uint32(h.got) > longestHead {
		h.over = true
	} else if len(h.got) == h.size {
		h.over = true
		h.read(h.got)
	}
	return len(b), nil
}

// close ends all connections and returns when nothing of them is left.
func (w *wire) close() {
	_ = w.ln.Close()
	w.stop()
	w.mu.Lock()
	w.done = true
	for c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.wg.Wait()
}
