package zklock_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
)

// A waiter watches few nodes, however many wait, and an unlock is told to few of them.
func TestNoHerd(t *testing.T) {
	const waiters, bound = 20, 3
	s := newStage(t)
	holding := s.lock(s.mutex(s.open("")))
	before := len(s.watchers())

	ctx, enough := context.WithCancelCause(s.ctx())
	defer enough(nil)
	var clients []*session.Client
	var ids []int64
	var waiting []<-chan attempt
	events := make([]atomic.Int64, waiters)
	for i := range waiters {
		var x tap
		x.onFrame(func(f frame) {
			if f.xid == xidEvent {
				events[i].Add(1)
			}
		})
		client := s.open("", x.use)
		name, done := s.enqueue(ctx, s.mutex(client))
		clients, ids, waiting = append(clients, client), append(ids, s.live(client).ID()), append(waiting, done)
		s.eventually(func() bool { return s.watches(ids[i], []string{name}) }, "the waiter does not watch its own node")
	}
	for _, c := range clients {
		s.settle(c)
	}
	s.requireFewWatches(ids, bound)
	require.NotEqual(t, before, len(s.watchers()), "the server shows no watches")

	for i := range 6 {
		told := make([]int64, waiters)
		for j := range events {
			told[j] = events[j].Load()
		}
		s.unlock(holding)
		holding = granted(t, waiting[i])
		woken := 0
		for j, c := range clients[i:] {
			s.settle(c) // what the server told of before has arrived
			if events[i+j].Load() > told[i+j] {
				woken++
			}
		}
		require.Positive(t, woken, "the tap saw no event")
		require.LessOrEqual(t, woken, bound, "one unlock woke too many")
		s.requireFewWatches(ids[i+1:], bound)
	}

	left := errors.New("enough")
	enough(left)
	for _, done := range waiting[6:] {
		require.ErrorIs(t, receive(t, done).err, left)
	}
	s.requireChildren(1)
	s.unlock(holding)
}

func (s *stage) requireFewWatches(ids []int64, bound int) {
	s.t.Helper()
	for _, id := range ids {
		n := 0
		for _, watchers := range s.watchers() {
			if slices.Contains(watchers, id) {
				n++
			}
		}
		require.Positive(s.t, n, "session %#x watches nothing", uint64(id))
		require.LessOrEqual(s.t, n, bound, "session %#x watches too much", uint64(id))
	}
}

// Whoever tries again and again while the lock is held must not fill the server's memory, nor its own, with watches.
func TestTriesLeaveNoWatches(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	client := s.open("")
	id := s.live(client).ID()
	m := s.mutex(client)
	for range 50 {
		_, err := m.TryLock(s.ctx())
		require.Error(t, err)
		ctx, cancel := context.WithCancel(s.ctx())
		_, done := s.enqueue(ctx, m)
		cancel()
		require.ErrorIs(t, receive(t, done).err, context.Canceled)
		s.requireChildren(1)
	}
	for path, watchers := range s.watchers() {
		if slices.Contains(watchers, id) {
			require.Equal(t, h.Path(), path, "a watch stays on a node that is gone")
		}
	}
	s.unlock(h)
}
