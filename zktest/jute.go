package zktest

import "encoding/binary"

// output builds a message in jute, ZooKeeper's serialisation: big-endian integers, strings and lists with their length before them.
type output []byte

func (o *output) i32(v int32) { *o = binary.BigEndian.AppendUint32(*o, uint32(v)) }
func (o *output) i64(v int64) { *o = binary.BigEndian.AppendUint64(*o, uint64(v)) }

func (o *output) flag(v bool) {
	if v {
		*o = append(*o, 1)
	} else {
		*o = append(*o, 0)
	}
}

func (o *output) str(s string) {
	o.i32(int32(len(s)))
	*o = append(*o, s...)
}

// data writes a buffer. Nil, which is not the same as empty, has the length -1.
func (o *output) data(b []byte) {
	if b == nil {
		o.i32(-1)
		return
	}
	o.i32(int32(len(b)))
	*o = append(*o, b...)
}

func (o *output) names(list []string) {
	o.i32(int32(len(list)))
	for _, s := range list {
		o.str(s)
	}
}

func (o *output) acl(list []acl) {
	o.i32(int32(len(list)))
	for _, a := range list {
		o.i32(a.perms)
		o.str(a.scheme)
		o.str(a.id)
	}
}

func (o *output) stat(s stat) {
	o.i64(s.czxid)
	o.i64(s.mzxid)
	o.i64(s.ctime)
	o.i64(s.mtime)
	o.i32(s.version)
	o.i32(s.cversion)
	o.i32(s.aversion)
	o.i64(s.owner)
	o.i32(s.dataLength)
	o.i32(s.numChildren)
	o.i64(s.pzxid)
}

// input takes a message apart. What is not there reads as zero and sets broken; it never allocates more than the message is long.
type input struct {
	b      []byte
	broken bool
}

func (in *input) take(n int) []byte {
	if n < 0 || n > len(in.b) {
		in.b, in.broken = nil, true
		return nil
	}
	head := in.b[:n:n]
	in.b = in.b[n:]
	return head
}

func (in *input) i32() int32 {
	if b := in.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (in *input) i64() int64 {
	if b := in.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (in *input) flag() bool {
	b := in.take(1)
	return b != nil && b[0] != 0
}

// data reads a buffer: nil if its length is -1.
func (in *input) data() []byte {
	n := in.i32()
	if n == -1 {
		return nil
	}
	return in.take(int(n))
}

func (in *input) str() string { return string(in.data()) }

// count reads the length of a list whose elements take at least size bytes each.
func (in *input) count(size int) int {
	n := in.i32()
	if n == -1 {
		return 0
	}
	if n < 0 || int(n) > len(in.b)/size {
		in.b, in.broken = nil, true
		return 0
	}
	return int(n)
}

func (in *input) names() []string {
	list := make([]string, in.count(4))
	for i := range list {
		list[i] = in.str()
	}
	return list
}

func (in *input) acl() []acl {
	list := make([]acl, in.count(12))
	for i := range list {
		list[i] = acl{perms: in.i32(), identity: identity{scheme: in.str(), id: in.str()}}
	}
	return list
}
