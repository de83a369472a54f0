package zktest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// version is what the server calls itself: whose behaviour it has, and that it is not that one.
const version = "3.8.0-zktest"

// Config is how a server behaves. The zero value of each field is the default.
type Config struct {
	// Tick is the grain of expiry: 2 s.
	Tick time.Duration
	// MinSession and MaxSession bound what clients may ask for: 2 and 20 ticks.
	MinSession, MaxSession time.Duration
	// ReapEvery is how often containers and TTL nodes are looked at: every minute.
	ReapEvery time.Duration
	// ExtendedTypes lets TTL nodes exist, as -Dzookeeper.extendedTypesEnabled=true does.
	ExtendedTypes bool
	// MaxFrame is the longest request that is read, in bytes: 0xfffff, as jute.maxbuffer.
	MaxFrame int
	// Logger hears of sessions that end and clients that are refused: nobody.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Tick <= 0 {
		c.Tick = 2 * time.Second
	}
	if c.MinSession <= 0 {
		c.MinSession = 2 * c.Tick
	}
	if c.MaxSession <= 0 {
		c.MaxSession = max(20*c.Tick, c.MinSession)
	}
	if c.ReapEvery <= 0 {
		c.ReapEvery = time.Minute
	}
	if c.MaxFrame <= 0 {
		c.MaxFrame = 0xfffff
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// A Server is an in-memory ZooKeeper. [Start] makes one, and whoever made it calls Close.
// It is safe for concurrent use. The zero Server is not usable.
type Server struct {
	cfg     Config
	started time.Time
	wg      sync.WaitGroup // of all goroutines

	mu        sync.Mutex // guards below; everything is executed under it, one request after the other
	tree      *tree
	zxid      int64
	nextID    int64
	sessions  map[int64]*session
	conns     map[*conn]bool
	listeners []net.Listener
	dialled   int // connections through the door in memory
	expiry    *time.Timer
	reaper    *time.Timer
	closed    bool

	// control
	frozen    chan struct{} // closed by Thaw; nil while the server runs
	refusing  bool
	onRequest func(Request) Fault
	injected  map[Op][]Fault
	counts    map[Op]int64
	received  int64
	forgotten int64 // messages that were sent on connections that are gone
}

// Start returns a server that runs. Nobody can reach it but through [Server.Dialer] and [Server.DialContext]; [Server.Addr] and [Server.Listen] open a TCP door.
func Start(cfg Config) *Server {
	cfg = cfg.withDefaults()
	now := time.Now()
	s := &Server{
		cfg: cfg, started: now, tree: newTree(cfg.ExtendedTypes), nextID: now.UnixMilli()<<24>>8&(1<<56-1) | 1<<56,
		sessions: make(map[int64]*session), conns: make(map[*conn]bool), injected: make(map[Op][]Fault), counts: make(map[Op]int64),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rearmReaperLocked()
	return s
}

// TB is the part of testing.TB that RunT needs.
type TB interface {
	Helper()
	Cleanup(func())
}

// RunT is Start with the defaults, and closes the server with the test.
func RunT(t TB) *Server {
	t.Helper()
	return RunConfigT(t, Config{})
}

// RunConfigT is Start, and closes the server with the test.
func RunConfigT(t TB, cfg Config) *Server {
	t.Helper()
	s := Start(cfg)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Version returns what the server calls itself.
func (s *Server) Version() string { return version }

// Listen opens a TCP door at an address such as 127.0.0.1:2181. It fails as net.Listen does, and with net.ErrClosed after Close.
func (s *Server) Listen(address string) error {
	_, err := s.listen(address)
	return err
}

func (s *Server) listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("zktest: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = l.Close()
		return nil, fmt.Errorf("zktest: %w", net.ErrClosed)
	}
	s.listeners = append(s.listeners, l)
	s.wg.Go(func() { s.accept(l) })
	return l, nil
}

// Addr returns the address of the first TCP door, as host:port. It opens one on a free port of the loopback interface when there is none, and panics when that
// fails, as only a machine without a loopback interface or without ports can make it. In a bubble of testing/synctest use [Server.Dialer] instead: there, time stands still
// while somebody waits for a network.
func (s *Server) Addr() string {
	s.mu.Lock()
	if len(s.listeners) > 0 {
		defer s.mu.Unlock()
		return s.listeners[0].Addr().String()
	}
	s.mu.Unlock()
	l, err := s.listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return l.Addr().String()
}

func (s *Server) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			closed := s.closed
			s.mu.Unlock()
			if closed {
				return
			}
			continue // of this connection, or too many files: the next may be better
		}
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetNoDelay(true)
		}
		if !s.admit(nc) {
			if tcp, ok := nc.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = nc.Close()
		}
	}
}

// admit serves a new connection, if the server takes any.
func (s *Server) admit(nc net.Conn) bool {
	c := s.newConn(nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.refusing {
		return false
	}
	s.conns[c] = true
	s.wg.Go(c.read)
	s.wg.Go(c.write)
	return true
}

// forget ends a connection, whose session stays.
func (s *Server) forget(c *conn) {
	c.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.session != nil && c.session.conn == c {
		c.session.conn = nil
	}
	s.tree.watches.forget(c)
	if s.conns[c] {
		delete(s.conns, c)
		s.forgotten += c.sent
	}
}

// Dialer returns a door in memory, in the shape that go-zookeeper's WithDialer takes. The address is of no interest.
// Connections through it wait in a way that testing/synctest understands, so a server in a bubble runs in virtual time.
func (s *Server) Dialer() func(network, address string, timeout time.Duration) (net.Conn, error) {
	return func(network, address string, _ time.Duration) (net.Conn, error) {
		return s.DialContext(context.Background(), network, address)
	}
}

// DialContext is the door in memory in the shape of net.Dialer's method. It fails as a dial to nobody does when the server is closed or refuses connections.
func (s *Server) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	s.dialled++
	near, far := pipe(s.dialled)
	s.mu.Unlock()
	if !s.admit(far) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: near.RemoteAddr(), Err: syscall.ECONNREFUSED}
	}
	return near, nil
}

// Close ends everything, and waits until it has. It is idempotent and never fails.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, l := range s.listeners {
		_ = l.Close()
	}
	for c := range s.conns {
		c.end()
	}
	if s.reaper != nil {
		s.reaper.Stop()
	}
	s.armLocked()
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

var _ io.Closer = (*Server)(nil)
