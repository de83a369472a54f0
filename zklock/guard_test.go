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

func TestGuardApplies(t *testing.T) {
	s := newStage(t)
	a, b, c := s.root+"/a", s.root+"/b", s.root+"/c"
	s.put(a, "1")
	s.put(b, "1")
	h := s.lock(s.mutex(s.open("")))

	results, err := h.Guard(s.ctx(),
		session.SetOp(a, []byte("2"), 0), session.CreateOp(c, []byte("new"), session.Persistent, nil), session.DeleteOp(b, 0), session.Check(a, 1))
	require.NoError(t, err)
	require.Len(t, results, 4, "one for each operation, and none for the guard")
	require.EqualValues(t, 1, results[0].Stat.Version)
	require.Equal(t, c, results[1].Path)
	require.Equal(t, "2", s.get(a))
	require.Equal(t, "new", s.get(c))
	require.Nil(t, s.stat(b))
	s.remove(c)

	results, err = h.Guard(s.ctx())
	require.NoError(t, err, "nothing to do, and the lock is held")
	require.Empty(t, results)
	s.unlock(h)
	_, err = h.Guard(s.ctx(), session.SetOp(a, []byte("3"), session.AnyVersion))
	require.ErrorIs(t, err, zklock.ErrReleased)
	require.Equal(t, "2", s.get(a))
}

func TestGuardSaysWhichOperationWasRefused(t *testing.T) {
	s := newStage(t)
	a := s.root + "/a"
	s.put(a, "1")
	h := s.lock(s.mutex(s.open("")))
	good := session.SetOp(a, []byte("2"), session.AnyVersion)
	for _, c := range []struct {
		name  string
		ops   []session.Op
		index int
		why   error
	}{
		{"the only one", []session.Op{session.SetOp(a, nil, 7)}, 0, session.ErrBadVersion},
		{"the first", []session.Op{session.DeleteOp(s.root+"/none", 0), good}, 0, session.ErrNoNode},
		{"the second", []session.Op{good, session.SetOp(a, nil, 7)}, 1, session.ErrBadVersion},
		{"the last", []session.Op{good, good, session.CreateOp(a, nil, session.Persistent, nil)}, 2, session.ErrNodeExists},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, err := h.Guard(s.ctx(), c.ops...)
			require.Nil(t, results)
			var refused *session.MultiError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.index, refused.Index)
			require.ErrorIs(t, err, c.why)
			require.NotErrorIs(t, err, zklock.ErrLost)
			require.NoError(t, h.Err(), "a refused operation is no loss")
			require.Equal(t, "1", s.get(a), "nothing was applied")
		})
	}
	s.unlock(h)
}

// The client does not know yet that its node is gone. The server does.
func TestGuardIsRefusedBeforeTheClientKnows(t *testing.T) {
	s := newStage(t)
	a := s.root + "/a"
	s.put(a, "untouched")
	client := s.open("")
	unseen := 0
	for range 20 {
		h := s.lock(s.mutex(client))
		s.remove(h.Path())
		if h.Err() == nil {
			unseen++
		}
		_, err := h.Guard(s.ctx(), session.SetOp(a, []byte("stale"), session.AnyVersion))
		require.ErrorIs(t, err, zklock.ErrLost)
		require.ErrorIs(t, err, session.ErrNodeGone)
		require.ErrorIs(t, h.Err(), zklock.ErrLost, "now it is known")
		receive(t, h.Done())
		require.Equal(t, "untouched", s.get(a))
	}
	t.Logf("unseen when the guard was asked: %d of 20", unseen)
}

// The client cannot know: it hears nothing. It believes, sends its write, and the server refuses.
func TestGuardIsRefusedWhenTheClientIsDeaf(t *testing.T) {
	s := newStage(t)
	a := s.root + "/a"
	s.put(a, "untouched")
	link := s.link()
	h := s.lock(s.mutex(s.open(link.Addr())))
	_, waiting := s.enqueue(s.ctx(), s.mutex(s.open("")))
	cut := link.MustCut(t, partition.Jam, partition.FromServer)
	s.remove(h.Path())
	next := granted(t, waiting)
	_, err := next.Guard(s.ctx(), session.SetOp(a, []byte("next"), session.AnyVersion))
	require.NoError(t, err)

	require.NoError(t, h.Err(), "it still believes")
	before := offered(t, link)
	done := make(chan error, 1)
	go func() {
		_, err := h.Guard(s.ctx(), session.SetOp(a, []byte("stale"), session.AnyVersion))
		done <- err
	}()
	s.eventually(func() bool { return offered(t, link) > before }, "nothing was sent")
	cut.MustHeal(t)
	require.ErrorIs(t, receive(t, done), zklock.ErrLost)
	require.Equal(t, "next", s.get(a))
	s.unlock(next)
}

// The hold is lost while the guarded write waits for a connection.
func TestGuardThatWaitsForAConnection(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.root + "/a"
	s.put(a, "untouched")
	link := s.link()
	client := s.open(link.Addr())
	h := s.lock(s.mutex(client))
	live := s.live(client)
	cut := link.MustCut(t, partition.Refuse, partition.Both)
	s.eventually(func() bool { return live.State() != session.Connected }, "the client notices nothing")
	require.NoError(t, h.Err())

	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(s.ctx())
	given := make(chan error, 1)
	go func() {
		_, err := h.Guard(ctx, session.SetOp(a, []byte("given up"), session.AnyVersion))
		given <- err
	}()
	cancel(enough)
	require.ErrorIs(t, receive(t, given), enough)

	_, err := h.Guard(s.ctx(), session.SetOp(a, []byte("stale"), session.AnyVersion))
	require.ErrorIs(t, err, zklock.ErrLost)
	require.ErrorIs(t, err, session.ErrDeadline)
	require.NotErrorIs(t, err, session.ErrUnknownOutcome, "it was never sent")
	s.expired(live.ID())
	cut.MustHeal(t)
	require.NotEqual(t, live.ID(), s.live(client).ID())
	require.Equal(t, "untouched", s.get(a))
}

// The reply to a guarded write is lost: nobody knows whether it was applied, and that is said.
func TestGuardWithALostReply(t *testing.T) {
	s := newStage(t)
	a := s.root + "/a"
	s.put(a, "1")
	link := s.link()
	h := s.lock(s.mutex(s.open(link.Addr())))
	cut := link.MustCut(t, partition.Drop, partition.FromServer)
	done := make(chan error, 1)
	go func() {
		_, err := h.Guard(s.ctx(), session.SetOp(a, []byte("2"), session.AnyVersion))
		done <- err
	}()
	s.eventually(func() bool { return s.get(a) == "2" }, "it is not applied")
	cut.MustHeal(t)
	err := receive(t, done)
	require.ErrorIs(t, err, session.ErrUnknownOutcome)
	require.NotErrorIs(t, err, zklock.ErrLost)
	require.NoError(t, h.Err())
	s.unlock(h)
}
