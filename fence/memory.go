package fence

import (
	"context"
	"errors"
	"sync"
)

// Memory is a guarded resource in memory: values by name, each behind a mark of its own. Compare and effect are one step for every method.
//
// It is meant for tests, demonstrations, and state that one process serves to others. Its marks are never forgotten, not even when the
// value is deleted, so it grows with the number of names ever used, and it loses all of them with the process.
//
// A Memory must not be copied after first use. It is safe for concurrent use, and the zero Memory is empty and ready.
type Memory[V any] struct {
	mu        sync.Mutex // guards resources and what they point to
	resources map[string]*resource[V]
}

// resource is one name. It is made at the first token and never removed, since its mark outlives its value.
type resource[V any] struct {
	mark    Mark
	value   V
	exists  bool
	written Token
}

// An Entry is what [Memory.Peek] found under one name. It is a copy: safe for concurrent use as far as V is. The zero Entry is a name never used.
type Entry[V any] struct {
	// Value is the value, the zero V if there is none.
	Value V
	// Exists says whether there is a value.
	Exists bool
	// Written is the token of the last accepted Write or Delete, zero if there was none.
	Written Token
	// Max is the greatest token seen, by any method.
	Max Token
}

// Seal presents the token of a new holder, before its first Read or Write, and shuts out all earlier ones. It does not block.
// It fails with a [*StaleError], [ErrNoToken], or the cause of a ctx that has ended, and then nothing has changed.
func (m *Memory[V]) Seal(ctx context.Context, name string, t Token) error {
	return m.guarded(ctx, name, t, func(*resource[V]) {})
}

// Read returns the value and whether there is one. It seals: once a holder has read, no earlier holder can change what it saw.
// It does not block. It fails with a [*StaleError], [ErrNoToken], or the cause of a ctx that has ended, and then nothing has changed.
func (m *Memory[V]) Read(ctx context.Context, name string, t Token) (value V, ok bool, err error) {
	err = m.guarded(ctx, name, t, func(r *resource[V]) { value, ok = r.value, r.exists })
	return value, ok, err
}

// Write sets the value. It does not block, and on success the value is there and the token was the greatest.
// It fails with a [*StaleError], [ErrNoToken], or the cause of a ctx that has ended, and then nothing has changed.
func (m *Memory[V]) Write(ctx context.Context, name string, t Token, value V) error {
	return m.guarded(ctx, name, t, func(r *resource[V]) { r.value, r.exists, r.written = value, true, t })
}

// Delete removes the value, if there is one, and keeps the mark. It does not block.
// It fails with a [*StaleError], [ErrNoToken], or the cause of a ctx that has ended, and then nothing has changed.
func (m *Memory[V]) Delete(ctx context.Context, name string, t Token) error {
	return m.guarded(ctx, name, t, func(r *resource[V]) {
		var none V
		r.value, r.exists, r.written = none, false, t
	})
}

// Peek returns what is there without a token and without moving the mark. It is for observers: a holder that acts on what it saw uses Read.
func (m *Memory[V]) Peek(name string) Entry[V] {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.resources[name]
	if !ok {
		return Entry[V]{}
	}
	return Entry[V]{Value: r.value, Exists: r.exists, Written: r.written, Max: r.mark.Max()}
}

// guarded compares and, if the token is accepted, applies, both under m.mu.
func (m *Memory[V]) guarded(ctx context.Context, name string, t Token, apply func(*resource[V])) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.resources[name]
	if r == nil {
		r = new(resource[V])
	}
	if err := r.mark.Check(t); err != nil {
		if stale, ok := errors.AsType[*StaleError](err); ok {
			stale.Resource = name
		}
		return err
	}
	if m.resources == nil {
		m.resources = make(map[string]*resource[V])
	}
	m.resources[name] = r // Only a token that was accepted makes a name known.
	apply(r)
	return nil
}
