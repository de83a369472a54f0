package session

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Frames that are not requests of go-zookeeper's.
const (
	xidWatch = -1
	xidPing  = -2
	xidAuth  = -4
	xidOwn   = -1000 // and below: requests of this package's own, whose replies go-zookeeper does not see
)

// Opcodes that the wire has to know.
const (
	opCreate       = 1
	opDelete       = 2
	opGetData      = 4
	opSetData      = 5
	opGetChildren2 = 12
	opCheck        = 13
	opMulti        = 14
	opCreate2      = 15
	opSetWatches   = 101
	opSetAuth      = 100
	opCloseSession = -11
	opError        = -1 // In the reply to a multi.
)

// writeOps are the opcodes that only a quorum can acknowledge.
var writeOps = map[int32]bool{
	1: true, 2: true, 5: true, 7: true, 14: true, 15: true, 16: true, 19: true, 21: true,
}

// maxFrame bounds what a server may announce, so that a broken one cannot make the client allocate at will.
const maxFrame = 64 << 20

var errFrame = errors.New("session: the server sent a frame that no server sends")

// observer is told what passes a wire. Its methods are called one at a time per direction.
type observer interface {
	sentConnect(w *wire)
	granted(w *wire, timeout time.Duration, id int64) (restores bool)
	sent(w *wire, xid, op int32)
	answered(w *wire, xid, code int32, zxid int64, reply []byte)
	authRefused(w *wire)
	newestZxid() int64
}

// A wire is one TCP connection, as go-zookeeper uses it, observed frame by frame. It adds what that client lacks: an absolute bound for the
// handshake, the negotiated timeout, credentials that are presented before anything else, the send time of what was acknowledged, and a way for requests that do not
// go through that client.
//
// go-zookeeper writes each frame with one Write, and reads with ReadFull from one goroutine at a time.
type wire struct {
	net.Conn
	obs  observer
	auth []Auth

	handshakeBy time.Time // bound of the handshake
	opened      chan struct{}
	openOnce    sync.Once

	// used by the reading goroutine only
	buffered *bufio.Reader
	in       []byte // rest of a frame that is handed out
	head     [4]byte

	mu           sync.Mutex // guards below, and orders writes
	wroteConnect bool
	restoring    bool // watches are to be set before anything else
	waiting      [][]byte
}

func newWire(conn net.Conn, obs observer, auth []Auth, handshake time.Duration) *wire {
	w := &wire{Conn: conn, obs: obs, auth: auth, handshakeBy: time.Now().Add(handshake), opened: make(chan struct{}), buffered: bufio.NewReader(conn)}
	_ = conn.SetDeadline(w.handshakeBy) // a connection that cannot take a deadline fails at its first use
	return w
}

func (w *wire) handshaking() bool {
	select {
	case <-w.opened:
		return false
	default:
		return true
	}
}

// SetReadDeadline keeps the bound of the handshake, which go-zookeeper would set to 6.7 session timeouts, and to none for the body.
func (w *wire) SetReadDeadline(t time.Time) error {
	if w.handshaking() {
		t = w.handshakeBy
	} else if t.IsZero() {
		return nil // go-zookeeper sets one before each read; taking it off in between is work for nothing
	}
	return w.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is the same for writes.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.handshaking() {
		t = w.handshakeBy
	} else if t.IsZero() {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

// Write sends one frame. It never fails: what cannot be sent breaks the connection, and the reading side finds that. go-zookeeper answers a
// request whose write failed twice or three times, into a channel that has room for one or two, and may then stand still for ever.
//
// On a connection that follows another one, frames wait until the watches are set again. go-zookeeper lets them overtake, while another of its goroutines
// still reads the newest zxid that it is to tell the server, and that the first reply overwrites.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.wroteConnect {
		w.wroteConnect = true
		w.obs.sentConnect(w)
		// A server that lags behind what this client has seen refuses it. go-zookeeper knows of its own requests only.
		if z := w.obs.newestZxid(); len(p) >= 16 && z > int64(binary.BigEndian.Uint64(p[8:])) {
			binary.BigEndian.PutUint64(p[8:], uint64(z))
		}
		w.sendLocked(p)
		return len(p), nil
	}
	if w.restoring && len(p) >= 12 {
		switch int32(binary.BigEndian.Uint32(p[8:])) {
		case opSetWatches:
			w.frameLocked(p)
			w.restoredLocked()
			return len(p), nil
		case opCloseSession:
			w.restoredLocked()
		default:
			w.waiting = append(w.waiting, bytes.Clone(p))
			return len(p), nil
		}
	}
	w.frameLocked(p)
	return len(p), nil
}

// settled reports whether nothing waits for watches.
func (w *wire) settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.restoring
}

// restored lets go what waits for watches, in case there are none to set after all.
func (w *wire) restored() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.restoredLocked()
}

func (w *wire) restoredLocked() {
	for _, p := range w.waiting {
		w.frameLocked(p)
	}
	w.restoring, w.waiting = false, nil
}

// frameLocked sends a request. It is told of before its bytes leave: a send time may be early, never late.
func (w *wire) frameLocked(p []byte) {
	if len(p) < 12 {
		w.sendLocked(p)
		return
	}
	w.obs.sent(w, int32(binary.BigEndian.Uint32(p[4:])), int32(binary.BigEndian.Uint32(p[8:])))
	w.sendLocked(p)
}

func (w *wire) sendLocked(p []byte) {
	if _, err := w.Conn.Write(p); err != nil {
		_ = w.Close()
	}
}

func (w *wire) Read(p []byte) (int, error) {
	for len(w.in) == 0 {
		frame, err := w.readFrame()
		if err != nil {
			return 0, err
		}
		if w.observe(frame[4:]) {
			w.in = frame
		}
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

// readFrame returns the next frame with its length prefix.
func (w *wire) readFrame() ([]byte, error) {
	if _, err := io.ReadFull(w.buffered, w.head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(w.head[:])
	if n > maxFrame || n < 16 {
		// The smallest real frame is a bare reply header of 16 bytes. go-zookeeper would panic on less.
		return nil, fmt.Errorf("%w: %d bytes", errFrame, n)
	}
	frame := make([]byte, 4+n)
	copy(frame, w.head[:])
	_, err := io.ReadFull(w.buffered, frame[4:])
	return frame, err
}

// observe reports what a frame says and whether go-zookeeper is to see it.
func (w *wire) observe(body []byte) (pass bool) {
	if w.handshaking() {
		w.granted(body)
		return true
	}
	xid := int32(binary.BigEndian.Uint32(body))
	code := int32(binary.BigEndian.Uint32(body[12:]))
	if xid == xidAuth {
		if code != 0 {
			w.obs.authRefused(w)
		}
		return false
	}
	w.obs.answered(w, xid, code, int64(binary.BigEndian.Uint64(body[4:])), body[16:])
	return xid > xidOwn
}

// granted reads a ConnectResponse: protocol version, timeout in ms, session id, password.
func (w *wire) granted(body []byte) {
	timeout := time.Duration(int32(binary.BigEndian.Uint32(body[4:]))) * time.Millisecond
	id := int64(binary.BigEndian.Uint64(body[8:]))
	restores := w.obs.granted(w, timeout, id)
	w.mu.Lock()
	defer w.mu.Unlock()
	if id != 0 {
		w.presentCredentialsLocked()
	}
	w.restoring = restores
	w.openOnce.Do(func() { close(w.opened) })
	_ = w.SetDeadline(time.Time{})
}

// presentCredentialsLocked sends every set of credentials before go-zookeeper can send a request. That client would do it itself, but a connection that
// breaks while it does stops it for ever (go-zookeeper/zk#163).
func (w *wire) presentCredentialsLocked() {
	for _, a := range w.auth {
		b := make([]byte, 4, 28+len(a.Scheme)+len(a.Data))
		b = binary.BigEndian.AppendUint32(b, uint32(0xffffffff&int64(xidAuth)))
		b = binary.BigEndian.AppendUint32(b, opSetAuth)
		b = binary.BigEndian.AppendUint32(b, 0)
		b = binary.BigEndian.AppendUint32(b, uint32(len(a.Scheme)))
		b = append(b, a.Scheme...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(a.Data)))
		b = append(b, a.Data...)
		binary.BigEndian.PutUint32(b, uint32(len(b)-4))
		w.sendLocked(b)
	}
}
