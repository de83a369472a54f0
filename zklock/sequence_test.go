package zklock_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

func TestSequenceExhausted(t *testing.T) {
	for _, c := range []struct {
		name, node string
		seq        int64
	}{
		{"near the end", "_c_1f0c9e4a-5b6d-4c3e-8f7a-0123456789ab-lock-2147483600", 2147483600},
		{"at the end, where a server's counter sticks", "_c_1f0c9e4a-5b6d-4c3e-8f7a-0123456789ab-lock-2147483647", 2147483647},
		{"below zero", "_c_1f0c9e4a-5b6d-4c3e-8f7a-0123456789ab-lock--000000005", -5},
		{"below zero, as kazoo has it", "1f0c9e4a5b6d4c3e8f7a0123456789ab__lock__-000000005", -5},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			m := s.mutex(s.open(""))
			first := s.lock(m)
			s.unlock(first)
			s.put(session.Join(s.path, c.node), "")

			_, lockErr := m.Lock(s.ctx())
			s.requireChildren(1)
			_, tryErr := m.TryLock(s.ctx())
			s.requireChildren(1)
			for _, err := range []error{lockErr, tryErr} {
				require.ErrorIs(t, err, zklock.ErrSequenceExhausted)
				var seq *zklock.SequenceError
				require.ErrorAs(t, err, &seq)
				require.Equal(t, zklock.SequenceError{Path: s.path, Name: c.node, Sequence: c.seq}, *seq)
				require.ErrorContains(t, err, "recreate")
			}

			// What the error says to do.
			s.remove(session.Join(s.path, c.node))
			s.remove(s.path)
			again := s.lock(m)
			requireRises(t, first.Token(), again.Token())
			s.unlock(again)
		})
	}
}

// One who waits already when the numbers run out fails too, and does not take the lock.
func TestSequenceExhaustedWhileWaiting(t *testing.T) {
	s := newStage(t)
	h := s.lock(s.mutex(s.open("")))
	s.unlock(h)
	h = s.lock(s.mutex(s.open("")))
	_, second := s.enqueue(s.ctx(), s.mutex(s.open("")))
	client := s.open("")
	id := s.live(client).ID()
	names := s.children()
	_, third := s.enqueue(s.ctx(), s.mutex(client))
	s.eventually(func() bool { return s.watches(id, names) }, "the third does not wait")
	s.put(s.path+"/lock--000000005", "")
	s.unlock(h)
	next := granted(t, second) // it was next: it needed to ask nobody
	require.ErrorIs(t, receive(t, third).err, zklock.ErrSequenceExhausted)
	s.unlock(next)
}

// The directory is deleted and made again: numbers start again, tokens go on.
func TestDirectoryIsDeletedAndMadeAgain(t *testing.T) {
	s := newStage(t)
	m := s.mutex(s.open(""))
	last := s.lock(m)
	s.unlock(last)
	for range 3 {
		h := s.lock(m)
		require.True(t, strings.HasSuffix(h.Path(), "-lock-0000000001"), h.Path())
		requireRises(t, last.Token(), h.Token())
		s.unlock(h)
		s.remove(s.path)

		last = s.lock(m)
		require.True(t, strings.HasSuffix(last.Path(), "-lock-0000000000"), last.Path())
		requireRises(t, h.Token(), last.Token())
		s.unlock(last)
	}
}

// The directory goes, again and again, while others lock: as containers do that are reaped.
func TestDirectoryIsReapedWhileItIsUsed(t *testing.T) {
	s := newStage(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	reaped := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
			}
			if err := s.observer.Delete(s.ctx(), s.path, session.AnyVersion); err == nil {
				reaped++
			}
		}
	})
	m := s.mutex(s.open(""))
	last := s.lock(m)
	s.unlock(last)
	for range 30 {
		h := s.lock(m)
		requireRises(t, last.Token(), h.Token())
		last = h
		s.unlock(h)
	}
	close(stop)
	wg.Wait()
	require.NotZero(t, reaped)
}

// warnings counts what is logged at level Warn or above.
type warnings struct {
	slog.Handler
	mu   sync.Mutex // guards seen
	seen []string
}

func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return nil
	}
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, line)
	return nil
}

func TestForeignChildrenAreIgnoredAndMentionedOnce(t *testing.T) {
	s := newStage(t)
	log := &warnings{Handler: slog.DiscardHandler}
	client := s.open("")
	m := s.mutexWith(client, zklock.Config{Logger: slog.New(log)})
	s.unlock(s.lock(m))
	require.Empty(t, log.seen)

	for _, name := range []string{"!first", "_c_1f0c9e4a-5b6d-4c3e-8f7a-0123456789ab-lease-0000000000", "lock-of-the-door", "notes"} {
		s.put(session.Join(s.path, name), "somebody's")
	}
	for range 3 {
		s.unlock(s.lock(m))
		h, err := m.TryLock(s.ctx())
		require.NoError(t, err)
		s.unlock(h)
	}
	all, err := m.Contenders(s.ctx())
	require.NoError(t, err)
	require.Empty(t, all)
	log.mu.Lock()
	defer log.mu.Unlock()
	require.Len(t, log.seen, 1, "%v", log.seen)
	require.Contains(t, log.seen[0], s.path)
	require.Contains(t, log.seen[0], "count=4")
	s.unlock(s.lock(s.mutex(client))) // without a Logger
}
