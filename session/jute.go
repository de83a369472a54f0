package session

import "encoding/binary"

// jute builds a message in ZooKeeper's serialisation.
type jute []byte

func (b *jute) i32(v int32) *jute { *b = binary.BigEndian.AppendUint32(*b, uint32(v)); return b }
func (b *jute) i64(v int64) *jute { *b = binary.BigEndian.AppendUint64(*b, uint64(v)); return b }

func (b *jute) flag(v bool) *jute {
	if v {
		*b = append(*b, 1)
	} else {
		*b = append(*b, 0)
	}
	return b
}

func (b *jute) str(s string) *jute {
	b.i32(int32(len(s)))
	*b = append(*b, s...)
	return b
}

// data writes bytes, which may be none at all.
func (b *jute) data(data []byte) *jute {
	if data == nil {
		return b.i32(-1)
	}
	b.i32(int32(len(data)))
	*b = append(*b, data...)
	return b
}

func (b *jute) acl(acl []ACL) *jute {
	b.i32(int32(len(acl)))
	for _, a := range acl {
		b.i32(a.Perms).str(a.Scheme).str(a.ID)
	}
	return b
}

// reading takes a message apart. What is not there reads as zero, and sets broken.
type reading struct {
	b      []byte
	broken bool
}

func (r *reading) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.broken = nil, true
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reading) i32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reading) i64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reading) flag() bool {
	b := r.take(1)
	return b != nil && b[0] != 0
}

func (r *reading) str() string { return string(r.take(int(r.i32()))) }

// data reads bytes, which share memory with the message.
func (r *reading) data() []byte {
	n := int(r.i32())
	if n == -1 {
		return nil
	}
	return r.take(n)
}

// names reads a list of strings.
func (r *reading) names() []string {
	n := int(r.i32())
	if n < 0 || n > len(r.b)/4 { // each has a length
		r.broken = true
		return nil
	}
	names := make([]string, 0, n)
	for range n {
		names = append(names, r.str())
	}
	return names
}

func (r *reading) stat() Stat {
	return Stat{
		Czxid: r.i64(), Mzxid: r.i64(), Ctime: r.i64(), Mtime: r.i64(), Version: r.i32(), Cversion: r.i32(), Aversion: r.i32(),
		EphemeralOwner: r.i64(), DataLength: r.i32(), NumChildren: r.i32(), Pzxid: r.i64(),
	}
}
