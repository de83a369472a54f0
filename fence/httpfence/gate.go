package httpfence

import (
	"context"
	"sync"

	"github.com/zkkit/zkkit/fence"
)

// A hall has a gate for each resource that somebody is at. Those inside have one token; of those that wait the ones with the newest go in first, when all others have left.
// The zero hall is empty.
//
// A token counts as seen when one with it is inside and the marks have accepted it, and not when it comes: it may give up, or the marks may refuse it. What is older
// waits behind it so long, and cannot slip in before it.
type hall struct {
	mu    sync.Mutex // guards gates and what they point to
	gates map[string]*gate
}

// A gate is there while there is a visit. What is known beyond that is known to the marks.
type gate struct {
	seen    fence.Token // the newest that the marks have accepted, as far as this gate has heard
	waiting map[*visit]struct{}
	inside  map[*visit]struct{}
	changed chan struct{} // closed, and replaced, when it is worth while to try again
}

// A visit is one request at a gate.
type visit struct {
	hall     *hall
	gate     *gate
	resource string
	token    fence.Token
	stop     func(*fence.StaleError) // tells those inside that a newer token has come, once and with hall.mu held
	told     bool
}

// come registers a visit. Those inside that are older are told to stop. A visit that has come leaves.
func (h *hall) come(resource string, t fence.Token, stop func(*fence.StaleError)) *visit {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.gates[resource]
	if g == nil {
		if h.gates == nil {
			h.gates = map[string]*gate{}
		}
		g = &gate{waiting: map[*visit]struct{}{}, inside: map[*visit]struct{}{}, changed: make(chan struct{})}
		h.gates[resource] = g
	}
	v := &visit{hall: h, gate: g, resource: resource, token: t, stop: stop}
	g.waiting[v] = struct{}{}
	for old := range g.inside {
		if old.token.Less(t) && !old.told {
			old.told = true
			old.stop(&fence.StaleError{Resource: resource, Have: old.token, Max: t})
		}
	}
	return v
}

// enter blocks until nobody with another token is inside, and nobody with a newer one waits. It fails with the cause of ctx, or because a newer token was seen.
func (v *visit) enter(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		changed, entered, err := v.tryEnter()
		if entered || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// tryEnter enters, fails, or returns a channel that is closed when it is worth while to try again.
func (v *visit) tryEnter() (changed <-chan struct{}, entered bool, err error) {
	v.hall.mu.Lock()
	defer v.hall.mu.Unlock()
	g := v.gate
	if v.token.Less(g.seen) {
		return nil, false, &fence.StaleError{Resource: v.resource, Have: v.token, Max: g.seen}
	}
	for other := range g.inside {
		if other.token != v.token {
			return g.changed, false, nil
		}
	}
	for other := range g.waiting {
		if v.token.Less(other.token) {
			return g.changed, false, nil
		}
	}
	delete(g.waiting, v)
	g.inside[v] = struct{}{}
	return nil, true, nil
}

// accepted tells that the marks have accepted the token of a visit that is inside. Whoever waits and is older need not wait any longer.
func (v *visit) accepted() {
	v.hall.mu.Lock()
	defer v.hall.mu.Unlock()
	if v.gate.seen.Less(v.token) {
		v.gate.seen = v.token
		v.gate.changedLocked()
	}
}

// leave ends a visit, inside or not. It is not told to stop afterwards.
func (v *visit) leave() {
	v.hall.mu.Lock()
	defer v.hall.mu.Unlock()
	g := v.gate
	delete(g.waiting, v)
	delete(g.inside, v)
	if len(g.waiting)+len(g.inside) == 0 {
		delete(v.hall.gates, v.resource)
		return
	}
	g.changedLocked()
}

func (g *gate) changedLocked() {
	close(g.changed)
	g.changed = make(chan struct{})
}
