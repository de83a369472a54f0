package zktest

import (
	"maps"
	"slices"
	"strings"
)

// names returns the names of the children. Servers promise no order; here they are sorted, so that a run can be repeated.
func (n *node) names() []string { return slices.Sorted(maps.Keys(n.children)) }

// readable returns a znode that this connection may read.
func (q *call) readable(path string) (*node, Code) {
	n := q.s.tree.nodes[path]
	switch {
	case n == nil:
		return nil, CodeNoNode
	case !allowed(n.acl, permRead, q.c.who):
		return nil, CodeNoAuth
	}
	return n, CodeOK
}

func (q *call) exists() Code {
	path, watch := q.in.str(), q.in.flag()
	switch {
	case q.in.broken:
		return CodeMarshalling
	case strings.IndexByte(path, 0) >= 0:
		return CodeBadArguments
	}
	if watch { // of its creation too
		q.s.tree.watches.data.add(path, q.c, standard)
	}
	n := q.s.tree.nodes[path]
	if n == nil {
		return CodeNoNode
	}
	q.out.stat(n.stat())
	return CodeOK
}

func (q *call) getData() Code {
	path, watch := q.in.str(), q.in.flag()
	if q.in.broken {
		return CodeMarshalling
	}
	n, code := q.readable(path)
	if code != CodeOK {
		return code
	}
	if watch {
		q.s.tree.watches.data.add(path, q.c, standard)
	}
	q.out.data(n.data)
	q.out.stat(n.stat())
	return CodeOK
}

func (q *call) getChildren(op Op) Code {
	path, watch := q.in.str(), q.in.flag()
	if q.in.broken {
		return CodeMarshalling
	}
	n, code := q.readable(path)
	if code != CodeOK {
		return code
	}
	if watch {
		q.s.tree.watches.children.add(path, q.c, standard)
	}
	q.out.names(n.names())
	if op == OpGetChildren2 {
		q.out.stat(n.stat())
	}
	return CodeOK
}

func (q *call) getAllChildrenNumber() Code {
	path := q.in.str()
	if q.in.broken {
		return CodeMarshalling
	}
	n, code := q.readable(path)
	if code != CodeOK {
		return code
	}
	total := n.descendants()
	if path == "" {
		total++ // the root by its other name is above itself
	}
	q.out.i32(total)
	return CodeOK
}

func (q *call) getEphemerals() Code {
	prefix := q.in.str()
	if q.in.broken {
		return CodeMarshalling
	}
	var mine []string
	for path := range q.s.tree.ephemerals[q.c.session.id] {
		if p := strings.TrimSpace(prefix); p == "" || p == "/" || strings.HasPrefix(path, prefix) {
			mine = append(mine, path)
		}
	}
	slices.Sort(mine)
	q.out.names(mine)
	return CodeOK
}

func (q *call) getACL() Code {
	path := q.in.str()
	if q.in.broken {
		return CodeMarshalling
	}
	n := q.s.tree.nodes[path]
	switch {
	case n == nil:
		return CodeNoNode
	case !allowed(n.acl, permRead|permAdmin, q.c.who):
		return CodeNoAuth
	}
	list := n.acl
	if !allowed(list, permAdmin, q.c.who) {
		list = masked(list)
	}
	q.out.acl(list)
	q.out.stat(n.stat())
	return CodeOK
}

func (q *call) sync() Code {
	path := q.in.str()
	if q.in.broken {
		return CodeMarshalling
	}
	q.out.str(path)
	return CodeOK
}
