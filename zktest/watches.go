package zktest

import "strings"

// watchMode says how long a watch lasts and what it covers.
type watchMode int

const (
	standard  watchMode = iota // one event, then it is gone
	lasting                    // until it is removed
	recursive                  // the same, and for everything below, but not for lists of children
)

// watchTable is who watches which path, for one sort of watches. A connection that set the last mode on a path has that one.
type watchTable map[string]map[*conn]watchMode

// watches are the two tables that servers have: data, which existence is part of, and children.
type watches struct{ data, children watchTable }

func newWatches() watches { return watches{make(watchTable), make(watchTable)} }

func (t watchTable) add(path string, c *conn, mode watchMode) {
	if t[path] == nil {
		t[path] = make(map[*conn]watchMode)
	}
	if !t.has(path, c) {
		c.watching[path]++
	}
	t[path][c] = mode // a lasting one too becomes what was asked for last
}

func (t watchTable) has(path string, c *conn) bool {
	_, ok := t[path][c]
	return ok
}

func (t watchTable) remove(path string, c *conn) bool {
	if !t.has(path, c) {
		return false
	}
	delete(t[path], c)
	if len(t[path]) == 0 {
		delete(t, path)
	}
	if c.watching[path]--; c.watching[path] == 0 {
		delete(c.watching, path)
	}
	return true
}

// forget takes off everything that a connection watches.
func (w watches) forget(c *conn) {
	for path := range c.watching {
		w.data.remove(path, c)
		w.children.remove(path, c)
	}
}

// event is a change and who is told of it.
type event struct {
	typ  eventType
	path string
	to   map[*conn]bool
	acl  []acl // of the node: who may not read it is not told, though the watch is used up
}

// fire takes out who is told of a change at path, except those in but.
func (t watchTable) fire(typ eventType, path string, list []acl, but map[*conn]bool) event {
	ev := event{typ: typ, path: path, to: make(map[*conn]bool), acl: list}
	for c, mode := range t[path] {
		switch {
		case mode == recursive && typ == nodeChildrenChanged:
			continue
		case mode == standard:
			t.remove(path, c)
		}
		ev.to[c] = true
	}
	if typ != nodeChildrenChanged {
		for at := path; at != "/"; {
			at = at[:max(1, strings.LastIndexByte(at, '/'))]
			for c, mode := range t[at] {
				if mode == recursive {
					ev.to[c] = true
				}
			}
		}
	}
	for c := range but {
		delete(ev.to, c)
	}
	return ev
}

// created, deleted and changed return the events of a change, in the order in which servers send them. They take the ACLs of the node and of the one above.
func (w watches) created(path string, own, above []acl) []event {
	parent, _ := split(path)
	return []event{w.data.fire(nodeCreated, path, own, nil), w.children.fire(nodeChildrenChanged, parent, above, nil)}
}

func (w watches) deleted(path string, own, above []acl) []event {
	parent, _ := split(path)
	gone := w.data.fire(nodeDeleted, path, own, nil)
	return []event{gone, w.children.fire(nodeDeleted, path, own, gone.to), w.children.fire(nodeChildrenChanged, parent, above, nil)}
}

func (w watches) changed(path string, own []acl) []event {
	return []event{w.data.fire(nodeDataChanged, path, own, nil)}
}

func (ev event) frame() []byte {
	var o output
	o.i32(0)
	o.i32(xidWatch)
	o.i64(-1)
	o.i32(0)
	o.i32(int32(ev.typ))
	o.i32(3) // SyncConnected
	o.str(ev.path)
	return o.framed()
}
