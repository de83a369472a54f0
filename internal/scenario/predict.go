package scenario

import (
	"fmt"
	"time"
)

// A Window is a span of time relative to the cut. It is a value; the zero Window means that nothing is predicted.
type Window struct {
	Earliest Millis `json:"earliest_ms"`
	Latest   Millis `json:"latest_ms"`
}

// IsZero reports whether w predicts nothing.
func (w Window) IsZero() bool { return w == Window{} }

// String returns the window as in "+1.333s..+2.200s".
func (w Window) String() string {
	return at(Ms(w.Earliest.Duration())) + ".." + at(Ms(w.Latest.Duration()))
}

// Predict says when a server deletes the ephemeral nodes of a client that is cut off from it at time 0 and stays cut off.
//
// A server expires a session in (T, T+tick] after the last packet that it heard from the client. For every fault that keeps the client's
// packets away, the last one was sent at the cut or up to one ping interval, T/3, before it: 2T/3 to T+tick.
//
// If only the way back is cut, the server goes on hearing the client, until the client gives the connection up: at most 2T/3 later, when it has heard nothing for
// so long. That is T to 2T/3 + T + tick; a client that is silent by itself is heard up to T/3 before the cut only, as above. Connections that are opened
// during a cut reach no server, whichever way is cut: a handshake needs both.
//
// If servers are cut off from each other, the leader goes on without the holder's. A follower tells its leader whom it has heard from whenever the leader
// pings it, which is every half tick (Leader.lead, LearnerHandler.ping): so the leader may have heard of the holder half a tick less, and
// expires it that much earlier. The follower answers pings until it gives up its leader, after its syncLimit, and knows nothing of that.
//
// If it is the leader that is cut off, its followers give it up when they have heard nothing for syncLimit; it pings them every half tick. They elect another,
// which knows how long sessions are and not when they were last heard of, and so gives each its whole timeout from then on (ZooKeeperServer.createSessionTracker).
//
// A tick of 0 stands for an unknown one, and half the session for it, which is the most that a server allows by default. A session that is
// not above 0, and [KindNone], have no window: the result is zero.
func Predict(p Parameters) Window {
	session, tick := p.SessionNegotiated, p.Tick
	if session <= 0 || p.Kind == KindNone {
		return Window{}
	}
	if tick <= 0 {
		tick = session / 2
	}
	w := Window{Earliest: session * 2 / 3, Latest: session + tick}
	switch {
	case p.Where == WhereLeader:
		w = Window{Earliest: p.SyncLimit - tick/2 + session, Latest: p.SyncLimit + Millis(electionTime) + session + tick}
	case p.Where.amongServers():
		w.Earliest -= tick / 2
	case oneWayBack(p.Kind, p.Direction):
		w.Latest += session * 2 / 3
	}
	return w
}

// electionTime is what an election may take, with the time until the new leader has followers: 0.4 s as a rule, more where servers share few processors.
const electionTime = 2 * time.Second

// oneWayBack reports whether the fault lets the server go on hearing the client.
func oneWayBack(kind Kind, direction Direction) bool {
	return direction == DirectionFromServer && (kind == KindDrop || kind == KindJam)
}

// Conclusive reports whether a cut of the given length is sure to expire a session, and if not, why not and what would: a sentence such as
// "a cut of 1s cannot expire a session of 30s: cut for more than 30.2s (--for session+1s)". It uses the window of [Predict]. [KindNone]
// has nothing to expire and is always conclusive; a kind or a direction that it does not know never is.
func Conclusive(length time.Duration, p Parameters) (ok bool, why string) {
	switch p.Kind {
	case KindNone:
		return true, ""
	case KindDrop, KindJam, KindRefuse, KindReset:
	default:
		return false, fmt.Sprintf("it is not known when a fault of kind %q expires a session", p.Kind)
	}
	switch p.Direction {
	case DirectionBoth, DirectionToServer, DirectionFromServer:
	default:
		return false, fmt.Sprintf("it is not known when a cut in direction %q expires a session", p.Direction)
	}
	if p.Where != "" && (p.Where.About() == "" || p.Where.amongServers() && p.Direction != DirectionBoth) {
		return false, fmt.Sprintf("it is not known when a cut at %q in direction %q expires a session", p.Where, p.Direction)
	}
	session := p.SessionNegotiated.Duration()
	if session <= 0 {
		return false, "the session timeout that the server gave is not known"
	}
	window := Predict(p)
	need := window.Latest.Duration()
	if length > need {
		return true, ""
	}
	verb := "cannot"
	if length >= window.Earliest.Duration() {
		verb = "cannot be relied on to"
	}
	way := ""
	if oneWayBack(p.Kind, p.Direction) {
		way = " while the server still hears the client"
	}
	beyond := (need - session).Truncate(time.Second) + time.Second
	return false, fmt.Sprintf("a cut of %v %s expire a session of %v%s: cut for more than %v (--for session+%v)",
		length.Round(time.Millisecond), verb, session, way, need.Round(time.Millisecond), beyond)
}
