package cas

// What became of a write whose reply was lost is read from the node itself. Each write leaves a trace: the client and the number of its operation. A client has
// one write of a node under way at a time, and sends the very same again until it knows; so if its newest trace is that of the operation, it was applied.
//
// Traces are kept of the clients that wrote last, a bounded number of them. A write can push out a trace before the client that left it has looked. That is why each
// trace has the number of its write, and the envelope the greatest number that was ever pushed out: a trace that is missing was never
// there if its number would be above that floor. If it is not above it, nobody can tell, and nobody guesses.

// A verdict is what a look at a node says about a write.
type verdict int

const (
	applied verdict = iota // it was
	refused                // it was not, and never will be
	open                   // it was not, and still may be: nobody has written since it was sent
	lost                   // nobody can tell
)

// A state is a node as it was at one moment.
type state struct {
	envelope
	version Version
}

// judge says what became of operation op of a client, which was sent to replace base, given the node as it is now.
func (now *state) judge(base *state, client, op uint64) verdict {
	if now.version.Birth != base.version.Birth || now.number < base.number {
		return lost
	}
	t := now.trace(client)
	switch {
	case t != nil && t.op == op:
		return applied
	case now.version == base.version:
		// The same 32-bit version could be another state only after 2³² writes, of which number would tell.
		if now.number != base.number {
			return lost
		}
		return open
	case now.number == base.number: // only a lock took precedence, or gave it up
		return refused
	case t != nil: // an operation before it
		return refused
	case now.floor < base.number+1:
		return refused
	}
	return lost
}

// trace returns the newest trace of a client, nil if there is none.
func (e *envelope) trace(client uint64) *trace {
	for i := range e.traces {
		if e.traces[i].client == client {
			return &e.traces[i]
		}
	}
	return nil
}

// after returns the envelope that operation op of a client makes of e. It keeps at most room traces, and no lock.
func (e *envelope) after(client, op uint64, value []byte, room int) envelope {
	next := envelope{number: e.number + 1, floor: e.floor, present: true, value: value, traces: make([]trace, 1, len(e.traces)+1)}
	next.traces[0] = trace{client: client, op: op, number: next.number}
	for _, t := range e.traces {
		if t.client != client {
			next.traces = append(next.traces, t)
		}
	}
	if len(next.traces) > room {
		next.floor = max(next.floor, next.traces[room].number)
		next.traces = next.traces[:room]
	}
	return next
}

// locked returns e with a lock that has precedence.
func (e *envelope) locked(lock string) envelope {
	next := *e
	next.lock = lock
	return next
}
