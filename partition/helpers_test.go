package partition

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(gatedVariable); address != "" {
		if err := serveGated(address); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen; it only ends a test that has failed.
const patience = 10 * time.Second

// aWhile is how long a test watches for what must not happen.
const aWhile = 30 * time.Millisecond

// A peer is one end of a connection, with all that it has heard.
type peer struct {
	t *testing.T
	*net.TCPConn
	done chan struct{} // closed when nothing more will be heard

	mu  sync.Mutex // guards got, err
	got []byte
	err error // how it ended
}

// watch makes a peer of conn and reads from it until it ends. The test's end closes it.
func watch(t *testing.T, conn net.Conn) *peer {
	t.Helper()
	p := mute(t, conn)
	go func() {
		defer close(p.done)
		b := make([]byte, 4096)
		for {
			n, err := p.Read(b)
			p.mu.Lock()
			p.got = append(p.got, b[:n]...)
			p.err = err
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { <-p.done })
	t.Cleanup(func() { _ = conn.Close() })
	return p
}

// mute makes a peer that never reads.
func mute(t *testing.T, conn net.Conn) *peer {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	return &peer{t: t, TCPConn: conn.(*net.TCPConn), done: make(chan struct{})}
}

func (p *peer) send(s string) {
	p.t.Helper()
	_, err := io.WriteString(p, s)
	require.NoError(p.t, err)
}

func (p *peer) heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.got)
}

// hears waits until all that was ever heard is want.
func (p *peer) hears(want string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return p.heard() == want }, patience, time.Millisecond, "want %q", want)
}

// hearsNothingMore checks that for a while nothing is heard after want, not even an end.
func (p *peer) hearsNothingMore(want string) {
	p.t.Helper()
	select {
	case <-p.done:
		p.t.Fatalf("ended with %v after %q", p.err, p.heard())
	case <-time.After(aWhile):
	}
	require.Equal(p.t, want, p.heard())
}

// ends waits until nothing more can be heard and returns how that came; nil is an orderly close.
func (p *peer) ends() error {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("still open after %q", p.heard())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == io.EOF { //nolint:errorlint // Read returns it bare
		return nil
	}
	return p.err
}

func (p *peer) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// A server accepts connections and keeps them for the test to take.
type server struct {
	t     *testing.T
	ln    net.Listener
	conns chan net.Conn
}

func newServer(t *testing.T) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{t: t, ln: ln, conns: make(chan net.Conn, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns <- c
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
		for len(s.conns) > 0 {
			_ = (<-s.conns).Close()
		}
	})
	return s
}

func (s *server) addr() string { return s.ln.Addr().String() }

func (s *server) acceptRaw() net.Conn {
	s.t.Helper()
	select {
	case c := <-s.conns:
		return c
	case <-time.After(patience):
		s.t.Fatal("no connection arrived")
		return nil
	}
}

func (s *server) accept() *peer {
	s.t.Helper()
	return watch(s.t, s.acceptRaw())
}

func (s *server) acceptsNothing() {
	s.t.Helper()
	select {
	case <-s.conns:
		s.t.Fatal("a connection arrived")
	case <-time.After(aWhile):
	}
}

func dialRaw(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	require.NoError(t, err)
	return c
}

func dial(t *testing.T, addr string) *peer {
	t.Helper()
	return watch(t, dialRaw(t, addr))
}

// dialUntilEnd dials and returns how the connection ended. A reset can come so soon that the dial itself reports it.
func dialUntilEnd(t *testing.T, addr string) error {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	return watch(t, c).ends()
}

// connect makes a connection through the link that has carried a greeting each way.
func connect(t *testing.T, l *Link, s *server) (client, srv *peer) {
	t.Helper()
	client = dial(t, l.Addr())
	client.send("hello ")
	srv = s.accept()
	srv.hears("hello ")
	srv.send("welcome ")
	client.hears("welcome ")
	return client, srv
}

// works checks that a fresh connection carries bytes and closes both ways.
func works(t *testing.T, l *Link, s *server) {
	t.Helper()
	client, srv := connect(t, l, s)
	require.NoError(t, client.CloseWrite())
	require.NoError(t, srv.ends())
	require.NoError(t, srv.Close())
	require.NoError(t, client.ends())
}

// newLink makes a network with one link to a new server.
func newLink(t *testing.T) (*Network, *Link, *server) {
	t.Helper()
	s := newServer(t)
	n := Run(t, map[string]string{"link": s.addr()})
	return n, n.MustLink("link"), s
}

// offered waits until the proxy has taken in that many bytes each way since the link was made.
func offered(t *testing.T, l *Link, up, down int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		traffic, ok := l.Traffic()
		return ok && traffic.ToServer.Offered >= up && traffic.FromServer.Offered >= down
	}, patience, time.Millisecond)
}

func drained(t *testing.T, l *Link) {
	t.Helper()
	require.Eventually(t, func() bool { n, ok := l.Connections(); return ok && n == 0 }, patience, time.Millisecond)
}

// echo answers every connection with what it says, until the test ends.
func echo(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

func ctxFor(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func pattern(n int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), n/16) }
