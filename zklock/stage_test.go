package zklock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// stages numbers the stages, so that each has a directory of its own also when tests are run several times.
var stages atomic.Int64

// stage is what one test plays on: a directory of its own on the shared server, or another one, and an observer that no fault reaches.
// When the test ends, and before its clients close, nothing but containers may be left in the directory.
type stage struct {
	t        *testing.T
	zk       *ensemble.Ensemble
	root     string // the directory
	path     string // of the lock
	observer *session.Session
	byHand   []string // what put made
	cleared  sync.Once
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return newStageOn(t, server(t))
}

func newStageOn(t *testing.T, zk *ensemble.Ensemble) *stage {
	t.Helper()
	s := &stage{t: t, zk: zk, root: fmt.Sprintf("/zklock-%d", stages.Add(1))}
	s.path = s.root + "/lock"
	c, err := session.Open(s.ctx(), session.Config{Servers: s.zk.Addrs(), Timeout: 20 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { s.close(c) })
	s.observer, err = c.Session(s.ctx())
	require.NoError(t, err)
	return s
}

// ctx is a context that bounds a hang. It outlives the test's own, which ends before cleanups run.
func (s *stage) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

// open connects a client, at addr if that is not empty.
func (s *stage) open(addr string, change ...func(*session.Config)) *session.Client {
	s.t.Helper()
	cfg := session.Config{Servers: s.zk.Addrs(), Timeout: timeout, Tick: tick}
	if addr != "" {
		cfg.Servers = []string{addr}
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := session.Open(s.ctx(), cfg)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		s.cleared.Do(s.requireClear)
		s.close(c)
	})
	return c
}

func (s *stage) close(c *session.Client) {
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	require.NoError(s.t, receive(s.t, closed))
	_, err := c.Session(context.Background())
	require.ErrorIs(s.t, err, session.ErrClosed)
}

// requireClear fails the test unless nothing is left in its directory but directories of locks. Those are containers, which the server removes when it
// gets round to it, and does not tell from others: they belong to no session, and are empty.
func (s *stage) requireClear() {
	if s.t.Failed() || s.t.Skipped() {
		return
	}
	for _, path := range slices.Backward(s.byHand) {
		s.remove(path)
	}
	var left []string
	s.eventually(func() bool {
		left = s.leftovers(s.root)
		return len(left) == 0
	}, "left behind: %v", &left)
}

func (s *stage) leftovers(path string) []string {
	names, stat, err := s.observer.Children(s.ctx(), path)
	if errors.Is(err, session.ErrNoNode) {
		return nil
	}
	require.NoError(s.t, err)
	var left []string
	for _, name := range names {
		left = append(left, s.leftovers(session.Join(path, name))...)
	}
	if stat.EphemeralOwner != 0 || stat.DataLength != 0 {
		left = append(left, path)
	}
	return left
}

// mutex returns the stage's lock for c.
func (s *stage) mutex(c *session.Client) *zklock.Mutex { return s.mutexWith(c, zklock.Config{}) }

func (s *stage) mutexWith(c *session.Client, cfg zklock.Config) *zklock.Mutex {
	s.t.Helper()
	m, err := zklock.NewMutex(c, s.path, cfg)
	require.NoError(s.t, err)
	return m
}

// lock takes the lock now.
func (s *stage) lock(m *zklock.Mutex) *zklock.Hold {
	s.t.Helper()
	h, err := m.Lock(s.ctx())
	require.NoError(s.t, err)
	return h
}

func (s *stage) unlock(h *zklock.Hold) {
	s.t.Helper()
	require.NoError(s.t, h.Unlock(s.ctx()))
}

// attempt is the result of a Lock.
type attempt struct {
	hold *zklock.Hold
	err  error
}

// lockLater takes the lock in a goroutine.
func lockLater(ctx context.Context, lock func(context.Context) (*zklock.Hold, error)) <-chan attempt {
	done := make(chan attempt, 1)
	go func() {
		h, err := lock(ctx)
		done <- attempt{h, err}
	}()
	return done
}

// enqueue lets m wait in the queue, and returns when its node is there: the name of the node and what will become of it.
func (s *stage) enqueue(ctx context.Context, m *zklock.Mutex) (string, <-chan attempt) {
	s.t.Helper()
	before := s.children()
	done := lockLater(ctx, m.Lock)
	var name string
	s.eventually(func() bool {
		for _, child := range s.children() {
			if !slices.Contains(before, child) {
				name = child
			}
		}
		return name != ""
	}, "the waiter has no node")
	return name, done
}

// granted returns the hold that a waiter must have got.
func granted(t *testing.T, done <-chan attempt) *zklock.Hold {
	t.Helper()
	a := receive(t, done)
	require.NoError(t, a.err)
	return a.hold
}

// requireWaiting fails the test if the attempt is over.
func requireWaiting(t *testing.T, done <-chan attempt) {
	t.Helper()
	select {
	case a := <-done:
		require.Fail(t, "a waiter did not wait", "%+v", a)
	default:
	}
}

// children returns the names in the lock's directory, as the observer sees them.
func (s *stage) children() []string {
	s.t.Helper()
	names, _, err := s.observer.Children(s.ctx(), s.path)
	if !errors.Is(err, session.ErrNoNode) {
		require.NoError(s.t, err)
	}
	return names
}

func (s *stage) requireChildren(n int) {
	s.t.Helper()
	var names []string
	s.eventually(func() bool {
		names = s.children()
		return len(names) == n
	}, "want %d nodes in the lock's directory: %v", n, &names)
}

// mkdir makes the lock's directory.
func (s *stage) mkdir() {
	s.t.Helper()
	require.NoError(s.t, s.observer.EnsureContainers(s.ctx(), s.path, nil))
}

// put makes a znode by hand, and the test's end removes it.
func (s *stage) put(path, data string) {
	s.t.Helper()
	require.NoError(s.t, s.observer.EnsureContainers(s.ctx(), session.Parent(path), nil))
	_, err := s.observer.Create(s.ctx(), path, []byte(data), session.Persistent, nil)
	require.NoError(s.t, err)
	s.byHand = append(s.byHand, path)
}

// remove deletes a znode as an operator does.
func (s *stage) remove(path string) {
	s.t.Helper()
	require.NoError(s.t, s.observer.Remove(s.ctx(), path))
}

func (s *stage) get(path string) string {
	s.t.Helper()
	data, _, err := s.observer.Get(s.ctx(), path)
	require.NoError(s.t, err)
	return string(data)
}

func (s *stage) stat(path string) *session.Stat {
	s.t.Helper()
	stat, err := s.observer.Exists(s.ctx(), path)
	require.NoError(s.t, err)
	return stat
}

// watchGone returns a channel on which the observer tells that the node is gone.
func (s *stage) watchGone(path string) <-chan session.Event {
	s.t.Helper()
	stat, w, err := s.observer.ExistsW(s.ctx(), path)
	require.NoError(s.t, err)
	require.NotNil(s.t, stat, "%s is gone already", path)
	return w.C
}

// live returns the session that c has now.
func (s *stage) live(c *session.Client) *session.Session {
	s.t.Helper()
	live, err := c.Session(s.ctx())
	require.NoError(s.t, err)
	return live
}

// eventually waits for a condition. Arguments of the message that are pointers to slices are looked at when it is printed.
func (s *stage) eventually(cond func() bool, format string, args ...any) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			for i, a := range args {
				if names, ok := a.(*[]string); ok {
					args[i] = *names
				}
			}
			require.Failf(s.t, "never came true", format, args...)
		}
	}
}

// receive returns what comes on ch, or its zero value when it is closed.
func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

func requireRises(t *testing.T, earlier, later fence.Token) {
	t.Helper()
	require.True(t, earlier.Less(later), "the token did not rise: %v, then %v", earlier, later)
}

// knows reports whether the session lives on the server.
func (s *stage) knows(id int64) bool {
	s.t.Helper()
	dump, err := ensemble.FourLetter(s.ctx(), s.zk.Addrs()[0], "dump")
	require.NoError(s.t, err)
	sessions, _, found := strings.Cut(dump, "ephemeral nodes dump:")
	require.True(s.t, found, dump)
	return strings.Contains(sessions, fmt.Sprintf("%#x\n", uint64(id)))
}

// expired waits until the server has forgotten the session.
func (s *stage) expired(id int64) {
	s.t.Helper()
	s.eventually(func() bool { return !s.knows(id) }, "the server does not expire session %#x", uint64(id))
}
