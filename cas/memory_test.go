package cas_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
)

// A memory is a register in memory, to which a test can do what a network and a server do. It is fit for virtual time.
type memory struct {
	mu     sync.Mutex // guards below
	nodes  map[string]cas.Record
	births int64
	locks  map[string]int // who holds or waits, by the lock's directory
	writes int
	fresh  int
	fate   func(n int, writes []cas.Write) fate // of the n-th write
	gate   chan struct{}                        // if not nil, every write waits for something on it
	late   []func()                             // writes that are still on their way
}

// A fate is what becomes of a write.
type fate int

const (
	passes     fate = iota
	loseReply       // it is applied, and the client is not told
	loseAll         // it is not applied, and the client is not told
	comesLate       // the client is told nothing, and it arrives when arrive is called
	isRefused       // as if another one had been faster
	isNotHeard      // it fails for sure
)

var errRefusedForGood = errors.New("the server says no")

func newMemory() *memory {
	return &memory{nodes: make(map[string]cas.Record), locks: make(map[string]int)}
}

func (m *memory) Read(ctx context.Context, path string, fresh bool) (cas.Record, error) {
	if ctx.Err() != nil {
		return cas.Record{}, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if fresh {
		m.fresh++
	}
	r, ok := m.nodes[path]
	if !ok {
		return r, cas.ErrAbsent
	}
	return r, nil
}

func (m *memory) Create(_ context.Context, path string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.nodes[path]; !ok {
		m.births++
		m.nodes[path] = cas.Record{Data: data, Version: cas.Version{Birth: m.births}}
	}
	return nil
}

func (m *memory) Write(ctx context.Context, path string, data []byte, old cas.Version) (cas.Version, error) {
	err := m.WriteAll(ctx, []cas.Write{{Path: path, Data: data, Old: old}})
	old.Count++
	return old, err
}

func (m *memory) WriteAll(ctx context.Context, writes []cas.Write) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.mu.Lock()
	m.writes++
	n, gate, f := m.writes, m.gate, passes
	if m.fate != nil {
		f = m.fate(n, writes)
	}
	m.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", cas.ErrUnknown, context.Cause(ctx))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch f {
	case loseAll:
		return cas.ErrUnknown
	case isRefused:
		return cas.ErrConflict
	case isNotHeard:
		return errRefusedForGood
	case comesLate:
		m.late = append(m.late, func() { _ = m.applyLocked(writes) })
		return cas.ErrUnknown
	case passes, loseReply:
	}
	err := m.applyLocked(writes)
	if f == loseReply {
		return cas.ErrUnknown
	}
	return err
}

func (m *memory) applyLocked(writes []cas.Write) error {
	for _, w := range writes {
		if m.nodes[w.Path].Version != w.Old {
			return cas.ErrConflict
		}
	}
	for _, w := range writes {
		if !w.Check {
			w.Old.Count++
			m.nodes[w.Path] = cas.Record{Data: w.Data, Version: w.Old}
		}
	}
	return nil
}

// arrive lets what was on its way arrive.
func (m *memory) arrive() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.late {
		f()
	}
	m.late = nil
}

func (m *memory) Queued(_ context.Context, lock string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.locks[lock] > 0, nil
}

// put makes a node of somebody else's.
func (m *memory) put(path, data string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.births++
	m.nodes[path] = cas.Record{Data: []byte(data), Version: cas.Version{Birth: m.births}}
}

func (m *memory) remove(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.nodes, path)
}

// lose lets writes have these fates, one after the other, and all later ones pass.
func (m *memory) lose(fates ...fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := m.writes
	m.fate = func(n int, _ []cas.Write) fate {
		if n -= from + 1; n < len(fates) {
			return fates[n]
		}
		return passes
	}
}

// hold keeps all writes waiting until open is called, or their clients do not want to any more.
func (m *memory) hold() (open func()) {
	gate := make(chan struct{})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gate = gate
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.gate = nil
		close(gate)
	}
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

func (m *memory) paths() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.nodes))
}

// A naive register treats a write whose outcome it does not know as one that was not applied: what everybody does who keeps no trace of an operation. It is the control.
type naive struct{ cas.Transactor }

func (n naive) Write(ctx context.Context, path string, data []byte, old cas.Version) (cas.Version, error) {
	v, err := n.Transactor.Write(ctx, path, data, old)
	if errors.Is(err, cas.ErrUnknown) && ctx.Err() == nil {
		err = cas.ErrConflict
	}
	return v, err
}

// newStore returns a store that is closed when the test ends.
func newStore(t testing.TB, r cas.Register, cfg cas.Config) *cas.Store {
	t.Helper()
	s, err := cas.NewStoreOn(r, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// add returns a function that adds.
func add(n int) func(int) (int, error) {
	return func(v int) (int, error) { return v + n, nil }
}

// get returns the value of a node, 0 if there is none.
func get(t testing.TB, s *cas.Store, path string) int {
	t.Helper()
	v, err := cas.Get[int](context.WithoutCancel(t.Context()), s, path)
	if !errors.Is(err, cas.ErrAbsent) {
		require.NoError(t, err)
	}
	return v
}

// later updates in a goroutine.
func later[V any](ctx context.Context, s *cas.Store, path string, f func(V) (V, error)) <-chan result[V] {
	done := make(chan result[V], 1)
	go func() {
		v, stats, err := cas.Update(ctx, s, path, f)
		done <- result[V]{v, stats, err}
	}()
	return done
}

type result[V any] struct {
	v     V
	stats cas.Stats
	err   error
}

const patience = 30 * time.Second

// receive returns what comes on ch.
func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}
