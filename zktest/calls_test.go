package zktest_test

import (
	"fmt"
	"strings"
)

// The opcodes, written down a second time from the protocol and not taken from zktest.
const (
	opCreate               int32 = 1
	opDelete               int32 = 2
	opExists               int32 = 3
	opGetData              int32 = 4
	opSetData              int32 = 5
	opGetACL               int32 = 6
	opSetACL               int32 = 7
	opGetChildren          int32 = 8
	opSync                 int32 = 9
	opPing                 int32 = 11
	opGetChildren2         int32 = 12
	opCheck                int32 = 13
	opMulti                int32 = 14
	opCreate2              int32 = 15
	opReconfig             int32 = 16
	opCheckWatches         int32 = 17
	opRemoveWatches        int32 = 18
	opCreateContainer      int32 = 19
	opDeleteContainer      int32 = 20
	opCreateTTL            int32 = 21
	opMultiRead            int32 = 22
	opAuth                 int32 = 100
	opSetWatches           int32 = 101
	opGetEphemerals        int32 = 103
	opGetAllChildrenNumber int32 = 104
	opSetWatches2          int32 = 105
	opAddWatch             int32 = 106
	opWhoAmI               int32 = 107
	opCloseSession         int32 = -11
)

const (
	xidEvent = -1
	xidPing  = -2
	xidAuth  = -4
)

// Flags of a create.
const (
	persistent           int32 = 0
	ephemeral            int32 = 1
	sequential           int32 = 2
	ephemeralSequential  int32 = 3
	container            int32 = 4
	persistentTTL        int32 = 5
	persistentSequentTTL int32 = 6
)

// Errors that the test itself has to know.
const (
	codeNoNode = -101
	codeNoAuth = -102
)

// A call is one request: its operation, its bytes without the header, and what is printed of it.
type call struct {
	op   int32
	xid  int32
	body encoder
	args string
	path string // The node that it is about, if it is one.
	// flags are those of a create.
	flags int32
	parts []call // Of a multi.
}

func (c call) String() string { return fmt.Sprintf("%s(%s)", opName(c.op), c.args) }

// message returns the call as it is sent.
func (c call) message() encoder {
	return append(encoder{}.int(c.xid).int(c.op), c.body...)
}

// changes reports whether the call is a write.
func (c call) changes() bool {
	switch c.op {
	case opCreate, opDelete, opSetData, opSetACL, opCheck, opMulti, opCreate2, opReconfig, opCreateContainer, opDeleteContainer, opCreateTTL:
		return true
	default:
		return false
	}
}

// An acl is a list of who may do what.
type acl []permission

type permission struct {
	perms      int32
	scheme, id string
}

func (a acl) String() string {
	var list []string
	for _, p := range a {
		list = append(list, fmt.Sprintf("%d %s:%s", p.perms, p.scheme, p.id))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (e encoder) acl(a acl) encoder {
	e = e.int(int32(len(a)))
	for _, p := range a {
		e = e.int(p.perms).text(p.scheme).text(p.id)
	}
	return e
}

func callCreate(op int32, path string, data []byte, a acl, flags int32, ttl int64) call {
	c := call{op: op, path: path, flags: flags, body: encoder{}.text(path).data(data).acl(a).int(flags), args: fmt.Sprintf("%q, %s, %v, flags %d", path, brief(data), a, flags)}
	if op == opCreateTTL {
		c.body = c.body.long(ttl)
		c.args += fmt.Sprintf(", ttl %d", ttl)
	}
	return c
}

// callPath is a call of a path and nothing else.
func callPath(op int32, path string) call {
	return call{op: op, path: path, body: encoder{}.text(path), args: fmt.Sprintf("%q", path)}
}

func callWatch(op int32, path string, watch bool) call {
	return call{op: op, path: path, body: encoder{}.text(path).bool(watch), args: fmt.Sprintf("%q, watch %v", path, watch)}
}

// callVersion is a delete or a check.
func callVersion(op int32, path string, version int32) call {
	return call{op: op, path: path, body: encoder{}.text(path).int(version), args: fmt.Sprintf("%q, version %d", path, version)}
}

func callSetData(path string, data []byte, version int32) call {
	return call{op: opSetData, path: path, body: encoder{}.text(path).data(data).int(version), args: fmt.Sprintf("%q, %s, version %d", path, brief(data), version)}
}

func callSetACL(path string, a acl, version int32) call {
	return call{op: opSetACL, path: path, body: encoder{}.text(path).acl(a).int(version), args: fmt.Sprintf("%q, %v, version %d", path, a, version)}
}

// callMode is an addWatch, a checkWatches or a removeWatches.
func callMode(op int32, path string, mode int32) call {
	return call{op: op, path: path, body: encoder{}.text(path).int(mode), args: fmt.Sprintf("%q, mode %d", path, mode)}
}

// callSetWatches re-establishes watches: lists of data, exist, child, persistent and recursive ones, of which setWatches has the first three.
func callSetWatches(op int32, seen int64, lists [5][]string) call {
	c := call{op: op, body: encoder{}.long(seen), args: fmt.Sprintf("%#x, %q", seen, lists)}
	n := 5
	if op == opSetWatches {
		n = 3
	}
	for _, list := range lists[:n] {
		c.body = c.body.texts(list)
	}
	return c
}

// callMulti is a multi or a multiRead of the parts.
func callMulti(op int32, parts []call) call {
	c := call{op: op, parts: parts, args: fmt.Sprint(parts)}
	for _, p := range parts {
		c.body = append(c.body.int(p.op).bool(false).int(-1), p.body...)
	}
	c.body = c.body.int(-1).bool(true).int(-1)
	return c
}

func callAuth(scheme, id string) call {
	return call{op: opAuth, xid: xidAuth, body: encoder{}.int(0).text(scheme).data([]byte(id)), args: scheme + ", " + id}
}

func brief(data []byte) string {
	switch {
	case data == nil:
		return "null"
	case len(data) > 12:
		return fmt.Sprintf("%d bytes", len(data))
	default:
		return fmt.Sprintf("%q", data)
	}
}

func opName(op int32) string {
	names := map[int32]string{
		opCreate: "create", opDelete: "delete", opExists: "exists", opGetData: "getData", opSetData: "setData", opGetACL: "getACL", opSetACL: "setACL",
		opGetChildren: "getChildren", opSync: "sync", opPing: "ping", opGetChildren2: "getChildren2", opCheck: "check", opMulti: "multi", opCreate2: "create2",
		opReconfig: "reconfig", opCheckWatches: "checkWatches", opRemoveWatches: "removeWatches", opCreateContainer: "createContainer", opCreateTTL: "createTTL",
		opDeleteContainer: "deleteContainer", opMultiRead: "multiRead", opAuth: "auth", opSetWatches: "setWatches", opGetEphemerals: "getEphemerals",
		opGetAllChildrenNumber: "getAllChildrenNumber", opSetWatches2: "setWatches2", opAddWatch: "addWatch", opWhoAmI: "whoAmI", opCloseSession: "closeSession",
	}
	if name, ok := names[op]; ok {
		return name
	}
	return fmt.Sprintf("op %d", op)
}
