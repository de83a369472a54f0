package zklock_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

func TestPeopleSeeWhoHoldsAndWhoWaits(t *testing.T) {
	s := newStage(t)
	host, err := os.Hostname()
	require.NoError(t, err)
	began := time.Now().Add(-time.Second)
	first, second := s.open(""), s.open("")
	holder := s.mutexWith(first, zklock.Config{Label: "billing"})
	none, err := holder.Contenders(s.ctx())
	require.NoError(t, err)
	require.Empty(t, none, "a lock that was never taken")

	h := s.lock(holder)
	ctx, cancel := context.WithCancelCause(s.ctx())
	waiter := s.mutexWith(second, zklock.Config{Label: "reports"})
	name, waiting := s.enqueue(ctx, waiter)
	s.put(s.path+"/a-note", "not a contender")
	s.put(s.path+"/lock-2000000000", "10.0.0.7") // as Curator writes it

	all, err := waiter.Contenders(s.ctx())
	require.NoError(t, err)
	require.Len(t, all, 3)
	for i, want := range []struct {
		path, label string
		client      *session.Client
	}{{h.Path(), "billing", first}, {session.Join(s.path, name), "reports", second}} {
		c := all[i]
		require.Equal(t, want.path, c.Path)
		require.EqualValues(t, i, c.Sequence)
		require.Equal(t, s.live(want.client).ID(), c.SessionID)
		require.EqualValues(t, s.stat(want.path).Czxid, c.Token.ID)
		require.Equal(t, host, c.Owner.Host)
		require.Equal(t, os.Getpid(), c.Owner.PID)
		require.Equal(t, want.label, c.Owner.Label)
		require.WithinRange(t, c.Owner.Start, began, time.Now().Add(time.Second))
		require.Contains(t, c.Owner.String(), want.label)
	}
	require.Equal(t, h.Token(), all[0].Token)
	require.Equal(t, zklock.Contender{
		Path: s.path + "/lock-2000000000", Sequence: 2000000000, Token: all[2].Token, Owner: zklock.Owner{Raw: "10.0.0.7"},
	}, all[2])

	enough := errors.New("enough")
	cancel(enough)
	require.ErrorIs(t, receive(t, waiting).err, enough)
	s.unlock(h)
}

func TestTryLock(t *testing.T) {
	s := newStage(t)
	client := s.open("")
	holder, other := s.mutexWith(s.open(""), zklock.Config{Label: "billing", Generation: 3}), s.mutexWith(client, zklock.Config{Generation: 3})
	h, err := holder.TryLock(s.ctx())
	require.NoError(t, err)

	for range 3 {
		_, err = other.TryLock(s.ctx())
		require.Len(t, s.children(), 1, "its own node is gone when it returns")
		require.ErrorIs(t, err, zklock.ErrHeld)
		require.NotErrorIs(t, err, zklock.ErrLost)
		var held *zklock.HeldError
		require.ErrorAs(t, err, &held)
		require.Equal(t, s.path, held.Path)
		require.Equal(t, h.Token(), held.Token)
		require.Equal(t, "billing", held.Owner.Label)
		require.Equal(t, os.Getpid(), held.Owner.PID)
		require.ErrorContains(t, err, "billing")
		require.ErrorContains(t, err, h.Token().String())
		require.ErrorContains(t, err, s.path)
	}

	_, err = holder.TryLock(s.ctx())
	require.ErrorIs(t, err, zklock.ErrHeld, "it is not reentrant")
	s.unlock(h)

	again, err := other.TryLock(s.ctx())
	require.NoError(t, err)
	requireRises(t, h.Token(), again.Token())
	s.unlock(again)
}

// A waiter has a right to the lock before one who only tries.
func TestTryLockDoesNotOvertake(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	_, waiting := s.enqueue(s.ctx(), s.mutex(s.open("")))
	try := s.mutex(s.open(""))
	_, err := try.TryLock(s.ctx())
	require.ErrorIs(t, err, zklock.ErrHeld)
	requireWaiting(t, waiting)
	s.unlock(h)
	next := granted(t, waiting)
	_, err = try.TryLock(s.ctx())
	require.ErrorIs(t, err, zklock.ErrHeld)
	s.unlock(next)
}

func TestAContextThatHasEnded(t *testing.T) {
	s := newStage(t)
	s.mkdir()
	m := s.mutex(s.open(""))
	cause := errors.New("too late")
	ctx, cancel := context.WithCancelCause(s.ctx())
	cancel(cause)
	for range 5 {
		_, err := m.Lock(ctx)
		require.ErrorIs(t, err, cause)
		_, err = m.TryLock(ctx)
		require.ErrorIs(t, err, cause)
	}
	require.Zero(t, s.stat(s.path).Cversion, "nothing was created for it")
}
