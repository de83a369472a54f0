package zktest

import "time"

// ready waits while the server is frozen, and returns with s.mu held. It reports false, without the lock, when the connection or the server has ended.
func (s *Server) ready(c *conn) bool {
	for {
		s.mu.Lock()
		frozen := s.frozen
		if frozen == nil {
			break
		}
		s.mu.Unlock()
		select {
		case <-frozen:
		case <-c.gone:
			return false
		}
	}
	select {
	case <-c.gone:
		s.mu.Unlock()
		return false
	default:
	}
	if s.closed {
		s.mu.Unlock()
		return false
	}
	return true
}

// call is one request being executed. Everything is guarded by s.mu.
type call struct {
	s   *Server
	c   *conn
	in  input
	out output
	end bool // the connection ends with the answer
}

// serve executes one request and queues its answer, and reports whether the connection goes on.
func (s *Server) serve(c *conn, xid int32, op Op, body []byte) bool {
	fault := s.faultFor(c, xid, op, body)
	if fault.delay > 0 {
		t := time.NewTimer(fault.delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.gone:
			return false
		}
	}
	if !s.ready(c) {
		return false
	}
	defer s.mu.Unlock()
	s.counts[op]++
	s.received++
	c.received++
	if c.session == nil || s.sessions[c.session.id] != c.session || c.session.conn != c {
		return true // it is about to end
	}
	if fault.kind == loseRequest {
		return false // and the session has not been heard of
	}
	s.touchLocked(c.session)
	if fault.kind == hang {
		return true
	}
	q := &call{s: s, c: c, in: input{b: body}, out: reply(xid)}
	code := fault.code
	if code == CodeOK {
		code = q.execute(op)
	}
	if fault.kind == loseReply {
		return false
	}
	zxid := s.zxid
	switch {
	case xid == xidAuth:
		zxid = 0
	case q.end && code == CodeUnimplemented:
		zxid = -1
	}
	c.queue(q.out.seal(zxid, code), q.end)
	return true
}

// execute does what is asked and writes the body of the answer to q.out, which is of no interest when the code is an error.
func (q *call) execute(op Op) Code {
	switch op {
	case OpPing:
		return CodeOK
	case OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL:
		return q.create(op)
	case OpDelete:
		return q.remove()
	case OpSetData:
		return q.setData()
	case OpSetACL:
		return q.setACL()
	case OpCheck:
		return q.check()
	case OpMulti:
		return q.multi()
	case OpExists:
		return q.exists()
	case OpGetData:
		return q.getData()
	case OpGetACL:
		return q.getACL()
	case OpGetChildren, OpGetChildren2:
		return q.getChildren(op)
	case OpGetAllChildrenNumber:
		return q.getAllChildrenNumber()
	case OpGetEphemerals:
		return q.getEphemerals()
	case OpMultiRead:
		return q.multiRead()
	case OpSync:
		return q.sync()
	case OpSetWatches, OpSetWatches2:
		return q.setWatches(op)
	case OpAddWatch:
		return q.addWatch()
	case OpCheckWatches, OpRemoveWatches:
		return q.removeWatches(op)
	case OpAuth:
		return q.auth()
	case OpWhoAmI:
		return q.whoAmI()
	case OpCloseSession:
		q.end = true
		q.s.endSessionLocked(q.c.session)
		return CodeOK
	case OpReconfig:
		return q.write(func(*txn) Code { return CodeReconfigDisabled })
	case OpDeleteContainer: // the server's own, which reads the path of a client's from the wrong place and refuses it
		return q.write(func(*txn) Code { return CodeBadArguments })
	default:
		q.end = true // as UnimplementedRequestProcessor does
		return CodeUnimplemented
	}
}

// beginLocked starts a transaction with the next zxid, which is used up whatever becomes of it.
func (s *Server) beginLocked(session int64, who []identity) *txn {
	s.zxid++
	return &txn{t: s.tree, zxid: s.zxid, now: time.Now().UnixMilli(), who: who, session: session}
}

// deliverLocked tells those who watch. What they are told goes ahead of any answer that shows the change.
func (s *Server) deliverLocked(events []event) {
	for _, ev := range events {
		if len(ev.to) == 0 {
			continue
		}
		frame := ev.frame()
		for c := range ev.to {
			if allowed(ev.acl, permRead, c.who) {
				c.send(frame)
			}
		}
	}
}
