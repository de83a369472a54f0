package zktest

import (
	"fmt"
	"math"
)

// txn is one zxid's worth of changes to the tree: all of them or none. Nobody is told before commit.
type txn struct {
	t       *tree
	zxid    int64
	now     int64 // ms since 1970
	who     []identity
	session int64

	undo  []func()
	tells []func() []event
}

// commit returns the events of the changes, in their order.
func (x *txn) commit() []event {
	var all []event
	for _, tell := range x.tells {
		all = append(all, tell()...)
	}
	return all
}

// rollback takes everything back.
func (x *txn) rollback() {
	for i := len(x.undo) - 1; i >= 0; i-- {
		x.undo[i]()
	}
	x.undo, x.tells = nil, nil
}

// save remembers a node's own fields.
func (x *txn) save(n *node) {
	old := *n
	x.undo = append(x.undo, func() { *n = old })
}

func (x *txn) allowed(list []acl, perm int32) bool { return allowed(list, perm, x.who) }

// creation is what a client wants to have created.
type creation struct {
	op    Op
	path  string
	data  []byte
	acl   []acl
	flags int32
	ttl   int64 // ms; -1 if the operation has none
}

// modes of creation, by their flags on the wire.
var modes = map[int32]struct {
	kind       kind
	sequential bool
}{
	0: {persistent, false}, 1: {ephemeral, false}, 2: {persistent, true}, 3: {ephemeral, true}, 4: {container, false}, 5: {ttl, false}, 6: {ttl, true},
}

// create makes a znode and returns its path. The checks are in the order in which PrepRequestProcessor makes them.
func (x *txn) create(c creation) (string, *node, Code) {
	mode, known := modes[c.flags]
	if !known {
		return "", nil, CodeBadArguments
	}
	switch {
	case mode.kind == ttl && !x.t.extended:
		return "", nil, CodeUnimplemented
	case mode.kind == ttl && (c.ttl <= 0 || c.ttl > maxTTL):
		return "", nil, CodeBadArguments
	case mode.kind != ttl && c.op == OpCreateTTL: // a 3.8.0 server dies of a negative TTL here, and refuses others
		return "", nil, CodeBadArguments
	}
	if !hasParent(c.path) {
		return "", nil, CodeBadArguments
	}
	list, ok := resolve(c.acl, x.who)
	if !ok {
		return "", nil, CodeInvalidACL
	}
	above, name := split(c.path)
	parent := x.t.nodes[above]
	if parent == nil {
		return "", nil, CodeNoNode
	}
	if !x.allowed(parent.acl, permCreate) {
		return "", nil, CodeNoAuth
	}
	if mode.sequential {
		number := fmt.Sprintf("%010d", parent.created)
		c.path, name = c.path+number, name+number
	}
	if !validPath(c.path) {
		return "", nil, CodeBadArguments
	}
	if x.t.nodes[c.path] != nil {
		return "", nil, CodeNodeExists
	}
	if kindOf(parent.owner, x.t.extended) == ephemeral {
		return "", nil, CodeNoChildrenForEphemerals
	}
	n := &node{data: c.data, acl: list, children: make(map[string]*node), czxid: x.zxid, mzxid: x.zxid, pzxid: x.zxid, ctime: x.now, mtime: x.now}
	switch { // Of these kinds it is the operation that says so, and not the flags.
	case c.op == OpCreateContainer:
		n.owner = containerOwner
	case c.op == OpCreateTTL:
		n.owner = ttlMask | c.ttl
	case mode.kind == ephemeral:
		n.owner = x.session
	}
	x.save(parent)
	if parent.created != math.MaxInt32 { // it sticks there, and so does pzxid
		parent.created++
		parent.pzxid = x.zxid
	}
	x.link(c.path, parent, name, n)
	x.undo = append(x.undo, func() { x.unlink(c.path, parent, name, n) })
	parentACL := parent.acl
	x.tells = append(x.tells, func() []event { return x.t.watches.created(c.path, list, parentACL) })
	return c.path, n, CodeOK
}

func (x *txn) link(path string, parent *node, name string, n *node) {
	parent.children[name] = n
	x.t.nodes[path] = n
	switch kindOf(n.owner, x.t.extended) {
	case ephemeral:
		if x.t.ephemerals[n.owner] == nil {
			x.t.ephemerals[n.owner] = make(map[string]bool)
		}
		x.t.ephemerals[n.owner][path] = true
	case container, ttl:
		x.t.timed[path] = true
	case persistent:
	}
}

func (x *txn) unlink(path string, parent *node, name string, n *node) {
	delete(parent.children, name)
	delete(x.t.nodes, path)
	delete(x.t.timed, path)
	if owned := x.t.ephemerals[n.owner]; owned != nil {
		delete(owned, path)
		if len(owned) == 0 {
			delete(x.t.ephemerals, n.owner)
		}
	}
}

// hasParent reports whether a path has what a server calls a parent path.
func hasParent(path string) bool {
	for i := range len(path) {
		if path[i] == 0 {
			return false
		}
	}
	for i := range len(path) {
		if path[i] == '/' {
			return true
		}
	}
	return false
}

// remove deletes a znode, if its version is the wanted one or -1 is wanted.
func (x *txn) remove(path string, version int32) Code {
	if !hasParent(path) || isSpecial(path) {
		return CodeBadArguments
	}
	above, _ := split(path)
	parent := x.t.nodes[above]
	if parent == nil {
		return CodeNoNode
	}
	if !x.allowed(parent.acl, permDelete) {
		return CodeNoAuth
	}
	n := x.t.nodes[path]
	switch {
	case n == nil:
		return CodeNoNode
	case version != -1 && version != n.version:
		return CodeBadVersion
	case len(n.children) > 0:
		return CodeNotEmpty
	}
	x.drop(path, n)
	return CodeOK
}

// drop deletes a znode without a question.
func (x *txn) drop(path string, n *node) {
	above, name := split(path)
	parent := x.t.nodes[above]
	x.save(parent)
	parent.pzxid = max(parent.pzxid, x.zxid)
	x.unlink(path, parent, name, n)
	x.undo = append(x.undo, func() { x.link(path, parent, name, n) })
	own, parentACL := n.acl, parent.acl
	x.tells = append(x.tells, func() []event { return x.t.watches.deleted(path, own, parentACL) })
}

func (x *txn) setData(path string, data []byte, version int32) (*node, Code) {
	if !validPath(path) {
		return nil, CodeBadArguments
	}
	n := x.t.nodes[path]
	switch {
	case n == nil:
		return nil, CodeNoNode
	case !x.allowed(n.acl, permWrite):
		return nil, CodeNoAuth
	case version != -1 && version != n.version:
		return nil, CodeBadVersion
	}
	x.save(n)
	n.data, n.mzxid, n.mtime = data, x.zxid, x.now
	n.version++ // through -1 when it has come round, which is then any version to all who name it: servers before 3.9.2 do not skip it
	own := n.acl
	x.tells = append(x.tells, func() []event { return x.t.watches.changed(path, own) })
	return n, CodeOK
}

func (x *txn) setACL(path string, list []acl, version int32) (*node, Code) {
	if !validPath(path) {
		return nil, CodeBadArguments
	}
	list, ok := resolve(list, x.who)
	n := x.t.nodes[path]
	switch {
	case !ok:
		return nil, CodeInvalidACL
	case n == nil:
		return nil, CodeNoNode
	case !x.allowed(n.acl, permAdmin):
		return nil, CodeNoAuth
	case version != -1 && version != n.aversion:
		return nil, CodeBadVersion
	}
	x.save(n)
	n.acl = list
	n.aversion++
	return n, CodeOK
}

func (x *txn) check(path string, version int32) Code {
	if !validPath(path) {
		return CodeBadArguments
	}
	n := x.t.nodes[path]
	switch {
	case n == nil:
		return CodeNoNode
	case !x.allowed(n.acl, permRead):
		return CodeNoAuth
	case version != -1 && version != n.version:
		return CodeBadVersion
	}
	return CodeOK
}
