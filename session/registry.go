package session

type watchKind int

// The kinds of watches that servers know: on a znode's data, on the absence of one, on its children.
const (
	watchData watchKind = iota
	watchExist
	watchChild
)

type watchKey struct {
	path string
	kind watchKind
}

// spot is one thing that is watched.
type spot struct {
	watchers map[*Watch]bool
	// armed means that go-zookeeper has a watch here. That client can remove none, and keeps a channel for each call; so it is asked for one only where
	// there is none, or somebody who tries a long-held lock again and again would fill its memory.
	armed bool
}

// registry fans the events of go-zookeeper out to any number of watches that can be given up. It is not safe for concurrent use: the
// session's mu guards it.
type registry struct{ spots map[watchKey]*spot }

func newRegistry() registry { return registry{spots: make(map[watchKey]*spot)} }

// add lets w wait, and returns which of its kinds are armed.
func (r *registry) add(w *Watch) map[watchKind]bool {
	armed := make(map[watchKind]bool, len(w.kinds))
	for _, k := range w.kinds {
		key := watchKey{w.path, k}
		p := r.spots[key]
		if p == nil {
			p = &spot{watchers: make(map[*Watch]bool)}
			r.spots[key] = p
		}
		p.watchers[w] = true
		armed[k] = p.armed
	}
	return armed
}

// settle leaves w waiting for kind alone, which is armed now. If w has fired or was stopped meanwhile, the watch that was set may have fired too:
// nothing is taken for armed then.
func (r *registry) settle(w *Watch, kind watchKind) {
	p := r.spots[watchKey{w.path, kind}]
	if p == nil || !p.watchers[w] {
		return
	}
	p.armed = p.armed || !w.direct
	for _, k := range w.kinds {
		if k != kind {
			r.drop(w, k)
		}
	}
}

func (r *registry) remove(w *Watch) {
	for _, k := range w.kinds {
		r.drop(w, k)
	}
}

func (r *registry) drop(w *Watch, k watchKind) {
	key := watchKey{w.path, k}
	p := r.spots[key]
	if p == nil {
		return
	}
	delete(p.watchers, w)
	if len(p.watchers) == 0 && !p.armed {
		delete(r.spots, key)
	}
}

// armed returns how many watches go-zookeeper holds.
func (r *registry) armed() int {
	n := 0
	for _, p := range r.spots {
		if p.armed {
			n++
		}
	}
	return n
}

// fire takes out who waits for an event.
func (r *registry) fire(path string, kinds ...watchKind) []*Watch {
	var due []*Watch
	for _, k := range kinds {
		key := watchKey{path, k}
		p := r.spots[key]
		if p == nil {
			continue
		}
		delete(r.spots, key)
		for w := range p.watchers {
			due = append(due, w)
			r.remove(w)
		}
	}
	return due
}

// unsettle takes out those whose watches end with a connection.
func (r *registry) unsettle() []*Watch {
	var due []*Watch
	for _, p := range r.spots {
		for w := range p.watchers {
			if w.direct {
				due = append(due, w)
			}
		}
	}
	for _, w := range due {
		r.remove(w)
	}
	return due
}

// drain takes out everybody.
func (r *registry) drain() []*Watch {
	seen := make(map[*Watch]bool)
	for _, p := range r.spots {
		for w := range p.watchers {
			seen[w] = true
		}
	}
	r.spots = make(map[watchKey]*spot)
	all := make([]*Watch, 0, len(seen))
	for w := range seen {
		all = append(all, w)
	}
	return all
}

// waits reports whether w has neither fired nor been stopped.
func (r *registry) waits(w *Watch) bool {
	for _, k := range w.kinds {
		if p := r.spots[watchKey{w.path, k}]; p != nil && p.watchers[w] {
			return true
		}
	}
	return false
}
