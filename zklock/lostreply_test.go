package zklock_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// link gives a test a way to the server that can be cut.
func (s *stage) link() *partition.Link {
	s.t.Helper()
	return partition.Run(s.t, map[string]string{"client-zk": s.zk.Addrs()[0]}).MustLink("client-zk")
}

// The server has created the node, and the client does not know.
func TestLostReplyOfTheCreate(t *testing.T) {
	for _, lock := range []struct {
		name string
		of   func(*zklock.Mutex) func(context.Context) (*zklock.Hold, error)
	}{
		{"Lock", func(m *zklock.Mutex) func(context.Context) (*zklock.Hold, error) { return m.Lock }},
		{"TryLock", func(m *zklock.Mutex) func(context.Context) (*zklock.Hold, error) { return m.TryLock }},
	} {
		t.Run(lock.name, func(t *testing.T) {
			s := newStage(t)
			s.mkdir()
			link := s.link()
			client := s.open(link.Addr())
			id := s.live(client).ID()

			cut := link.MustCut(t, partition.Drop, partition.FromServer)
			done := lockLater(s.ctx(), lock.of(s.mutex(client)))
			s.requireChildren(1)
			requireWaiting(t, done)
			cut.MustHeal(t)

			h := granted(t, done)
			require.Equal(t, []string{session.Base(h.Path())}, s.children(), "one node, and it is the hold's")
			stat := s.stat(h.Path())
			require.EqualValues(t, stat.Czxid, h.Token().ID)
			require.Equal(t, id, stat.EphemeralOwner)
			require.Equal(t, id, s.live(client).ID(), "in the same session")
			require.EqualValues(t, 1, s.stat(s.path).Cversion, "and it was created once")
			s.unlock(h)
			require.Empty(t, s.children())
		})
	}
}

// The server has not heard of the create: it is sent again.
func TestLostCreate(t *testing.T) {
	s := newStage(t)
	s.mkdir()
	link := s.link()
	client := s.open(link.Addr())
	cut := link.MustCut(t, partition.Drop, partition.Both)
	before := offered(t, link)
	done := lockLater(s.ctx(), s.mutex(client).Lock)
	s.eventually(func() bool { return offered(t, link) > before }, "nothing was sent")
	cut.MustHeal(t)
	h := granted(t, done)
	require.Equal(t, []string{session.Base(h.Path())}, s.children())
	require.EqualValues(t, 1, s.stat(s.path).Cversion)
	s.unlock(h)
}

func offered(t *testing.T, link *partition.Link) int64 {
	t.Helper()
	traffic, counted := link.Traffic()
	require.True(t, counted)
	return traffic.ToServer.Offered
}

// The caller gives up while the reply is lost. The node that it does not know of must not stay.
func TestLostReplyOfTheCreateOfACallerWhoGaveUp(t *testing.T) {
	s := newStage(t)
	s.mkdir()
	link := s.link()
	client := s.open(link.Addr())
	id := s.live(client).ID()
	cut := link.MustCut(t, partition.Drop, partition.FromServer)
	ctx, cancel := context.WithCancelCause(s.ctx())
	done := lockLater(ctx, s.mutex(client).Lock)
	s.requireChildren(1)
	cancel(context.Canceled)
	require.ErrorIs(t, receive(t, done).err, context.Canceled)
	require.Len(t, s.children(), 1, "nobody can reach the server")
	cut.MustHeal(t)
	s.requireChildren(0)
	require.Equal(t, id, s.live(client).ID(), "it was removed, and did not go with its session")
	s.unlock(s.lock(s.mutex(client)))
}

// The server has deleted the node, and the client does not know.
func TestLostReplyOfTheDelete(t *testing.T) {
	s := newStage(t)
	link := s.link()
	client := s.open(link.Addr())
	h := s.lock(s.mutex(client))
	cut := link.MustCut(t, partition.Drop, partition.FromServer)
	done := make(chan error, 1)
	go func() { done <- h.Unlock(s.ctx()) }()
	s.requireChildren(0)
	select {
	case err := <-done:
		require.Fail(t, "Unlock returned without knowing", "%v", err)
	default:
	}
	cut.MustHeal(t)
	require.NoError(t, receive(t, done))
	require.ErrorIs(t, h.Err(), zklock.ErrReleased)
	s.unlock(h)
	s.unlock(s.lock(s.mutex(client)))
}

// A create that could not be sent, or was sent into the void, belongs to its session. In the next one nobody wants it.
func TestCreateOfALostSessionIsNeverExecuted(t *testing.T) {
	for _, c := range []struct {
		name      string
		kind      partition.Kind
		direction partition.Direction
		suspended bool // the client knows that it is cut off when it asks for the lock
	}{
		{"sent and dropped", partition.Drop, partition.Both, false},
		{"sent and late", partition.Jam, partition.Both, false},
		{"sent and late, with answers lost", partition.Jam, partition.ToServer, false},
		{"not sent", partition.Drop, partition.Both, true},
		{"not sent, port closed", partition.Refuse, partition.Both, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.mkdir()
			link := s.link()
			client := s.open(link.Addr())
			first := s.live(client)
			require.True(t, s.knows(first.ID()))
			mark := s.path + "-mark"
			_, err := first.Create(s.ctx(), mark, nil, session.Ephemeral, nil)
			require.NoError(t, err)
			over := s.watchGone(mark)

			cut := link.MustCut(t, c.kind, c.direction)
			if c.suspended {
				s.eventually(func() bool { return first.State() != session.Connected }, "the client notices nothing")
				require.Equal(t, session.Suspended, first.State())
			}
			before := offered(t, link)
			done := lockLater(s.ctx(), s.mutex(client).Lock)
			if !c.suspended {
				s.eventually(func() bool { return offered(t, link) > before }, "nothing was sent")
			}
			receive(t, first.Done())
			a := receive(t, done)
			require.ErrorIs(t, a.err, zklock.ErrLost)
			var lost *zklock.LostError
			require.ErrorAs(t, a.err, &lost)
			require.Equal(t, s.path, lost.Path)
			require.True(t, lost.Token.IsZero())
			require.ErrorIs(t, a.err, session.ErrLost)

			// A busy server stops listing a session some time before it takes nothing more from it. When what the session owned is gone, both are true.
			receive(t, over)
			require.False(t, s.knows(first.ID()))
			cut.MustHeal(t)
			second := s.live(client)
			require.NotEqual(t, first.ID(), second.ID())
			require.NoError(t, second.Sync(s.ctx(), s.path))
			require.NoError(t, second.EnsureContainers(s.ctx(), s.path, nil), "a write of the new session, behind all that may have been queued")
			h := s.lock(s.mutex(client))
			require.EqualValues(t, 1, s.stat(s.path).Cversion, "the lost Lock created nothing, the new one did")
			s.unlock(h)
		})
	}
}
