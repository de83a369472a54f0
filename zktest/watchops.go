package zktest

import "strings"

// Sorts of watches, as they are named when one asks for them or takes them off.
const (
	watchesOfChildren = 1
	watchesOfData     = 2
	watchesOfAny      = 3
)

// setWatches sets many watches again after a reconnect, and tells of what changed since the zxid that the client had seen.
func (q *call) setWatches(op Op) Code {
	since := q.in.i64()
	data, absent, children := q.in.names(), q.in.names(), q.in.names()
	var lastingOn, recursiveOn []string
	if op == OpSetWatches2 {
		lastingOn, recursiveOn = q.in.names(), q.in.names()
	}
	if q.in.broken {
		return CodeMarshalling
	}
	t := q.s.tree
	tell := func(typ eventType, path string) {
		q.c.queue(event{typ: typ, path: path}.frame(), false)
	}
	for _, path := range data {
		switch n := t.nodes[path]; {
		case n == nil:
			tell(nodeDeleted, path)
		case n.mzxid > since:
			tell(nodeDataChanged, path)
		default:
			t.watches.data.add(path, q.c, standard)
		}
	}
	for _, path := range absent {
		if t.nodes[path] != nil {
			tell(nodeCreated, path)
		} else {
			t.watches.data.add(path, q.c, standard)
		}
	}
	for _, path := range children {
		switch n := t.nodes[path]; {
		case n == nil:
			tell(nodeDeleted, path)
		case n.pzxid > since:
			tell(nodeChildrenChanged, path)
		default:
			t.watches.children.add(path, q.c, standard)
		}
	}
	for _, path := range lastingOn {
		t.watches.add(path, q.c, lasting)
	}
	for _, path := range recursiveOn {
		t.watches.add(path, q.c, recursive)
	}
	return CodeOK
}

func (w watches) add(path string, c *conn, mode watchMode) {
	w.data.add(path, c, mode)
	w.children.add(path, c, mode)
}

func (q *call) addWatch() Code {
	path, mode := q.in.str(), q.in.i32()
	if q.in.broken || mode != 0 && mode != 1 {
		return CodeMarshalling
	}
	q.s.tree.watches.add(path, q.c, lasting+watchMode(mode))
	q.out.i32(0)
	return CodeOK
}

// removeWatches takes watches off, or only looks whether they are there.
func (q *call) removeWatches(op Op) Code {
	path, sort := q.in.str(), q.in.i32()
	switch {
	case q.in.broken || sort < watchesOfChildren || sort > watchesOfAny:
		return CodeMarshalling
	case op == OpCheckWatches && path != "" && !strings.Contains(path, "/"):
		return CodeMarshalling // servers fail on the way to its parents
	}
	found := false
	w := q.s.tree.watches
	for _, t := range []struct {
		watchTable
		wanted bool
	}{{w.children, sort != watchesOfData}, {w.data, sort != watchesOfChildren}} {
		switch {
		case !t.wanted:
		case op == OpCheckWatches:
			found = found || path != "" && len(t.watchTable[path]) > 0 // anybody's: WatchManager.containsWatcher does not look whose
		case t.remove(path, q.c):
			found = true
		}
	}
	if !found {
		return CodeNoWatcher
	}
	return CodeOK
}
