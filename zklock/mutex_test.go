package zklock_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// A section is a critical section that notices when two are in it. It has no lock of its own that could hide that.
type section struct {
	inside  atomic.Int32
	crowded atomic.Int32 // times that somebody was not alone
	visits  atomic.Int32
}

func (c *section) visit(work func()) {
	if c.inside.Add(1) != 1 {
		c.crowded.Add(1)
	}
	work()
	if c.inside.Add(-1) != 0 {
		c.crowded.Add(1)
	}
	c.visits.Add(1)
}

func TestSectionNoticesTwo(t *testing.T) {
	var c section
	both := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			c.visit(func() { // each waits for the other to be in
				select {
				case both <- struct{}{}:
				case <-both:
				}
			})
		})
	}
	wg.Wait()
	require.NotZero(t, c.crowded.Load(), "the checker is blind")
}

func TestOneHolderAtATimeWithRisingTokens(t *testing.T) {
	const clients, rounds = 8, 40
	s := newStage(t)
	var (
		c      section
		mark   fence.Mark
		newest atomic.Pointer[fence.Token]
		wg     sync.WaitGroup
	)
	newest.Store(new(fence.Token))
	failed := make(chan error, clients)
	for range clients {
		m := s.mutex(s.open(""))
		wg.Go(func() {
			for range rounds {
				h, err := m.Lock(s.ctx())
				if err != nil {
					failed <- err
					return
				}
				c.visit(func() {
					token := h.Token()
					if before := newest.Swap(&token); !before.Less(token) {
						err = errors.Join(err, errors.New("token "+token.String()+" after "+before.String()))
					}
					err = errors.Join(err, mark.Seal(token), mark.Check(token), h.Err())
				})
				if err = errors.Join(err, h.Unlock(s.ctx())); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	require.EqualValues(t, clients*rounds, c.visits.Load())
	require.Zero(t, c.crowded.Load(), "two held the lock at once")
}

func TestManyGoroutinesShareOneMutex(t *testing.T) {
	s := newStage(t)
	m := s.mutex(s.open(""))
	var c section
	var wg sync.WaitGroup
	failed := make(chan error, 100)
	for range 10 {
		wg.Go(func() {
			for range 5 {
				failed <- m.Do(s.ctx(), func(context.Context, *zklock.Hold) error {
					c.visit(func() {})
					return nil
				})
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	require.EqualValues(t, 50, c.visits.Load())
	require.Zero(t, c.crowded.Load())
}

func TestHoldTellsOfItself(t *testing.T) {
	s := newStage(t)
	m, err := zklock.NewMutex(s.open(""), s.path, zklock.Config{Generation: 7})
	require.NoError(t, err)
	require.Equal(t, s.path, m.Path())
	h := s.lock(m)
	require.Equal(t, s.path, session.Parent(h.Path()))
	require.Regexp(t, `^_c_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-lock-\d{10}$`, session.Base(h.Path()), "Curator's format")
	require.Equal(t, fence.Token{Generation: 7, ID: uint64(s.stat(h.Path()).Czxid)}, h.Token())
	require.NoError(t, h.Err())
	ctx, cancel := h.Context(t.Context())
	defer cancel()
	require.NoError(t, ctx.Err())

	s.unlock(h)
	receive(t, h.Done())
	require.ErrorIs(t, h.Err(), zklock.ErrReleased)
	receive(t, ctx.Done())
	require.ErrorIs(t, context.Cause(ctx), zklock.ErrReleased)
	s.unlock(h) // once more is no error
	require.NotZero(t, h.Token())
}

func TestContextOfAHoldEndsWithItsParentAndWhenFreed(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	cause := errors.New("enough")
	parent, stop := context.WithCancelCause(t.Context())
	ctx, cancel := h.Context(parent)
	defer cancel()
	stop(cause)
	receive(t, ctx.Done())
	require.ErrorIs(t, context.Cause(ctx), cause)

	freed, free := h.Context(t.Context())
	free()
	receive(t, freed.Done())
	require.NoError(t, h.Err(), "freeing a context does not end the hold")
	s.unlock(h)
}

func TestBadPaths(t *testing.T) {
	for _, path := range []string{"", "locks", "/", "/locks/", "//locks", "/a//b", "/a/./b", "/a/..", "/.", "/.."} {
		_, err := zklock.NewMutex(nil, path, zklock.Config{})
		require.ErrorContains(t, err, "zklock: path", "%q", path)
	}
	for _, path := range []string{"/a", "/a/b", "/a/.b", "/a/...", "/..a"} {
		_, err := zklock.NewMutex(nil, path, zklock.Config{})
		require.NoError(t, err, "%q", path)
	}
}

func TestDo(t *testing.T) {
	s := newStage(t)
	m := s.mutex(s.open(""))
	mine := errors.New("mine")

	t.Run("returns what f returned", func(t *testing.T) {
		require.NoError(t, m.Do(s.ctx(), func(ctx context.Context, h *zklock.Hold) error { return errors.Join(ctx.Err(), h.Err()) }))
		require.ErrorIs(t, m.Do(s.ctx(), func(context.Context, *zklock.Hold) error { return mine }), mine)
		require.Empty(t, s.children())
	})
	t.Run("gives back when f panics", func(t *testing.T) {
		var held *zklock.Hold
		require.PanicsWithValue(t, "oh", func() {
			_ = m.Do(s.ctx(), func(_ context.Context, h *zklock.Hold) error {
				held = h
				panic("oh")
			})
		})
		require.ErrorIs(t, held.Err(), zklock.ErrReleased)
		require.Empty(t, s.children())
	})
	t.Run("gives back although ctx ended", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(s.ctx())
		err := m.Do(ctx, func(inner context.Context, _ *zklock.Hold) error {
			cancel(mine)
			<-inner.Done()
			return context.Cause(inner)
		})
		require.ErrorIs(t, err, mine)
		require.Empty(t, s.children())
	})
	t.Run("tells of a loss that f did not notice", func(t *testing.T) {
		err := m.Do(s.ctx(), func(_ context.Context, h *zklock.Hold) error {
			s.remove(h.Path())
			receive(t, h.Done())
			return nil
		})
		require.ErrorIs(t, err, zklock.ErrLost)
		require.ErrorIs(t, err, session.ErrNodeGone)
	})
	t.Run("ends the context of f with the loss as its cause", func(t *testing.T) {
		err := m.Do(s.ctx(), func(inner context.Context, h *zklock.Hold) error {
			s.remove(h.Path())
			receive(t, inner.Done())
			return context.Cause(inner)
		})
		require.ErrorIs(t, err, zklock.ErrLost)
	})
	t.Run("does not run f without the lock", func(t *testing.T) {
		h := s.lock(m)
		ctx, cancel := context.WithCancelCause(s.ctx())
		cancel(mine)
		require.ErrorIs(t, m.Do(ctx, func(context.Context, *zklock.Hold) error { panic("it ran") }), mine)
		s.unlock(h)
	})
}
