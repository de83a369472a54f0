package session

import "time"

// flight is what has been sent on a connection and not yet been answered. It is not safe for concurrent use.
type flight struct {
	requests map[int32]outstanding
	pings    []time.Duration // pings share one xid and are answered in order
}

type outstanding struct {
	sent  time.Duration
	touch time.Duration // what an acknowledgement would prove: see touches
	op    int32
}

func newFlight() flight { return flight{requests: make(map[int32]outstanding)} }

func (f *flight) send(xid, op int32, now, touch time.Duration) {
	if xid == xidPing {
		f.pings = append(f.pings, now)
		return
	}
	f.requests[xid] = outstanding{sent: now, touch: touch, op: op}
}

// answer takes out what xid answers.
func (f *flight) answer(xid int32) (outstanding, bool) {
	if xid == xidPing {
		if len(f.pings) == 0 {
			return outstanding{}, false
		}
		o := outstanding{sent: f.pings[0]}
		f.pings = f.pings[1:]
		return o, true
	}
	o, ok := f.requests[xid]
	delete(f.requests, xid)
	return o, ok
}

// oldest returns when the longest waiting frame was sent.
func (f *flight) oldest() (time.Duration, bool) {
	var first time.Duration
	found := false
	for _, o := range f.requests {
		if !found || o.sent < first {
			first, found = o.sent, true
		}
	}
	if len(f.pings) > 0 && (!found || f.pings[0] < first) {
		first, found = f.pings[0], true
	}
	return first, found
}
