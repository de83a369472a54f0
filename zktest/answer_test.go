package zktest_test

import (
	"fmt"
	"strings"
)

// Everything that a connection receives, in a form that can be compared and printed.

// A kind says how the values of a field compare.
type kind int

const (
	number   kind = iota
	code          // An error.
	zxid          // Of a transaction.
	moment        // A wall-clock time.
	owner         // An ephemeralOwner: a session's id, or a kind of node.
	text          // A path, bytes of data.
	nameSet       // Names whose order means nothing.
	entries       // ACLs, whose order means something.
	userSet       // Identities of a client.
	leftover      // Bytes after the end of the message, or too few of them.
)

// A field is one value of an answer.
type field struct {
	name string
	kind kind
	num  int64
	text string
	list []string
}

func (f field) String() string {
	switch f.kind {
	case zxid, owner:
		if f.text != "" {
			return f.name + "=" + f.text
		}
		return fmt.Sprintf("%s=%#x", f.name, uint64(f.num))
	case text, leftover:
		return fmt.Sprintf("%s=%q", f.name, f.text)
	case nameSet, entries, userSet:
		return fmt.Sprintf("%s=%q", f.name, f.list)
	case number, code, moment:
		if f.text != "" {
			return f.name + "=" + f.text
		}
	}
	return fmt.Sprintf("%s=%d", f.name, f.num)
}

// An answer is one thing that a connection received: the reply to a call, a watch event, the answer to a connect, or its end.
type answer struct {
	what   string // reply, event, session, closed
	call   *call  // What a reply answers.
	fields []field
}

const (
	reply   = "reply"
	event   = "event"
	opened  = "session"
	closed  = "closed"
	nothing = "silence" // No answer in the time that a test waits.
)

func (a answer) String() string {
	var b strings.Builder
	b.WriteString(a.what)
	for _, f := range a.fields {
		b.WriteByte(' ')
		b.WriteString(f.String())
	}
	return b.String()
}

// get returns the first field of that name.
func (a answer) get(name string) *field {
	for i := range a.fields {
		if a.fields[i].name == name {
			return &a.fields[i]
		}
	}
	return nil
}

// failed returns the code of a reply's error, 0 if it has none.
func (a answer) failed() int64 {
	if f := a.get("err"); f != nil {
		return f.num
	}
	return 0
}

// newAnswer takes apart what a connection received. next is the oldest call that waits for its reply, nil if none does.
func newAnswer(b []byte, next *call) answer {
	d := &decoder{b: b}
	xid, at, err := d.int(), d.long(), d.int()
	head := []field{{name: "xid", num: int64(xid)}, {name: "zxid", kind: zxid, num: at}, {name: "err", kind: code, num: int64(err)}}
	a := answer{what: reply, call: next, fields: head}
	switch {
	case xid == xidEvent:
		a.what, a.call = event, nil
		a.add(field{name: "type", num: int64(d.int())}, field{name: "state", num: int64(d.int())}, field{name: "path", kind: text, text: d.text()})
	case next != nil && (err == 0 || len(d.b) > 0):
		a.body(d, next.op)
	}
	if d.short || len(d.b) > 0 {
		a.add(field{name: "leftover", kind: leftover, text: fmt.Sprintf("%x short=%v", d.b, d.short)})
	}
	return a
}

func (a *answer) add(f ...field) { a.fields = append(a.fields, f...) }

// body reads what a reply to that kind of call has after its header.
func (a *answer) body(d *decoder, op int32) {
	switch op {
	case opCreate, opSync:
		a.add(field{name: "path", kind: text, text: d.text()})
	case opCreate2, opCreateContainer, opCreateTTL:
		a.add(field{name: "path", kind: text, text: d.text()})
		a.stat(d)
	case opExists, opSetData, opSetACL:
		a.stat(d)
	case opCheck:
		if len(d.b) > 0 {
			a.stat(d)
		}
	case opGetData:
		a.data(d)
		a.stat(d)
	case opGetACL:
		a.acl(d)
		a.stat(d)
	case opGetChildren, opGetEphemerals:
		a.names(d)
	case opGetChildren2:
		a.names(d)
		a.stat(d)
	case opGetAllChildrenNumber, opAddWatch:
		a.add(field{name: "n", num: int64(d.int())})
	case opWhoAmI:
		list := []string{}
		for range d.int() {
			if d.short {
				break
			}
			list = append(list, d.text()+":"+d.text())
		}
		a.add(field{name: "users", kind: userSet, list: list})
	case opMulti, opMultiRead:
		a.results(d)
	}
}

// results reads the answers of a multi, of which each has a header of its own.
func (a *answer) results(d *decoder) {
	for !d.short {
		op, done, err := d.int(), d.bool(), d.int()
		a.add(field{name: "op", num: int64(op)}, field{name: "result", kind: code, num: int64(err)})
		switch {
		case done:
			a.add(field{name: "done", num: 1})
			return
		case op == -1:
			a.add(field{name: "code", kind: code, num: int64(d.int())})
		case op != opDelete && op != opCheck:
			a.body(d, op)
		}
	}
}

func (a *answer) stat(d *decoder) {
	a.add(
		field{name: "czxid", kind: zxid, num: d.long()}, field{name: "mzxid", kind: zxid, num: d.long()},
		field{name: "ctime", kind: moment, num: d.long()}, field{name: "mtime", kind: moment, num: d.long()},
		field{name: "version", num: int64(d.int())}, field{name: "cversion", num: int64(d.int())}, field{name: "aversion", num: int64(d.int())},
		field{name: "owner", kind: owner, num: d.long()}, field{name: "dataLength", num: int64(d.int())}, field{name: "children", num: int64(d.int())},
		field{name: "pzxid", kind: zxid, num: d.long()})
}

// data shows null apart from the empty buffer.
func (a *answer) data(d *decoder) {
	b := d.data()
	f := field{name: "data", kind: text, text: string(b)}
	if b == nil {
		f.text = "(null)"
	}
	a.add(f)
}

func (a *answer) names(d *decoder) {
	list := []string{}
	for range d.int() {
		if d.short {
			break
		}
		list = append(list, d.text())
	}
	a.add(field{name: "names", kind: nameSet, list: list})
}

func (a *answer) acl(d *decoder) {
	list := []string{}
	for range d.int() {
		if d.short {
			break
		}
		list = append(list, fmt.Sprintf("%02d %s:%s", d.int(), d.text(), d.text()))
	}
	a.add(field{name: "acl", kind: entries, list: list})
}
