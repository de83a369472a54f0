package session

import (
	"slices"
	"time"
)

// State is what a client knows about its session.
type State int

const (
	// Connected means that a server answers in this session.
	Connected State = iota
	// Suspended means that contact is lost and the deadline is not reached: the session may still be alive on the servers.
	Suspended
	// Lost means that the session is over for this client, for good, whatever the servers think.
	Lost
)

// String returns the state's name in lower case.
func (s State) String() string {
	switch s {
	case Connected:
		return "connected"
	case Suspended:
		return "suspended"
	case Lost:
		return "lost"
	}
	return "unknown"
}

// touches remembers when frames were sent, so as to say how long ago the leader can at most have heard from the session.
//
// # Why the deadline is where it is
//
// The leader expires a session no earlier than T, the negotiated timeout, after it last heard of it (SessionTrackerImpl rounds up to the
// next tick). Let a write be sent at t and be acknowledged. Its commit passed from the leader to our server over their one ordered channel at
// some time after t. On that channel our server also tells the leader which sessions it has heard from, each time the leader pings it,
// which is every half tick (LearnerHandler, Learner.ping). So a report went up no earlier than t - tick/2, and reports before it went up
// too, because the channel was whole when the commit came down. Our last frame that was sent at or before t - tick/2, at time s say, was in one of
// those reports. Hence the leader heard of us at s or later, and does not expire us before s + T.
// With a client that sends at least every gap, s >= t - tick/2 - gap, which is the bound that one reads elsewhere; looking s up is never worse.
// A server that is itself the leader, or stands alone, hears of us at once, and the bound is only conservative.
//
// A new session begins, and a session moves to another server, through the leader: the handshake itself is a first touch, at the time that the connect
// request was sent. What was sent on an earlier connection proves nothing about the reports of the new server, and is forgotten.
//
// What this rests on: client and leader clocks run at the same rate within the margin left (T is not stretched or shortened by either);
// the leader's ping thread keeps its half tick; the tick is known or at most T/2. A new leader gives every session a full T, which only helps.
// Where one of these fails, the fencing token still holds.
//
// touches is not safe for concurrent use; the zero value has heard nothing.
type touches struct {
	sent []time.Duration // ascending; the first is the handshake or the last one older than half a tick
}

// grain is how many sends are remembered per half tick: a busy client does not need each one.
const grain = 16

// connected starts anew with a handshake whose request was sent at t.
func (q *touches) connected(t time.Duration) { q.sent = append(q.sent[:0], t) }

// send records a frame sent at t and returns the touch that an acknowledgement of it would prove.
func (q *touches) send(t, tick time.Duration) time.Duration {
	half := tick / 2
	// Forget all but the newest of those that are old enough.
	old := 0
	for old+1 < len(q.sent) && q.sent[old+1] <= t-half {
		old++
	}
	q.sent = slices.Delete(q.sent, 0, old)
	if n := len(q.sent); n == 0 || t-q.sent[n-1] >= half/grain {
		q.sent = append(q.sent, t)
	}
	return q.sent[0]
}

// view is all that the state of a session depends on. Times are those of the session's clock.
type view struct {
	timeout time.Duration
	renewal Renewal
	holding bool          // something is held, so only proof counts
	touched time.Duration // the leader heard of us then, or later, as far as acknowledged writes prove
	heard   time.Duration // the newest answered frame, of any kind, was sent then
	up      bool          // a server answers
}

// deadline returns when v is lost unless something changes.
func (v view) deadline() time.Duration {
	if v.holding && v.renewal == RenewByWrites {
		return v.touched + v.timeout
	}
	return v.heard + v.timeout
}

// at returns the state of v at time now.
func (v view) at(now time.Duration) State {
	switch {
	case now >= v.deadline():
		return Lost
	case !v.up:
		return Suspended
	}
	return Connected
}
