package fencetest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/zkkit/zkkit/fence"
)

// A mutant is a guard in memory that is right unless one of its fields says otherwise.
type mutant struct {
	older         func(a, b fence.Token) bool // How it compares; nil means as it should.
	unfenced      bool                        // It compares nothing.
	torn          bool                        // It compares in one step and writes in another.
	forgets       bool                        // Its mark goes with the value.
	sealless      bool                        // Seal does nothing.
	readsUnsealed bool                        // Read compares nothing.
	readsStale    bool                        // Read compares, and does not move the mark.
	zero          bool                        // No token is one.
	shared        bool                        // One mark for all resources.
	shortNames    bool                        // Values are found by the beginning of their names.
	appliesAnyway bool                        // It refuses what it has already done.
	marksAnyway   bool                        // It refuses, and takes the token for its mark.
	bare          bool                        // It refuses with the sentinel alone.
	wrongMax      bool                        // It refuses and names a token that it has never seen.
	deaf          bool                        // It takes no notice of ctx.
	hesitates     bool                        // It calls its outcome unknown when ctx has ended.
	moody         bool                        // It refuses the newest token now and then.
	cached        bool                        // Every third read returns what the one before returned.
	loses         int                         // One answer of so many is lost, and half of those writes are not applied.
	late          bool                        // What it lost is applied in the end, without another look at the mark.

	mu        sync.Mutex // guards what follows
	resources map[string]*mutantResource
	n         int
	pending   []func()
}

type mutantResource struct {
	mark   fence.Token
	value  string
	exists bool
	before string
	reads  int
	read   bool
}

func (g *mutant) at(name string) *mutantResource {
	if g.resources == nil {
		g.resources = map[string]*mutantResource{}
	}
	if g.shortNames {
		name = name[:len("fencetest-")+28]
	}
	if g.resources[name] == nil {
		g.resources[name] = new(mutantResource)
	}
	return g.resources[name]
}

func (g *mutant) do(ctx context.Context, name string, t fence.Token, compare, move bool, effect func(*mutantResource)) error {
	if !g.deaf && ctx.Err() != nil {
		if g.hesitates {
			return &fence.UnknownError{Resource: name, Token: t, Err: ctx.Err()}
		}
		return context.Cause(ctx)
	}
	if !g.zero && t.IsZero() {
		return fence.ErrNoToken
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.at(name)
	mark := &r.mark
	if g.shared {
		mark = &g.at("fencetest-shared-mark-of-all-of-them").mark
	}
	older := fence.Token.Less
	if g.older != nil {
		older = g.older
	}
	g.n++
	switch {
	case !compare || g.unfenced:
	case older(t, *mark) || g.moody && g.n%10 == 0 && !mark.IsZero():
		most := *mark
		if g.appliesAnyway {
			effect(r)
		}
		if g.marksAnyway {
			*mark = t
		}
		if g.bare {
			return fence.ErrStale
		}
		if g.wrongMax {
			most.ID++
		}
		return &fence.StaleError{Resource: name, Have: t, Max: most}
	}
	if g.torn {
		g.mu.Unlock()
		yield()
		g.mu.Lock()
	}
	if move && !t.Less(*mark) {
		*mark = t
	}
	if g.loses > 0 && g.n%g.loses == 0 {
		switch {
		case g.late:
			g.pending = append(g.pending, func() { effect(r) })
		case rand.IntN(2) == 0:
			effect(r)
		}
		return &fence.UnknownError{Resource: name, Token: t, Ask: "look", Err: errors.New("no answer")}
	}
	effect(r)
	if len(g.pending) > 0 && g.n%2 == 0 {
		g.pending[0]()
		g.pending = g.pending[1:]
	}
	return nil
}

// yield lets others go first, sometimes many.
func yield() {
	for range rand.IntN(40) {
		runtime.Gosched()
	}
}

func (g *mutant) Seal(ctx context.Context, name string, t fence.Token) error {
	return g.do(ctx, name, t, !g.sealless, !g.sealless, func(*mutantResource) {})
}

func (g *mutant) Read(ctx context.Context, name string, t fence.Token) (value string, ok bool, err error) {
	returned := false // What is read later is read by nobody.
	err = g.do(ctx, name, t, !g.readsUnsealed, !g.readsUnsealed && !g.readsStale, func(r *mutantResource) {
		if returned {
			return
		}
		value, ok = r.value, r.exists
		if r.reads++; g.cached && ok && r.read && r.reads%3 == 0 {
			value = r.before
		}
		if ok {
			r.before, r.read = value, true
		}
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	returned = true
	if err != nil {
		return "", false, err
	}
	return value, ok, nil
}

func (g *mutant) Write(ctx context.Context, name string, t fence.Token, value string) error {
	return g.do(ctx, name, t, true, true, func(r *mutantResource) { r.value, r.exists = value, true })
}

func (g *mutant) Delete(ctx context.Context, name string, t fence.Token) error {
	return g.do(ctx, name, t, true, true, func(r *mutantResource) {
		r.value, r.exists = "", false
		if g.forgets {
			r.mark = fence.Token{}
		}
	})
}
