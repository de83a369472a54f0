package zktest_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The client of the differential test: ZooKeeper's protocol as its own documentation describes it, and nothing of the server's code, so that the two cannot
// share a mistake.

// patience bounds a wait for an answer. It bounds hangs and measures nothing.
const patience = 20 * time.Second

// An encoder builds a message in ZooKeeper's serialisation.
type encoder []byte

func (e encoder) int(v int32) encoder  { return binary.BigEndian.AppendUint32(e, uint32(v)) }
func (e encoder) long(v int64) encoder { return binary.BigEndian.AppendUint64(e, uint64(v)) }

func (e encoder) bool(v bool) encoder {
	if v {
		return append(e, 1)
	}
	return append(e, 0)
}

func (e encoder) text(s string) encoder { return append(e.int(int32(len(s))), s...) }

// data writes a buffer. Nil is written as the protocol's null, which is not the empty buffer.
func (e encoder) data(b []byte) encoder {
	if b == nil {
		return e.int(-1)
	}
	return append(e.int(int32(len(b))), b...)
}

func (e encoder) texts(list []string) encoder {
	e = e.int(int32(len(list)))
	for _, s := range list {
		e = e.text(s)
	}
	return e
}

// A decoder takes a message apart. What is not there reads as zero, and sets short.
type decoder struct {
	b     []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.b, d.short = nil, true
		return make([]byte, max(0, min(n, 16)))
	}
	head := d.b[:n]
	d.b = d.b[n:]
	return head
}

func (d *decoder) int() int32  { return int32(binary.BigEndian.Uint32(d.take(4))) }
func (d *decoder) long() int64 { return int64(binary.BigEndian.Uint64(d.take(8))) }
func (d *decoder) bool() bool  { return d.take(1)[0] != 0 }

// data reads a buffer, nil for the protocol's null.
func (d *decoder) data() []byte {
	n := d.int()
	if n == -1 {
		return nil
	}
	return append([]byte{}, d.take(int(n))...)
}

// text reads a string, and shows a null one as such.
func (d *decoder) text() string {
	b := d.data()
	if b == nil {
		return "null"
	}
	return string(b)
}

// A link is one connection of the client to one server.
type link struct {
	conn net.Conn
	in   *bufio.Reader
}

// A granted session is what a server answers to a connect.
type granted struct {
	protocol, timeout int32
	session           int64
	password          []byte
	readOnly          bool
	rest              []byte
}

// A wish is what a client asks for when it connects.
type wish struct {
	seen     int64 // The last zxid that it has seen.
	timeout  int32 // In milliseconds.
	session  int64
	password []byte
}

// connect dials a server and opens or resumes a session. When the server closes the connection without an answer the error is io.EOF.
func connect(addr string, w wish) (*link, granted, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, granted{}, err
	}
	l := &link{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	body := encoder{}.int(0).long(w.seen).int(w.timeout).long(w.session).data(w.password).bool(false)
	if err := l.send(body); err != nil {
		conn.Close()
		return nil, granted{}, err
	}
	b, err := l.receive()
	if err != nil {
		conn.Close()
		return nil, granted{}, err
	}
	d := decoder{b: b}
	g := granted{protocol: d.int(), timeout: d.int(), session: d.long(), password: d.data(), readOnly: d.bool(), rest: d.b}
	if d.short {
		conn.Close()
		return nil, granted{}, fmt.Errorf("a short answer to a connect: %x", b)
	}
	return l, g, nil
}

// frame returns a message with its length in front, as it goes over the wire.
func frame(body encoder) []byte { return append(encoder{}.int(int32(len(body))), body...) }

func (l *link) send(bodies ...encoder) error {
	var packet []byte
	for _, b := range bodies {
		packet = append(packet, frame(b)...)
	}
	_, err := l.conn.Write(packet)
	return err
}

// receive returns the next message without its length, or io.EOF when the server has closed the connection.
func (l *link) receive() ([]byte, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return nil, asEOF(err)
	}
	n := int32(binary.BigEndian.Uint32(head[:]))
	if n < 0 || n > 64<<20 {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(l.in, b); err != nil {
		return nil, asEOF(err)
	}
	return b, nil
}

// asEOF makes one of all the ways in which a connection ends: whether its end comes as a FIN or as an RST is the operating system's doing.
func asEOF(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("no answer in %v: %w", patience, err)
	}
	return io.EOF
}

// finish tells the server that nothing more will come. The connection stays open until the server closes it.
func (l *link) finish() error { return l.conn.(*net.TCPConn).CloseWrite() }
