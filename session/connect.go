package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/go-zookeeper/zk"
)

// dial is what go-zookeeper opens connections with. It is called from that client's one connecting goroutine.
func (s *Session) dial(network, address string, _ time.Duration) (net.Conn, error) {
	s.mu.Lock()
	attempt := s.attempts
	s.attempts++
	s.mu.Unlock()
	if err := s.pause(attempt); err != nil {
		return nil, err
	}
	conn, err := s.open(network, address)
	if err != nil {
		s.mu.Lock()
		s.opening = err
		s.mu.Unlock()
		return nil, err
	}
	w := newWire(conn, s, s.cfg.Auth, s.handshake())
	s.mu.Lock()
	old := s.wire
	s.wire = w
	s.mu.Unlock()
	if old != nil {
		_ = old.Close() // go-zookeeper leaves the connection of an expired session open
	}
	if s.dialing.Err() != nil { // hung up meanwhile: whoever did may have closed the old wire only
		_ = w.Close()
		return nil, s.dialing.Err()
	}
	return w, nil
}

// pause keeps a client whose servers are away from dialling without rest: each server is tried once at once, then with growing, jittered pauses.
func (s *Session) pause(attempt int) error {
	n := attempt - len(s.cfg.Servers)
	if n < 0 {
		return s.dialing.Err()
	}
	d := min(20*time.Millisecond<<min(n, 6), time.Second)
	d = d/2 + rand.N(d/2+1)
	select {
	case <-time.After(d):
		return s.dialing.Err()
	case <-s.dialing.Done():
		return s.dialing.Err()
	}
}

func (s *Session) open(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(s.dialing, s.cfg.DialTimeout, fmt.Errorf("session: no connection to %s within %v", address, s.cfg.DialTimeout))
	defer cancel()
	dial := s.cfg.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		if ctx.Err() != nil && s.dialing.Err() == nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	if s.cfg.TLS == nil {
		return conn, nil
	}
	cfg := s.cfg.TLS.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(address)
	}
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("session: TLS with %s: %w", address, err)
	}
	return secure, nil
}

// handshake is how long a server may take to answer a connect request.
func (s *Session) handshake() time.Duration {
	if s.cfg.HandshakeTimeout > 0 {
		return s.cfg.HandshakeTimeout
	}
	t := s.Timeout()
	return max(t/3/time.Duration(len(s.cfg.Servers)), t/10, 50*time.Millisecond)
}

// tick is the tick that deadlines are computed with.
func (s *Session) tickLocked() time.Duration {
	if s.cfg.Tick > 0 && s.cfg.Tick < s.timeout/2 {
		return s.cfg.Tick
	}
	return s.timeout / 2
}

// sentConnect, granted, sent, answered and authRefused observe the wire.

func (s *Session) sentConnect(w *wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w == s.wire {
		s.connectSent = s.clk.early()
	}
}

func (s *Session) granted(w *wire, timeout time.Duration, id int64) (restores bool) {
	s.mu.Lock()
	if w != s.wire {
		s.mu.Unlock()
		return false
	}
	if id == 0 || (s.id != 0 && id != s.id) {
		// Nothing may run in another session than the one it was meant for: no further connection is made.
		s.hosts.over.Store(true)
		s.mu.Unlock()
		s.lose(ErrExpired)
		return false
	}
	defer s.mu.Unlock()
	if s.id == 0 {
		s.touched = s.connectSent // the creation of a session is itself a write
	}
	s.id, s.timeout = id, timeout
	s.connections++
	s.attempts = 0
	s.flight = newFlight()
	s.touches.connected(s.connectSent)
	s.heard = s.connectSent
	return s.watched || s.watches.armed() > 0
}

func (s *Session) sent(w *wire, xid, op int32) {
	now := s.clk.early()
	s.mu.Lock()
	defer s.mu.Unlock()
	if w != s.wire {
		return
	}
	s.flight.send(xid, op, now, s.touches.send(now, s.tickLocked()))
}

func (s *Session) answered(w *wire, xid, code int32, zxid int64, reply []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w != s.wire {
		return
	}
	s.received = s.clk.early()
	if xid != xidWatch {
		s.zxid = max(s.zxid, zxid)
	}
	o, ok := s.flight.answer(xid)
	if !ok {
		return
	}
	s.heard = max(s.heard, o.sent)
	if code == 0 && writeOps[o.op] {
		s.touched = max(s.touched, o.touch)
		s.wrote = max(s.wrote, o.sent)
	}
	if xid <= xidOwn {
		s.answerLocked(xid, code, reply)
	}
}

func (s *Session) authRefused(*wire) {
	s.lose(ErrAuthFailed)
}

// event is called by go-zookeeper's goroutines, in order, before that client acts on the event itself. It must not block.
func (s *Session) event(ev zk.Event) {
	switch {
	case ev.Type != zk.EventSession && ev.Type != zk.EventNotWatching:
		s.dispatch(ev)
	case ev.Type != zk.EventSession:
	case ev.State == zk.StateHasSession:
		s.connected()
	case ev.State == zk.StateDisconnected:
		s.disconnected()
	}
}

func (s *Session) connected() {
	s.mu.Lock()
	if s.id == 0 || s.up {
		s.mu.Unlock()
		return
	}
	s.up = true
	from := s.state
	if s.state != Lost {
		s.state = Connected
	}
	close(s.ready)
	change := s.changeLocked(from)
	s.mu.Unlock()
	s.report(change)
	s.nudge()
}

func (s *Session) disconnected() {
	s.mu.Lock()
	if s.up {
		s.up, s.ready = false, make(chan struct{})
	}
	s.flight = newFlight()
	s.strandLocked()
	unsettled := s.watches.unsettle()
	connection := s.connections
	from := s.state
	if s.state == Connected {
		s.state = Suspended
	}
	change := s.changeLocked(from)
	s.mu.Unlock()
	for _, w := range unsettled {
		w.deliver(Event{Type: Unsettled, Path: w.path, Connection: connection})
	}
	s.report(change)
	s.nudge()
}

// newestZxid returns the newest state of the servers that this session has seen.
func (s *Session) newestZxid() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zxid
}

// nudge asks the keeper to look at the session again.
func (s *Session) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// openError says why no session came about.
func (s *Session) openError(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lost *LostError
	if errors.As(s.err, &lost) {
		return fmt.Errorf("session: no session with %v: %w", s.cfg.Servers, lost.Reason)
	}
	if s.opening != nil {
		return fmt.Errorf("session: no session with %v: %w (last attempt: %w)", s.cfg.Servers, cause, s.opening)
	}
	return fmt.Errorf("session: no session with %v: %w (connections are accepted and then not answered)", s.cfg.Servers, cause)
}
