package httpfence

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// grace is how long a handler that was told to stop may still write to its client.
const grace = time.Second

// A line is the connection of a request to its client, which may be hung up on. It is interrupted once, or not at all, and then restored.
type line struct {
	w    http.ResponseWriter
	r    *http.Request // as it came
	body body

	interrupted, deaf bool // set by interrupt, and read by restore when that is over
}

// A body knows whether there is more to be read.
type body struct {
	io.ReadCloser
	ended atomic.Bool
}

// Read reads on.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ended.Store(true)
	}
	return n, err
}

// interrupt ends waiting for the client: at once for the rest of its request, and after a while for its taking the answer. Where no deadlines can be set, the context has to
// do. A request that is all there is not touched, as the server listens for the end of the connection then, and would take the deadline for that.
func (l *line) interrupt() {
	c := http.NewResponseController(l.w)
	l.interrupted = true
	if l.deaf = l.r.ContentLength != 0 && !l.body.ended.Load(); l.deaf {
		_ = c.SetReadDeadline(time.Unix(1, 0))
	}
	_ = c.SetWriteDeadline(time.Now().Add(grace))
}

// restore makes the connection fit for its next request, or lets it have none, after the handler has returned.
func (l *line) restore() {
	if !l.interrupted {
		return
	}
	if l.deaf && l.r.ProtoMajor == 1 {
		l.w.Header().Set("Connection", "close")
	}
	var deadline time.Time
	if s, ok := l.r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		deadline = time.Now().Add(s.WriteTimeout) // without one the server does not touch what is set
	}
	_ = http.NewResponseController(l.w).SetWriteDeadline(deadline)
}
