package session

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/go-zookeeper/zk"
)

// What a lock does on its way goes straight to the wire: create, list, watch, delete, and the multi that guards a write. Everything else goes through go-zookeeper.
//
// That client takes each request through two more goroutines, and in a packet of its own. Straight from the caller's goroutine, and with what belongs together in
// one packet, a lock that nobody else wants costs two round trips instead of four, and the servers are woken up less often when many want one; zkctl bench lock
// shows what it is worth. A caller that gives up stops waiting, without a goroutine that waits on its behalf.

// direct is a request of this package's own, which go-zookeeper knows nothing of.
type direct struct {
	op   int32
	body jute
	done chan struct{}

	// set before done is closed
	lost  bool // its connection ended before a reply came
	code  int32
	reply []byte
}

func newDirect(op int32, body *jute) *direct {
	return &direct{op: op, body: *body, done: make(chan struct{})}
}

// submit sends requests in one packet: the servers execute them in this order. It waits for a connection only, and fails with the cause of ctx or with the
// session's loss; nothing is sent then.
func (s *Session) submit(ctx context.Context, reqs ...*direct) error {
	for {
		if err := s.enter(ctx); err != nil {
			return err
		}
		s.mu.Lock()
		if !s.up || s.err != nil {
			s.mu.Unlock()
			continue // it was lost again
		}
		w := s.wire
		frames := make([][]byte, len(reqs))
		for i, r := range reqs {
			if s.ownXid--; s.ownXid > xidOwn { // wrapped around
				s.ownXid = xidOwn
			}
			s.direct[s.ownXid] = r
			var b jute
			b.i32(int32(8 + len(r.body))).i32(s.ownXid).i32(r.op)
			frames[i] = append(b, r.body...)
		}
		limit := s.timeout * 2 / 3
		s.mu.Unlock()
		w.submit(limit, frames) // if it fails, the connection ends, and these end with it
		return nil
	}
}

// answerLocked hands a reply to whom it is for.
func (s *Session) answerLocked(xid, code int32, reply []byte) {
	r := s.direct[xid]
	if r == nil {
		return
	}
	delete(s.direct, xid)
	r.code, r.reply = code, reply
	close(r.done)
}

// strandLocked ends what was sent on a connection that is gone.
func (s *Session) strandLocked() {
	for xid, r := range s.direct {
		delete(s.direct, xid)
		r.lost = true
		close(r.done)
	}
}

// result waits for the reply to r. When ctx or the session ends first, or the connection, the outcome is unknown; the request may still be executed, in this session.
func (s *Session) result(ctx context.Context, r *direct) (*reading, error) {
	select {
	case <-r.done:
	default:
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, unknown(context.Cause(ctx))
		case <-s.life.Done():
			return nil, unknown(s.Err())
		}
	}
	if r.lost {
		return nil, unknown(zk.ErrConnectionClosed)
	}
	if err := s.judge(errOf(r.code)); err != nil {
		return nil, err
	}
	return &reading{b: r.reply}, nil
}

// errOf names a server's answer.
func errOf(code int32) error {
	switch code {
	case 0:
		return nil
	case codeUnimplemented:
		return ErrUnimplemented
	case -8:
		return zk.ErrBadArguments
	case -101:
		return ErrNoNode
	case -102:
		return ErrNoAuth
	case -103:
		return ErrBadVersion
	case -108:
		return ErrNoChildrenForEphemerals
	case -110:
		return ErrNodeExists
	case -111:
		return ErrNotEmpty
	case -112:
		return zk.ErrSessionExpired
	case -114:
		return ErrInvalidACL
	case -118:
		return zk.ErrSessionMoved
	}
	return codeError(code)
}

const codeUnimplemented = -6

// submit sends frames in one packet.
func (w *wire) submit(limit time.Duration, frames [][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.restoring {
		w.waiting = append(w.waiting, frames...)
		return
	}
	_ = w.Conn.SetWriteDeadline(time.Now().Add(limit))
	packet := frames[0]
	for i, f := range frames {
		w.obs.sent(w, int32(binary.BigEndian.Uint32(f[4:])), int32(binary.BigEndian.Uint32(f[8:])))
		if i > 0 {
			packet = append(packet, f...)
		}
	}
	w.sendLocked(packet)
}
