package zklock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// The holder is cut off. It stops believing before the server gives the lock away: both on the one monotonic clock of this process.
func TestHolderThatIsCutOffStopsBelievingInTime(t *testing.T) {
	for _, c := range []struct {
		kind      partition.Kind
		direction partition.Direction
	}{
		{partition.Drop, partition.Both},
		{partition.Drop, partition.ToServer},
		{partition.Drop, partition.FromServer},
		{partition.Jam, partition.Both},
		{partition.Jam, partition.ToServer},
		{partition.Jam, partition.FromServer},
		{partition.Refuse, partition.Both},
		{partition.Reset, partition.Both},
	} {
		t.Run(c.kind.String()+" "+c.direction.String(), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			link := s.link()
			client := s.open(link.Addr())
			m := s.mutex(client)
			h := s.lock(m)
			require.Equal(t, timeout, s.live(client).Timeout(), "the server grants another session")
			s.renewed(h)
			_, waiting := s.enqueue(s.ctx(), s.mutex(s.open("")))

			gone := s.watchGone(h.Path())
			truth := make(chan saw, 1)
			go func() {
				<-gone
				truth <- saw{time.Now(), h.Err()}
			}()
			belief := make(chan saw, 1)
			go func() {
				<-h.Done()
				belief <- saw{time.Now(), h.Err()}
			}()

			cut := link.MustCut(t, c.kind, c.direction)
			ended, deleted := receive(t, belief), receive(t, truth)
			requireBeliefEndedFirst(t, ended, deleted)
			for _, err := range []error{ended.err, h.Err()} {
				require.ErrorIs(t, err, zklock.ErrLost)
				require.ErrorIs(t, err, session.ErrDeadline)
				require.NotErrorIs(t, err, session.ErrExpired, "it was not told, it knew")
			}
			next := granted(t, waiting)
			requireRises(t, h.Token(), next.Token())
			t.Logf("lost %v after the cut, deleted %v later", ended.at.Sub(cut.Started()), deleted.at.Sub(ended.at))

			cut.MustHeal(t)
			require.ErrorIs(t, h.Unlock(s.ctx()), session.ErrDeadline)
			later := lockLater(s.ctx(), m.Lock) // the client goes on, in a session of its own
			s.requireChildren(2)
			require.NoError(t, next.Err(), "what the old session still sends is not for the new holder")
			require.ErrorIs(t, h.Err(), zklock.ErrLost)
			s.unlock(next)
			again := granted(t, later)
			requireRises(t, next.Token(), again.Token())
			s.unlock(again)
		})
	}
}

// The session is so young that nothing but its beginning is proven. There is next to no time between the deadline and the deletion then, less than a timer
// may be late by: so it is the clock that counts, which Hold.Err looks at.
func TestHolderThatIsCutOffAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	link := s.link()
	h := s.lock(s.mutex(s.open(link.Addr())))
	cut := link.MustCut(t, partition.Drop, partition.Both)
	receive(t, s.watchGone(h.Path()))
	require.ErrorIs(t, h.Err(), session.ErrDeadline)
	receive(t, h.Done())
	cut.MustHeal(t)
	require.ErrorIs(t, h.Unlock(s.ctx()), zklock.ErrLost)
}

// renewed waits until the hold lives on a renewal, and not on the write that made it.
func (s *stage) renewed(h *zklock.Hold) {
	s.t.Helper()
	for range 2 {
		deadline := h.Deadline()
		s.eventually(func() bool { return h.Deadline().After(deadline.Add(tick/4)) || h.Err() != nil }, "it is not renewed")
		require.NoError(s.t, h.Err())
	}
}

// saw is what somebody believed at a time.
type saw struct {
	at  time.Time
	err error
}

func requireBeliefEndedFirst(t require.TestingT, belief, truth saw) {
	require.Error(t, truth.err, "the holder still believed when its node was gone")
	require.True(t, belief.at.Before(truth.at), "belief ended %v after the node was gone", belief.at.Sub(truth.at))
}

type verdict struct{ failed bool }

func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) FailNow()              { panic(v) }

// The checker must see an overlap. Here an operator takes the lock away from a holder that hears nothing.
func TestBeliefCheckerSeesAnOverlap(t *testing.T) {
	s := newStage(t)
	link := s.link()
	h := s.lock(s.mutex(s.open(link.Addr())))
	cut := link.MustCut(t, partition.Jam, partition.FromServer)
	gone := s.watchGone(h.Path())
	s.remove(h.Path())
	receive(t, gone)
	truth := saw{time.Now(), h.Err()}
	cut.MustHeal(t)
	receive(t, h.Done())
	belief := saw{time.Now(), h.Err()}
	require.Panics(t, func() { requireBeliefEndedFirst(&verdict{}, belief, truth) })
	truth.err = zklock.ErrLost
	require.Panics(t, func() { requireBeliefEndedFirst(&verdict{}, belief, truth) })
	require.ErrorIs(t, h.Unlock(s.ctx()), zklock.ErrLost)
}

// A cut that heals before the deadline costs nothing.
func TestHolderSurvivesAShortCut(t *testing.T) {
	for _, kind := range partition.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			link := s.link()
			client := s.open(link.Addr())
			h := s.lock(s.mutex(client))
			id := s.live(client).ID()
			cut := link.MustCut(t, kind, partition.Both)
			deadline := h.Deadline()
			time.Sleep(timeout / 8)
			cut.MustHeal(t)
			s.renewed(h)
			select {
			case <-h.Done():
				require.NoError(t, h.Err())
			case <-time.After(time.Until(deadline.Add(tick))): // past what would have been the end without a renewal
			}
			require.NoError(t, h.Err())
			require.Equal(t, id, s.live(client).ID())
			s.unlock(h)
		})
	}
}

// The waiter is cut off, and the holder lets go meanwhile. It may not take a lock that it cannot be sure of.
func TestWaiterThatIsCutOff(t *testing.T) {
	t.Run("and comes back in time", func(t *testing.T) {
		s := newStage(t)
		h := s.lock(s.mutex(s.open("")))
		link := s.link()
		client := s.open(link.Addr())
		id := s.live(client).ID()
		name, waiting := s.enqueue(s.ctx(), s.mutex(client))
		s.eventually(func() bool { return s.watches(id, []string{name, session.Base(h.Path())}) }, "it does not wait")
		cut := link.MustCut(t, partition.Drop, partition.Both)
		s.unlock(h)
		require.Equal(t, []string{name}, s.children())
		requireWaiting(t, waiting)
		cut.MustHeal(t)
		next := granted(t, waiting)
		requireRises(t, h.Token(), next.Token())
		require.Equal(t, name, session.Base(next.Path()))
		require.Equal(t, id, s.live(client).ID())
		s.unlock(next)
	})
	// On the next connection the server tells of all that it missed, in any order: that the one ahead is gone is no grant, for its own node may be gone too.
	t.Run("and its node is deleted meanwhile", func(t *testing.T) {
		s := newStage(t)
		link := s.link()
		client := s.open(link.Addr())
		m := s.mutex(client)
		holder := s.mutex(s.open(""))
		for range 8 {
			h := s.lock(holder)
			id := s.live(client).ID()
			name, waiting := s.enqueue(s.ctx(), m)
			s.eventually(func() bool { return s.watches(id, []string{name, session.Base(h.Path())}) }, "it does not wait")
			cut := link.MustCut(t, partition.Drop, partition.Both)
			s.unlock(h)
			s.remove(session.Join(s.path, name))
			other := s.lock(holder)
			cut.MustHeal(t)
			err := receive(t, waiting).err
			require.ErrorIs(t, err, zklock.ErrLost)
			require.ErrorIs(t, err, session.ErrNodeGone)
			require.Equal(t, id, s.live(client).ID())
			s.unlock(other)
		}
	})
	t.Run("for longer than its session", func(t *testing.T) {
		t.Parallel()
		s := newStage(t)
		h := s.lock(s.mutex(s.open("")))
		link := s.link()
		client := s.open(link.Addr())
		_, waiting := s.enqueue(s.ctx(), s.mutex(client))
		cut := link.MustCut(t, partition.Drop, partition.Both)
		s.unlock(h)
		err := receive(t, waiting).err
		require.ErrorIs(t, err, zklock.ErrLost)
		require.ErrorIs(t, err, session.ErrDeadline)
		other := s.lock(s.mutex(s.open("")))
		requireRises(t, h.Token(), other.Token())
		cut.MustHeal(t)
		s.unlock(other)
		s.unlock(s.lock(s.mutex(client)))
	})
}
