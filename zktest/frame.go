package zktest

import (
	"encoding/binary"
	"errors"
	"io"
)

var errFrame = errors.New("zktest: a frame of a length that no client sends")

// readFrame returns the next message. It refuses a length above limit before it reads on, and allocates as the bytes arrive: a claim costs nothing.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	return readBody(r, head, limit)
}

func readBody(r io.Reader, head [4]byte, limit int) ([]byte, error) {
	n := int64(int32(binary.BigEndian.Uint32(head[:])))
	if n < 0 || n > int64(limit) {
		return nil, errFrame
	}
	const chunk = 4096
	frame := make([]byte, 0, min(n, chunk))
	for int64(len(frame)) < n {
		have := len(frame)
		more := min(int(n)-have, max(have, chunk))
		frame = append(frame, make([]byte, more)...)
		if _, err := io.ReadFull(r, frame[have:]); err != nil {
			return nil, err
		}
	}
	return frame, nil
}

// framed fills in the length, for which the first four bytes are left.
func (o *output) framed() []byte {
	binary.BigEndian.PutUint32(*o, uint32(len(*o)-4))
	return *o
}

// reply begins the answer to a request; the length, the zxid and the code are filled in by seal.
func reply(xid int32) output {
	o := make(output, 0, 128)
	o.i32(0)
	o.i32(xid)
	o.i64(0)
	o.i32(0)
	return o
}

const replyHead = 20

// seal ends what reply began. An answer that is an error has no body.
func (o *output) seal(zxid int64, code Code) []byte {
	if code != CodeOK {
		*o = (*o)[:replyHead]
	}
	binary.BigEndian.PutUint64((*o)[8:], uint64(zxid))
	binary.BigEndian.PutUint32((*o)[16:], uint32(code))
	return o.framed()
}
