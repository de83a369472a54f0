package zklock_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

func TestHoldersNodeIsDeletedByAnOperator(t *testing.T) {
	s := newStage(t)
	data := s.root + "/data"
	client := s.open("")
	h := s.lock(s.mutex(client))
	_, waiting := s.enqueue(s.ctx(), s.mutex(s.open("")))
	s.put(data, "before")

	s.remove(h.Path())
	receive(t, h.Done())
	var lost *zklock.LostError
	require.ErrorAs(t, h.Err(), &lost)
	require.ErrorIs(t, h.Err(), zklock.ErrLost)
	require.ErrorIs(t, h.Err(), session.ErrNodeGone)
	require.NotErrorIs(t, h.Err(), session.ErrLost, "the session lives")
	require.Equal(t, h.Token(), lost.Token)
	require.Equal(t, s.path, lost.Path)

	next := granted(t, waiting)
	requireRises(t, h.Token(), next.Token())
	_, err := h.Guard(s.ctx(), session.SetOp(data, []byte("stale"), session.AnyVersion))
	require.ErrorIs(t, err, zklock.ErrLost)
	require.Equal(t, "before", s.get(data))
	require.ErrorIs(t, h.Unlock(s.ctx()), session.ErrNodeGone)
	require.ErrorIs(t, h.Unlock(s.ctx()), zklock.ErrLost)
	require.NoError(t, next.Err(), "an Unlock of a hold that is lost touches nobody else's")
	require.Equal(t, []string{session.Base(next.Path())}, s.children())
	s.unlock(next)

	again := s.lock(s.mutex(client))
	requireRises(t, next.Token(), again.Token())
	require.ErrorIs(t, h.Err(), zklock.ErrLost, "nothing un-loses a hold")
	s.unlock(again)
}

// Whoever waits without a node would wait for ever, or take a lock that is not his.
func TestWaitersNodeIsDeletedByAnOperator(t *testing.T) {
	for _, c := range []struct {
		name    string
		between int // waiters between the holder and the one whose node is deleted
	}{{"next in line", 0}, {"behind another", 1}, {"behind two others", 2}} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			h := s.lock(s.mutex(s.open("")))
			var others []<-chan attempt
			for range c.between {
				_, waiting := s.enqueue(s.ctx(), s.mutex(s.open("")))
				others = append(others, waiting)
			}
			client := s.open("")
			id := s.live(client).ID()
			name, waiting := s.enqueue(s.ctx(), s.mutex(client))
			s.eventually(func() bool { return s.watches(id, []string{name}) }, "a waiter's own node is not watched")

			s.remove(session.Join(s.path, name))
			err := receive(t, waiting).err
			require.ErrorIs(t, err, zklock.ErrLost)
			require.ErrorIs(t, err, session.ErrNodeGone)
			var lost *zklock.LostError
			require.ErrorAs(t, err, &lost)
			require.True(t, lost.Token.IsZero(), "a place in the queue has no token")

			require.NoError(t, h.Err())
			s.unlock(h)
			for _, waiting := range others {
				s.unlock(granted(t, waiting))
			}
		})
	}
}

// The same, with the deletion just before the first frame that passes for the waiter, to or fro, then the second, and so on. It is told wherever that was, and no watch
// stays on a node that is gone: nobody would ever take that off again, on the server or in the client.
func TestWaitersNodeIsDeletedAtEveryStep(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	var x tap
	client := s.open("", x.use)
	id := s.live(client).ID()
	deleted := 0
	for k := 1; ; k++ {
		require.Less(t, k, 50, "it never ends")
		passed, gone := 0, false
		x.onFrame(func(frame) {
			if passed++; passed != k {
				return
			}
			for _, name := range s.children() {
				if name != session.Base(h.Path()) {
					s.remove(session.Join(s.path, name))
					gone = true
				}
			}
		})
		ctx, cancel := context.WithCancel(s.ctx())
		done := lockLater(ctx, s.mutex(client).Lock)
		s.eventually(func() bool {
			queue := s.children()
			return len(done) > 0 || len(queue) == 2 && s.watches(id, queue)
		}, "neither a result nor a waiter")
		x.onFrame(nil) // what it says is not written to any more
		if !gone {
			cancel()
		}
		err := receive(t, done).err
		cancel()
		if gone {
			deleted++
			require.ErrorIs(t, err, zklock.ErrLost)
			require.ErrorIs(t, err, session.ErrNodeGone)
		} else {
			require.ErrorIs(t, err, context.Canceled)
		}
		s.requireChildren(1)
		s.settle(client)
		for path, watchers := range s.watchers() {
			require.False(t, path != h.Path() && slices.Contains(watchers, id), "step %d: a watch stays on %s", k, path)
		}
		if passed < k {
			break
		}
	}
	require.GreaterOrEqual(t, deleted, 2, "the tap saw too little")
	s.unlock(h)
}

// Somebody writes into the holder's node, or into a waiter's, as Curator does to ask for a lock. That is no hand-over, and no loss.
func TestChangedDataIsNoHandOver(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	queue := []string{session.Base(h.Path())}
	var clients []*session.Client
	var waiting []<-chan attempt
	for range 3 {
		client := s.open("")
		name, done := s.enqueue(s.ctx(), s.mutex(client))
		queue, clients, waiting = append(queue, name), append(clients, client), append(waiting, done)
		id := s.live(client).ID()
		s.eventually(func() bool { return s.watches(id, queue[max(0, len(queue)-3):]) }, "it does not wait")
	}
	for range 3 {
		for _, name := range queue {
			_, err := s.observer.Set(s.ctx(), session.Join(s.path, name), []byte("__REVOKE__"), session.AnyVersion)
			require.NoError(t, err)
			for i, done := range waiting {
				s.settle(clients[i])
				requireWaiting(t, done)
			}
			require.NoError(t, h.Err())
		}
	}
	// The nodes are watched as before.
	s.remove(h.Path())
	receive(t, h.Done())
	next := granted(t, waiting[0])
	s.remove(session.Join(s.path, queue[2]))
	require.ErrorIs(t, receive(t, waiting[1]).err, session.ErrNodeGone)
	s.unlock(next)
	s.unlock(granted(t, waiting[2]))
}

// A waiter in the middle goes. Nobody may be woken into the lock by that, nobody may be skipped, and the order stays.
func TestMiddleWaiterGoes(t *testing.T) {
	for _, c := range []struct {
		name    string
		gone    int // which of the waiters
		crashes bool
	}{
		{"the first leaves", 0, false},
		{"the second leaves", 1, false},
		{"the third leaves", 2, false},
		{"the first crashes", 0, true},
		{"the second crashes", 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.crashes {
				t.Parallel()
			}
			s := newStage(t)
			link := s.link()
			left := errors.New("left")
			ctx, leave := context.WithCancelCause(s.ctx())
			defer leave(nil)
			last := s.lock(s.mutex(s.open("")))
			var clients []*session.Client
			var names []string
			var waiting []<-chan attempt
			for i := range 4 {
				addr, wait := "", s.ctx()
				if i == c.gone {
					addr, wait = link.Addr(), ctx
				}
				client := s.open(addr)
				name, done := s.enqueue(wait, s.mutex(client))
				clients, names, waiting = append(clients, client), append(names, name), append(waiting, done)
			}

			gone := s.watchGone(session.Join(s.path, names[c.gone]))
			if c.crashes {
				cut := link.MustCut(t, partition.Drop, partition.Both)
				defer cut.MustHeal(t)
			} else {
				leave(left)
			}
			require.Equal(t, session.Deleted, receive(t, gone).Type)
			err := receive(t, waiting[c.gone]).err
			if c.crashes {
				require.ErrorIs(t, err, zklock.ErrLost)
			} else {
				require.ErrorIs(t, err, left)
			}

			clients, names, waiting = slices.Delete(clients, c.gone, c.gone+1), slices.Delete(names, c.gone, c.gone+1), slices.Delete(waiting, c.gone, c.gone+1)
			for i, done := range waiting {
				for j, later := range waiting[i:] {
					s.settle(clients[i+j])
					requireWaiting(t, later)
				}
				s.unlock(last)
				next := granted(t, done)
				require.Equal(t, names[i], session.Base(next.Path()))
				requireRises(t, last.Token(), next.Token())
				last = next
			}
			s.unlock(last)
		})
	}
}

// settle lets a client act on what it has been told: more round trips than a waiter needs to take a lock.
func (s *stage) settle(c *session.Client) {
	s.t.Helper()
	for range 5 {
		require.NoError(s.t, s.live(c).Sync(s.ctx(), s.path))
	}
}
