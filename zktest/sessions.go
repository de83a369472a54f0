package zktest

import (
	"crypto/rand"
	"crypto/subtle"
	"maps"
	"slices"
	"time"
)

// session is what a client has while it may come back.
type session struct {
	id       int64
	password []byte
	timeout  time.Duration
	due      time.Time // when it expires, unless the client is heard before
	conn     *conn     // nil while it is away
}

// touchLocked moves the expiry on: a timeout from now, rounded up to the next tick as ExpiryQueue does.
func (s *Server) touchLocked(x *session) {
	at := time.Since(s.started) + x.timeout
	x.due = s.started.Add(at - at%s.cfg.Tick + s.cfg.Tick)
}

// armLocked makes sure that somebody looks when the next session is due.
func (s *Server) armLocked() {
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if s.closed || s.frozen != nil || len(s.sessions) == 0 {
		return
	}
	var first time.Time
	for _, x := range s.sessions {
		if first.IsZero() || x.due.Before(first) {
			first = x.due
		}
	}
	s.expiry = time.AfterFunc(time.Until(first), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.expireDueLocked()
	})
}

// expireDueLocked ends the sessions whose time is up, in the order of their ids.
func (s *Server) expireDueLocked() {
	if s.closed || s.frozen != nil {
		return
	}
	now := time.Now()
	for _, id := range slices.Sorted(maps.Keys(s.sessions)) {
		if x := s.sessions[id]; !now.Before(x.due) {
			s.cfg.Logger.Info("session expired", "session", sessionName(id))
			s.endSessionLocked(x)
			if x.conn != nil {
				x.conn.end()
			}
		}
	}
	s.armLocked()
}

// endSessionLocked removes a session and what it owns, in one transaction.
func (s *Server) endSessionLocked(x *session) {
	if s.sessions[x.id] != x {
		return
	}
	t := s.beginLocked(x.id, nil)
	for _, path := range slices.Sorted(maps.Keys(s.tree.ephemerals[x.id])) {
		t.drop(path, s.tree.nodes[path])
	}
	delete(s.sessions, x.id)
	s.deliverLocked(t.commit())
}

// greet answers a connect request, and reports whether the connection goes on.
func (s *Server) greet(c *conn, hello []byte) bool {
	in := input{b: hello}
	in.i32() // protocol version
	seen := in.i64()
	timeout := time.Duration(in.i32()) * time.Millisecond
	id := in.i64()
	password := in.data()
	if in.broken {
		return false
	}
	readOnly := len(in.b) > 0 // a client that says whether it may be read-only wants to hear whether it is
	if !s.ready(c) {
		return false
	}
	defer s.mu.Unlock()
	if seen > s.zxid {
		s.cfg.Logger.Info("refused a client that has seen the future", "zxid", seen, "newest", s.zxid)
		return false
	}
	timeout = min(max(timeout, s.cfg.MinSession), s.cfg.MaxSession)
	s.counts[OpCreateSession]++
	var x *session
	if id == 0 {
		x = &session{id: s.nextID, password: make([]byte, 16), timeout: timeout}
		rand.Read(x.password) // never fails: it would end the program
		s.nextID++
		s.zxid++
		s.sessions[x.id] = x
	} else if x = s.takeLocked(id); x == nil || subtle.ConstantTimeCompare(x.password, password) != 1 {
		c.queue(welcome(&session{password: make([]byte, 16)}, readOnly), true)
		return true // it ends when that is written
	}
	x.conn, c.session, x.timeout = c, x, timeout
	s.touchLocked(x)
	s.armLocked()
	c.queue(welcome(x, readOnly), false)
	return true
}

// takeLocked returns a session, nil if there is none, and ends the connection that it had. Whoever knows a session's id can do that to its client: servers
// look at the password only afterwards.
func (s *Server) takeLocked(id int64) *session {
	x := s.sessions[id]
	if x != nil && x.conn != nil {
		x.conn.end()
	}
	return x
}

// welcome is the answer to a connect request; that of session 0 says that there is no such session.
func welcome(x *session, readOnly bool) []byte {
	var o output
	o.i32(0)
	o.i32(0) // protocol version
	o.i32(int32(x.timeout / time.Millisecond))
	o.i64(x.id)
	o.data(x.password)
	if readOnly {
		o.flag(false)
	}
	return o.framed()
}
