package zktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Request is what a fault is decided on.
type Request struct {
	Op      Op
	Path    string // of requests that begin with one, else ""
	Session int64
	Xid     int32
}

type faultKind int

const (
	pass faultKind = iota
	loseRequest
	loseReply
	hang
)

// A Fault is what becomes of a request. The zero value lets it pass.
type Fault struct {
	kind  faultKind
	code  Code
	delay time.Duration
}

// Pass executes and answers the request, as always.
func Pass() Fault { return Fault{} }

// LoseRequest drops the connection before the request is executed.
func LoseRequest() Fault { return Fault{kind: loseRequest} }

// LoseReply executes the request and drops the connection instead of answering.
func LoseReply() Fault { return Fault{kind: loseReply} }

// Hang neither executes nor answers the request; the connection goes on.
func Hang() Fault { return Fault{kind: hang} }

// Fail answers with an error, and executes nothing.
func Fail(code Code) Fault { return Fault{code: code} }

// Delay executes the request later. What its connection sends after it waits too, as requests of one client are never reordered.
func Delay(d time.Duration) Fault { return Fault{delay: d} }

// OnRequest has f decide what becomes of each request, until the next call; nil lets all pass. It is called on the goroutine of the request's connection, may be
// called by several at once, and may call the server's methods.
func (s *Server) OnRequest(f func(Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRequest = f
}

// Inject gives the next request of a kind a fault. Several wait for one request each, in their order.
func (s *Server) Inject(op Op, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.injected[op] = append(s.injected[op], f)
}

func (s *Server) faultFor(c *conn, xid int32, op Op, body []byte) Fault {
	s.mu.Lock()
	f := s.onRequest
	var id int64
	if c.session != nil {
		id = c.session.id
	}
	if due := s.injected[op]; len(due) > 0 {
		s.injected[op] = due[1:]
		s.mu.Unlock()
		return due[0]
	}
	s.mu.Unlock()
	if f == nil {
		return Fault{}
	}
	r := Request{Op: op, Session: id, Xid: xid}
	switch op {
	case OpPing, OpMulti, OpMultiRead, OpAuth, OpSetWatches, OpSetWatches2, OpCloseSession, OpWhoAmI, OpSASL, OpReconfig:
	default:
		in := input{b: body}
		r.Path = in.str()
	}
	return f(r)
}

// Expire ends a session as if its client had been silent for too long, and reports whether there was one.
func (s *Server) Expire(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.sessions[id]
	if x == nil || s.closed {
		return false
	}
	s.endSessionLocked(x)
	if x.conn != nil {
		x.conn.end()
	}
	return true
}

// Drop closes the connection of a session, which stays, and reports whether there was one.
func (s *Server) Drop(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.sessions[id]
	if x == nil || x.conn == nil {
		return false
	}
	x.conn.end()
	return true
}

// DropAll closes all connections. The sessions stay.
func (s *Server) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.end()
	}
}

// Restart closes all connections, forgets all watches, and gives each session its full timeout again, as a server does that comes back with its data.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		s.tree.watches.forget(c)
		c.end()
	}
	for _, x := range s.sessions {
		s.touchLocked(x)
	}
	s.armLocked()
}

// Freeze stops the server where it stands, as SIGSTOP does: what is sent to it is taken and not answered, and nothing expires.
func (s *Server) Freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen == nil && !s.closed {
		s.frozen = make(chan struct{})
		s.armLocked()
	}
}

// Thaw lets a frozen server go on. Sessions whose time was up meanwhile expire first, before anything is executed that was sent meanwhile: the worst order that a
// real server may choose.
func (s *Server) Thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen != nil {
		close(s.frozen)
		s.frozen = nil
		s.expireDueLocked()
	}
}

// Refuse makes the server refuse new connections, or take them again. In memory a dial fails; over TCP, where a port cannot be given back without somebody else
// taking it, a connection is reset as soon as it is made.
func (s *Server) Refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusing = on
}

// SetZxid makes the next transaction's zxid the one after. Zxids only rise: it fails for less than the newest one.
func (s *Server) SetZxid(zxid int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if zxid < s.zxid {
		return fmt.Errorf("zktest: zxid %#x is below the newest one, %#x", zxid, s.zxid)
	}
	s.zxid = zxid
	return nil
}

// SetSequence sets the number that the next sequential child of a znode gets, from 0 to 2³¹-1, where it sticks. It fails when there is no such znode.
func (s *Server) SetSequence(path string, next int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.tree.nodes[path]
	if n == nil || next < 0 {
		return fmt.Errorf("zktest: no sequence %d at %s", next, path)
	}
	n.created = next
	return nil
}

// SetVersion sets the version of a znode's data, which each write raises by one, from 2³¹-1 to -2³¹. It fails when there is no such znode.
func (s *Server) SetVersion(path string, version int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.tree.nodes[path]
	if n == nil {
		return fmt.Errorf("zktest: no version %d at %s", version, path)
	}
	n.version = version
	return nil
}

// Dump returns the tree, one znode a line, in the order of the paths: the path, its data, and whom it belongs to.
func (s *Server) Dump() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(s.tree.nodes)) {
		if path == "" {
			continue // the root's other name
		}
		n := s.tree.nodes[path]
		fmt.Fprintf(&b, "%s %q", path, n.data)
		switch kindOf(n.owner, s.tree.extended) {
		case ephemeral:
			fmt.Fprintf(&b, " ephemeral of %s", sessionName(n.owner))
		case container:
			b.WriteString(" container")
		case ttl:
			fmt.Fprintf(&b, " ttl %v", time.Duration(n.owner&maxTTL)*time.Millisecond)
		case persistent:
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func sessionName(id int64) string { return fmt.Sprintf("0x%x", uint64(id)) }

// Count returns how many requests of a kind were received. Those that a fault met count too.
func (s *Server) Count(op Op) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[op]
}

// SessionInfo is what the server knows of a session.
type SessionInfo struct {
	ID         int64
	Timeout    time.Duration // as negotiated
	Connected  bool
	Ephemerals []string // paths, sorted
}

// Sessions returns all sessions, in the order of their ids.
func (s *Server) Sessions() []SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []SessionInfo
	for _, id := range slices.Sorted(maps.Keys(s.sessions)) {
		x := s.sessions[id]
		all = append(all, SessionInfo{ID: id, Timeout: x.timeout, Connected: x.conn != nil, Ephemerals: slices.Sorted(maps.Keys(s.tree.ephemerals[id]))})
	}
	return all
}

// Connections returns how many clients are connected.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
