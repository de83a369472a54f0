package partition

import (
	"fmt"
	"sync/atomic"
)

// A Flow counts the bytes of one direction. The zero Flow is no bytes. It is a value, safe to copy.
type Flow struct {
	// Offered is what the proxy took in from the sender. During a cut that can be less than what was sent: once the proxy holds its
	// fill (a megabyte for a jam), the rest waits in the sender's own socket.
	Offered int64 `json:"offered"`
	// Forwarded is what the proxy handed on to the receiver's socket.
	Forwarded int64 `json:"forwarded"`
}

// Traffic counts what happened on a link. The zero Traffic is a silent link. It is a value, safe to copy.
type Traffic struct {
	ToServer   Flow  `json:"to_server"`
	FromServer Flow  `json:"from_server"`
	Opened     int64 `json:"opened"` // connections that the proxy accepted
	Closed     int64 `json:"closed"` // connections that have ended, on both sides
}

// String returns the traffic in one line.
func (t Traffic) String() string {
	return fmt.Sprintf("forwarded %d B to the server and %d B from it, offered %d B and %d B, %d opened, %d closed",
		t.ToServer.Forwarded, t.FromServer.Forwarded, t.ToServer.Offered, t.FromServer.Offered, t.Opened, t.Closed)
}

// Sub returns what happened between u and t.
func (t Traffic) Sub(u Traffic) Traffic {
	return Traffic{
		ToServer:   Flow{t.ToServer.Offered - u.ToServer.Offered, t.ToServer.Forwarded - u.ToServer.Forwarded},
		FromServer: Flow{t.FromServer.Offered - u.FromServer.Offered, t.FromServer.Forwarded - u.FromServer.Forwarded},
		Opened:     t.Opened - u.Opened,
		Closed:     t.Closed - u.Closed,
	}
}

// counters is a Traffic that many goroutines add to.
type counters struct {
	streams        [2]struct{ offered, forwarded atomic.Int64 }
	opened, closed atomic.Int64
}

// read returns the counts so far. What was forwarded is read first, so that it is never more than what was offered.
func (c *counters) read() Traffic {
	var t Traffic
	for i, f := range []*Flow{toServer: &t.ToServer, fromServer: &t.FromServer} {
		f.Forwarded = c.streams[i].forwarded.Load()
		f.Offered = c.streams[i].offered.Load()
	}
	t.Closed = c.closed.Load()
	t.Opened = c.opened.Load()
	return t
}
