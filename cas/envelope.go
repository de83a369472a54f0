package cas

import (
	"encoding/binary"
	"errors"
)

// An envelope is what a node's data consists of: a header, and the value as it was encoded.
//
//	magic     4 bytes  9c 'c' 'a' 's'
//	version   1 byte   1
//	flags     1 byte   1: there is a value; 2: a lock has precedence
//	number    uvarint  how often a value was written
//	floor     uvarint  the greatest number that was pushed out of the traces
//	traces    uvarint  how many, and for each of them, the newest first:
//	          8 bytes  the client, big endian
//	          uvarint  its operation
//	          uvarint  how many writes ago, seen from the trace before, or from number
//	lock      uvarint  the length of its name, and the name: only with flag 2
//	value     the rest
type envelope struct {
	number  uint64
	floor   uint64
	traces  []trace
	lock    string // the directory of the lock whose holder alone may write; "" for none
	present bool
	value   []byte
}

// A trace says that write number was operation op of a client. Of each client only the newest is kept.
type trace struct {
	client, op, number uint64
}

const (
	magic         = "\x9ccas"
	formatVersion = 1

	flagPresent = 1
	flagLocked  = 2
)

var (
	errNotOurs  = errors.New("cas: the data were not written by this package")
	errNewer    = errors.New("cas: the data were written by a newer version of this package")
	errTooShort = errors.New("cas: the data end in the middle")
)

// encode returns the data of a node.
func (e *envelope) encode() []byte {
	b := make([]byte, 0, len(magic)+2+3*binary.MaxVarintLen32+len(e.traces)*16+len(e.lock)+len(e.value)+8)
	b = append(b, magic...)
	var flags byte
	if e.present {
		flags |= flagPresent
	}
	if e.lock != "" {
		flags |= flagLocked
	}
	b = append(b, formatVersion, flags)
	b = binary.AppendUvarint(b, e.number)
	b = binary.AppendUvarint(b, e.floor)
	b = binary.AppendUvarint(b, uint64(len(e.traces)))
	from := e.number
	for _, t := range e.traces {
		b = binary.BigEndian.AppendUint64(b, t.client)
		b = binary.AppendUvarint(b, t.op)
		b = binary.AppendUvarint(b, from-t.number)
		from = t.number
	}
	if e.lock != "" {
		b = binary.AppendUvarint(b, uint64(len(e.lock)))
		b = append(b, e.lock...)
	}
	return append(b, e.value...)
}

// decode reads the data of a node. No data at all are an envelope without a value, as somebody may have made the node by hand. The value shares memory with data.
func decode(data []byte) (envelope, error) {
	if len(data) == 0 {
		return envelope{}, nil
	}
	if len(data) < len(magic)+2 || string(data[:len(magic)]) != magic {
		return envelope{}, errNotOurs
	}
	if data[len(magic)] != formatVersion {
		return envelope{}, errNewer
	}
	flags := data[len(magic)+1]
	in := input{b: data[len(magic)+2:]}
	e := envelope{present: flags&flagPresent != 0, number: in.uvarint(), floor: in.uvarint()}
	n := in.uvarint()
	if n > uint64(len(in.b))/10 { // the least that a trace takes
		return envelope{}, errTooShort
	}
	e.traces = make([]trace, n)
	from := e.number
	for i := range e.traces {
		t := trace{client: in.uint64(), op: in.uvarint()}
		back := in.uvarint()
		if back > from || i > 0 && back == 0 { // numbers fall, from one trace to the next
			return envelope{}, errNotOurs
		}
		t.number = from - back
		from, e.traces[i] = t.number, t
	}
	if flags&flagLocked != 0 {
		e.lock = string(in.take(in.uvarint()))
	}
	if in.short {
		return envelope{}, errTooShort
	}
	e.value = in.b
	return e, nil
}

// input reads from data until they end.
type input struct {
	b     []byte
	short bool
}

func (in *input) uvarint() uint64 {
	v, n := binary.Uvarint(in.b)
	if n <= 0 {
		in.b, in.short = nil, true
		return 0
	}
	in.b = in.b[n:]
	return v
}

func (in *input) take(n uint64) []byte {
	if n > uint64(len(in.b)) {
		in.b, in.short = nil, true
		return nil
	}
	taken := in.b[:n]
	in.b = in.b[n:]
	return taken
}

func (in *input) uint64() uint64 {
	b := in.take(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
