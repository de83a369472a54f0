package zktest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeLimit is how much a direction holds before a writer has to wait: about what a kernel does.
const pipeLimit = 256 << 10

// pipe returns the two ends of a connection in memory. Unlike net.Pipe's it has buffers, so that neither end waits for the other one's reader.
func pipe(n int) (near, far *pipeEnd) {
	there, back := newDirection(), newDirection()
	client, server := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2181}
	near = &pipeEnd{in: back, out: there, local: client, remote: server}
	far = &pipeEnd{in: there, out: back, local: server, remote: client}
	return near, far
}

// direction carries bytes one way.
type direction struct {
	mu      sync.Mutex // guards below
	buf     []byte
	ended   bool          // nothing comes any more
	refused bool          // nobody reads any more
	change  chan struct{} // closed when any of it changes
}

func newDirection() *direction { return &direction{change: make(chan struct{})} }

func (d *direction) changed() {
	close(d.change)
	d.change = make(chan struct{})
}

func (d *direction) end(reader bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if reader {
		d.refused, d.buf = true, nil
	}
	d.ended = true
	d.changed()
}

type pipeEnd struct {
	in, out       *direction
	local, remote net.Addr
	reading       deadline
	writing       deadline
}

func (p *pipeEnd) Read(b []byte) (int, error) {
	for {
		p.in.mu.Lock()
		expired, expires := p.reading.state()
		switch {
		case p.in.refused:
			p.in.mu.Unlock()
			return 0, net.ErrClosed
		case expired:
			p.in.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(p.in.buf) > 0:
			n := copy(b, p.in.buf)
			p.in.buf = p.in.buf[n:]
			p.in.changed()
			p.in.mu.Unlock()
			return n, nil
		case p.in.ended:
			p.in.mu.Unlock()
			return 0, io.EOF
		}
		change := p.in.change
		p.in.mu.Unlock()
		select {
		case <-change:
		case <-expires:
		}
	}
}

func (p *pipeEnd) Write(b []byte) (int, error) {
	written := 0
	for {
		p.out.mu.Lock()
		expired, expires := p.writing.state()
		switch {
		case p.out.refused || p.out.ended:
			p.out.mu.Unlock()
			return written, io.ErrClosedPipe
		case expired:
			p.out.mu.Unlock()
			return written, os.ErrDeadlineExceeded
		}
		if n := min(len(b)-written, pipeLimit-len(p.out.buf)); n > 0 {
			p.out.buf = append(p.out.buf, b[written:written+n]...)
			written += n
			p.out.changed()
		}
		change := p.out.change
		p.out.mu.Unlock()
		if written == len(b) {
			return written, nil
		}
		select {
		case <-change:
		case <-expires:
		}
	}
}

func (p *pipeEnd) Close() error {
	p.in.end(true)
	p.out.end(false)
	p.reading.set(time.Time{})
	p.writing.set(time.Time{})
	return nil
}

func (p *pipeEnd) LocalAddr() net.Addr  { return p.local }
func (p *pipeEnd) RemoteAddr() net.Addr { return p.remote }

func (p *pipeEnd) SetDeadline(t time.Time) error {
	p.reading.set(t)
	p.writing.set(t)
	return nil
}
func (p *pipeEnd) SetReadDeadline(t time.Time) error  { p.reading.set(t); return nil }
func (p *pipeEnd) SetWriteDeadline(t time.Time) error { p.writing.set(t); return nil }

// deadline tells who waits when it has come, and that it was moved. The zero value never comes.
type deadline struct {
	mu    sync.Mutex // guards below
	at    time.Time
	timer *time.Timer
	news  chan struct{} // closed when the deadline comes or moves
}

func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	d.tellLocked()
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.tellLocked()
		})
	}
}

func (d *deadline) tellLocked() {
	if d.news != nil {
		close(d.news)
		d.news = nil
	}
}

// state reports whether the deadline has come, and returns what to wait for.
func (d *deadline) state() (bool, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.news == nil {
		d.news = make(chan struct{})
	}
	return !d.at.IsZero() && !time.Now().Before(d.at), d.news
}
