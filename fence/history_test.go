package fence_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

// A store holds one value: the history of what was appended to it. Holders append by reading, adding their token, and writing back.
type store interface {
	Seal(ctx context.Context, name string, t fence.Token) error
	Read(ctx context.Context, name string, t fence.Token) ([]fence.Token, bool, error)
	Write(ctx context.Context, name string, t fence.Token, history []fence.Token) error
}

const name = "history"

// appendOnce is the read and the write of one append, with what happens between them in the middle.
func appendOnce(ctx context.Context, s store, t fence.Token, between func()) error {
	h, _, err := s.Read(ctx, name, t)
	if err != nil {
		return err
	}
	between()
	return s.Write(ctx, name, t, append(slices.Clone(h), t))
}

// checkHistory is what the fence promises for one resource: in the order of the effects the tokens never go back, and every append that was
// acknowledged is there exactly once for each acknowledgement. It returns the first thing that is wrong.
func checkHistory(history []fence.Token, acknowledged map[fence.Token]int) error {
	found := map[fence.Token]int{}
	for i, t := range history {
		if i > 0 && t.Less(history[i-1]) {
			return fmt.Errorf("stale write: %v after %v", t, history[i-1])
		}
		found[t]++
	}
	for t, n := range acknowledged {
		if found[t] != n {
			return fmt.Errorf("lost update: token %v was told %d times that it is stored, and %d are", t, n, found[t])
		}
	}
	for t, n := range found {
		if acknowledged[t] != n {
			return fmt.Errorf("refused, yet stored: token %v, %d times", t, n-acknowledged[t])
		}
	}
	return nil
}

// unfenced is the first control: a store that looks at no token.
type unfenced struct {
	mu      sync.Mutex // guards history
	history []fence.Token
}

func (s *unfenced) Seal(context.Context, string, fence.Token) error { return nil }

func (s *unfenced) Read(context.Context, string, fence.Token) ([]fence.Token, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.history, s.history != nil, nil
}

func (s *unfenced) Write(_ context.Context, _ string, _ fence.Token, history []fence.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = history
	return nil
}

// sealless is the second control: a guard that compares on every write and takes no notice of a new holder before its first one.
type sealless struct {
	unfenced
	guard fence.Memory[[]fence.Token]
}

func (s *sealless) Read(context.Context, string, fence.Token) ([]fence.Token, bool, error) {
	e := s.guard.Peek(name)
	return e.Value, e.Exists, nil
}

func (s *sealless) Write(ctx context.Context, name string, t fence.Token, history []fence.Token) error {
	return s.guard.Write(ctx, name, t, history)
}

func (s *sealless) final() []fence.Token { return s.guard.Peek(name).Value }

func (s *unfenced) final() []fence.Token { return s.history }

// memory is the subject.
type memory struct{ fence.Memory[[]fence.Token] }

func (m *memory) final() []fence.Token { return m.Peek(name).Value }

type finalStore interface {
	store
	final() []fence.Token
}

// Two schedules of a paused holder, played step by step, so that a control which should fail fails every time.
func TestPausedHolder(t *testing.T) {
	old, young := fence.Token{ID: 6}, fence.Token{ID: 7}

	// The old holder pauses between its read and its write, and resumes when the new one is done.
	afterTheWrite := func(ctx context.Context, s store, acknowledged map[fence.Token]int) {
		acknowledge(acknowledged, old, appendOnce(ctx, s, old, func() {
			_ = s.Seal(ctx, name, young)
			acknowledge(acknowledged, young, appendOnce(ctx, s, young, func() {}))
		}))
	}
	// It resumes earlier: the new holder has sealed and read, and not yet written.
	beforeTheWrite := func(ctx context.Context, s store, acknowledged map[fence.Token]int) {
		h, _, _ := s.Read(ctx, name, old)
		_ = s.Seal(ctx, name, young)
		acknowledge(acknowledged, young, appendOnce(ctx, s, young, func() {
			acknowledge(acknowledged, old, s.Write(ctx, name, old, append(slices.Clone(h), old)))
		}))
	}

	for _, c := range []struct {
		name     string
		store    finalStore
		schedule func(context.Context, store, map[fence.Token]int)
		want     string // Empty when the history must be right.
	}{
		{"ok memory, resumes after the new holder's write", new(memory), afterTheWrite, ""},
		{"ok memory, resumes before the new holder's write", new(memory), beforeTheWrite, ""},
		{"bad no fence, resumes after", new(unfenced), afterTheWrite, "lost update"},
		{"bad no fence, resumes before", new(unfenced), beforeTheWrite, "lost update"},
		{"ok no seal, resumes after", new(sealless), afterTheWrite, ""}, // What a guard without Seal does catch.
		{"bad no seal, resumes before", new(sealless), beforeTheWrite, "lost update"},
	} {
		t.Run(c.name, func(t *testing.T) {
			acknowledged := map[fence.Token]int{}
			c.schedule(t.Context(), c.store, acknowledged)
			err := checkHistory(c.store.final(), acknowledged)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func acknowledge(acknowledged map[fence.Token]int, t fence.Token, err error) {
	if err == nil {
		acknowledged[t]++
	}
}

// 64 holders that all believe in their lock, in random order and at once. The fence must sort it out, and the checker must see when it does not.
func TestManyBelievers(t *testing.T) {
	for _, c := range []struct {
		name  string
		store finalStore
		ok    bool
	}{
		{"ok memory", new(memory), true},
		{"bad no fence", new(unfenced), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			acknowledged := believe(t, c.store, 64, 20)
			err := checkHistory(c.store.final(), acknowledged)
			if !c.ok {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 20, acknowledged[fence.Token{ID: 64}], "the newest holder is never refused")
		})
	}
}

// believe runs holders goroutines, each with a token of its own and appends writes to make, and returns how many were acknowledged to each.
func believe(t *testing.T, s store, holders, appends int) map[fence.Token]int {
	t.Helper()
	var mu sync.Mutex // guards acknowledged
	acknowledged := map[fence.Token]int{}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for _, id := range rand.Perm(holders) {
		token := fence.Token{ID: uint64(id + 1)}
		wg.Go(func() {
			<-start
			for range appends {
				err := appendOnce(t.Context(), s, token, runtime.Gosched)
				if err != nil && !errors.Is(err, fence.ErrStale) {
					t.Errorf("%v: %v", token, err)
				}
				mu.Lock()
				acknowledge(acknowledged, token, err)
				mu.Unlock()
			}
		})
	}
	close(start)
	wg.Wait()
	return acknowledged
}

// The checker itself, on histories written by hand.
func TestCheckHistory(t *testing.T) {
	a, b := fence.Token{ID: 1}, fence.Token{ID: 2}
	for _, c := range []struct {
		name         string
		history      []fence.Token
		acknowledged map[fence.Token]int
		want         string
	}{
		{"ok empty", nil, nil, ""},
		{"ok in order", []fence.Token{a, a, b}, map[fence.Token]int{a: 2, b: 1}, ""},
		{"bad order", []fence.Token{a, b, a}, map[fence.Token]int{a: 2, b: 1}, "stale write"},
		{"bad lost", []fence.Token{a, b}, map[fence.Token]int{a: 2, b: 1}, "lost update"},
		{"bad refused yet stored", []fence.Token{a, b}, map[fence.Token]int{b: 1}, "refused, yet stored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkHistory(c.history, c.acknowledged)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}
