package partition

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A pipe is both ends of Toxiproxy's link for one stream of one connection: Toxiproxy reads from it what the source sends, and writes
// to it what is for the destination.
//
//	source > Read > [ Toxiproxy: noop > gate ] > Write, Close > destination
//
// The gate decides what happens to bytes in general. The pipe adds what a toxic cannot do: it counts; it stops bytes and closes that
// are past the gate when a cut begins, so that after [pipe.settle] nothing crosses; and it passes a reset on as a reset.
type pipe struct {
	conn    *conn
	stream  int // toServer or fromServer; the stream's source has the same number
	offered *atomic.Int64
	passed  *atomic.Int64
	reset   atomic.Bool // the source was reset, so the destination is to be, in turn

	mu sync.Mutex // held while something is done to the destination
}

// source and destination are the sides of the conn that the stream comes from and goes to.
func (p *pipe) source() int      { return p.stream }
func (p *pipe) destination() int { return 1 - p.stream }

// Read takes in what the source sends. Whatever ends the source is io.EOF to Toxiproxy.
func (p *pipe) Read(b []byte) (int, error) {
	select {
	case <-p.conn.doomed:
		return 0, io.EOF
	case <-p.conn.there[p.source()]:
	}
	n, err := p.conn.socket(p.source()).Read(b)
	p.offered.Add(int64(n))
	if err != nil {
		if errors.Is(err, syscall.ECONNRESET) {
			p.reset.Store(true)
		}
		return n, io.EOF
	}
	return n, nil
}

// Write hands b on, or loses what is left of it when the stream drops or the connection is doomed. It waits while the stream is jammed.
// It always claims success: Toxiproxy would otherwise leave the goroutines before it blocked for good.
func (p *pipe) Write(b []byte) (int, error) {
	all := len(b)
	for len(b) > 0 {
		var n int
		open, err := p.act(true, func(dst *net.TCPConn) (err error) {
			n, err = dst.Write(b)
			p.passed.Add(int64(n))
			return err
		})
		b = b[n:]
		if !open {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // the deadline is settle's
			p.unwritable()
			break
		}
	}
	return all, nil
}

// Close ends the stream at the destination as it ended at the source, once the stream passes; then this half of the connection is over.
func (p *pipe) Close() error {
	_, err := p.act(false, func(dst *net.TCPConn) error {
		if p.reset.Load() {
			p.conn.doom(true)
			return nil
		}
		return dst.CloseWrite()
	})
	if err != nil {
		p.unwritable()
	}
	p.conn.closed(p)
	if p.reset.Load() { // too late for the above: unwritable of the other pipe saw this one not closed yet
		p.resetDestination()
	}
	return nil
}

// act does something to the destination as soon as the stream passes and the destination is there. It returns false without doing it
// when the connection is doomed or, if lossy, when the stream drops.
func (p *pipe) act(lossy bool, do func(dst *net.TCPConn) error) (bool, error) {
	for {
		ph := p.conn.owner.valve.now()
		wait := p.conn.there[p.destination()]
		if m := ph.modes[p.stream]; m != modePass {
			if lossy && m == modeDrop {
				return false, nil
			}
			wait = nil
		}
		select {
		case <-p.conn.doomed:
			return false, nil
		case <-ph.over:
			continue
		case <-wait:
		}
		p.mu.Lock()
		if p.conn.owner.valve.now() == ph {
			err := do(p.conn.socket(p.destination()))
			p.mu.Unlock()
			return true, err
		}
		p.mu.Unlock()
	}
}

// settle returns when whatever was being done to the destination is done, and counted. Only a Write takes time, as long as its peer does
// not read, so it gets a deadline that has passed; if its stream still passes it resumes.
func (p *pipe) settle() {
	dst := p.conn.socket(p.destination())
	if dst != nil {
		_ = dst.SetWriteDeadline(time.Unix(1, 0)) // fails on a closed socket, where no Write blocks
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if dst != nil {
		_ = dst.SetWriteDeadline(time.Time{})
	}
}

// unwritable deals with a destination that is gone. The source must learn it as a reset, through the other stream: behind what the
// destination had sent before, and not across a cut.
func (p *pipe) unwritable() {
	back := p.conn.pipes[p.destination()]
	back.reset.Store(true)
	if p.conn.isClosed(back) {
		back.resetDestination()
	}
}

// resetDestination resets the connection once this stream passes.
func (p *pipe) resetDestination() {
	_, _ = p.act(false, func(*net.TCPConn) error {
		p.conn.doom(true)
		return nil
	})
}
