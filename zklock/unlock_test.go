package zklock_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// unlockLater gives the lock back in a goroutine, and returns when the hold has ended locally.
func unlockLater(ctx context.Context, t *testing.T, h *zklock.Hold) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- h.Unlock(ctx) }()
	receive(t, h.Done())
	require.ErrorIs(t, h.Err(), zklock.ErrReleased, "belief ends before the node does")
	return done
}

func TestUnlockDuringACutThatHeals(t *testing.T) {
	for _, kind := range []partition.Kind{partition.Drop, partition.Jam, partition.Refuse, partition.Reset} {
		t.Run(kind.String(), func(t *testing.T) {
			s := newStage(t)
			link := s.link()
			client := s.open(link.Addr())
			id := s.live(client).ID()
			h := s.lock(s.mutex(client))
			cut := link.MustCut(t, kind, partition.Both)
			done := unlockLater(s.ctx(), t, h)
			require.Len(t, s.children(), 1, "the delete cannot have passed")
			require.Empty(t, done)
			cut.MustHeal(t)
			require.NoError(t, receive(t, done))
			require.Empty(t, s.children(), "the node is surely gone when Unlock says so")
			require.Equal(t, id, s.live(client).ID(), "it was deleted, and did not go with its session")
		})
	}
}

func TestUnlockThatNobodyConfirms(t *testing.T) {
	enough := errors.New("enough")
	setUp := func(t *testing.T) (*stage, *session.Client, *partition.Cut, *zklock.Hold) {
		t.Parallel()
		s := newStage(t)
		link := s.link()
		client := s.open(link.Addr())
		h := s.lock(s.mutex(client))
		cut := link.MustCut(t, partition.Drop, partition.Both)
		ctx, cancel := context.WithCancelCause(s.ctx())
		done := unlockLater(ctx, t, h)
		cancel(enough)
		err := receive(t, done)
		require.ErrorIs(t, err, zklock.ErrNotConfirmed)
		require.ErrorIs(t, err, enough)
		require.NotErrorIs(t, err, zklock.ErrLost)
		require.Len(t, s.children(), 1)
		return s, client, cut, h
	}

	t.Run("and then the cut heals", func(t *testing.T) {
		s, client, cut, h := setUp(t)
		id := s.live(client).ID()
		cut.MustHeal(t)
		s.unlock(h) // a later call waits for the rest of the first one
		require.Empty(t, s.children())
		require.Equal(t, id, s.live(client).ID())
	})
	t.Run("and then the session is lost", func(t *testing.T) {
		s, client, cut, h := setUp(t)
		first := s.live(client)
		later := make(chan error, 1)
		go func() { later <- h.Unlock(s.ctx()) }()
		err := receive(t, later)
		require.ErrorIs(t, err, zklock.ErrNotConfirmed, "nobody told that the node is gone")
		require.ErrorIs(t, err, session.ErrLost)
		require.ErrorIs(t, first.Err(), session.ErrDeadline)
		require.Equal(t, err, h.Unlock(s.ctx()), "and it stays so")
		require.ErrorIs(t, h.Err(), zklock.ErrReleased, "it was given back before the session was lost")
		s.requireChildren(0) // it went with the session
		cut.MustHeal(t)
		s.unlock(s.lock(s.mutex(client)))
	})
}

// The context of the caller has ended before: the lock is given back all the same.
func TestUnlockWithAContextThatHasEnded(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	ctx, cancel := context.WithCancel(s.ctx())
	cancel()
	if err := h.Unlock(ctx); err != nil {
		require.ErrorIs(t, err, zklock.ErrNotConfirmed)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.ErrorIs(t, h.Err(), zklock.ErrReleased)
	s.unlock(h)
	require.Empty(t, s.children())
	require.NoError(t, h.Unlock(ctx), "what is known needs no time")
}

func TestManyUnlocksAtOnce(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	done := make(chan error, 10)
	for range cap(done) {
		go func() { done <- h.Unlock(s.ctx()) }()
	}
	for range cap(done) {
		require.NoError(t, receive(t, done))
	}
	require.Empty(t, s.children())
}

// The client closes while it holds. The hold is lost then, and the node goes at once.
func TestCloseWhileHolding(t *testing.T) {
	s := newStage(t)
	client := s.open("")
	h := s.lock(s.mutex(client))
	_, waiting := s.enqueue(s.ctx(), s.mutex(s.open("")))
	s.close(client)
	require.ErrorIs(t, h.Err(), zklock.ErrLost)
	require.ErrorIs(t, h.Err(), session.ErrClosed)
	require.ErrorIs(t, h.Unlock(s.ctx()), zklock.ErrLost)
	next := granted(t, waiting)
	requireRises(t, h.Token(), next.Token())
	s.unlock(next)
}

// A waiter whose client is closed is told.
func TestCloseWhileWaiting(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	client := s.open("")
	_, waiting := s.enqueue(s.ctx(), s.mutex(client))
	s.close(client)
	err := receive(t, waiting).err
	require.ErrorIs(t, err, zklock.ErrLost)
	require.ErrorIs(t, err, session.ErrClosed)
	require.Equal(t, []string{session.Base(h.Path())}, s.children())
	s.unlock(h)
	_, err = s.mutex(client).Lock(s.ctx())
	require.ErrorIs(t, err, session.ErrClosed)
}

// An operator deletes the node, and somebody else takes the lock, before this client hears of it. Unlock finds no node to delete, and must not say that all was
// well: the hold had ended before it was given back.
func TestUnlockOfANodeThatWasDeletedUnseen(t *testing.T) {
	s := newStage(t)
	link := s.link()
	h := s.lock(s.mutex(s.open(link.Addr())))
	_, waiting := s.enqueue(s.ctx(), s.mutex(s.open("")))
	cut := link.MustCut(t, partition.Jam, partition.FromServer)
	s.remove(h.Path())
	next := granted(t, waiting)
	done := unlockLater(s.ctx(), t, h)
	cut.MustHeal(t)
	err := receive(t, done)
	s.unlock(next)
	require.ErrorIs(t, err, zklock.ErrLost)
	require.ErrorIs(t, err, session.ErrNodeGone)
}
