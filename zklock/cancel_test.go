package zklock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// A caller gives up at the first frame that is sent or received for it, then at the second, and so on until it is served. Wherever that was, it is told its
// own reason, and its node does not stay in anybody's way.
func TestCancelAtEveryStep(t *testing.T) {
	lock := func(m *zklock.Mutex, ctx context.Context) (*zklock.Hold, error) { return m.Lock(ctx) }
	try := func(m *zklock.Mutex, ctx context.Context) (*zklock.Hold, error) { return m.TryLock(ctx) }
	for _, c := range []struct {
		name  string
		lock  func(*zklock.Mutex, context.Context) (*zklock.Hold, error)
		ahead int  // contenders before this one
		fresh bool // the lock's directory does not exist
		waits bool
		steps int // frames that it takes at the least, so that the test cannot pass for having seen nothing
	}{
		{name: "Lock", lock: lock, steps: 4},
		{name: "Lock, and nothing there", lock: lock, fresh: true, steps: 8},
		{name: "Lock behind one", lock: lock, ahead: 1, waits: true, steps: 7},
		{name: "Lock behind two", lock: lock, ahead: 2, waits: true, steps: 8},
		{name: "TryLock", lock: try, steps: 4},
		{name: "TryLock of one that is held", lock: try, ahead: 1, steps: 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			parent := s.path
			holder, second, third := s.open(""), s.open(""), s.open("")
			var x tap
			client := s.open("", x.use)
			id := s.live(client).ID()
			for k := 1; ; k++ {
				require.Less(t, k, 200, "it never ends")
				if c.fresh {
					s.path = fmt.Sprintf("%s/%d", parent, k)
				} else {
					s.mkdir()
				}
				var hold *zklock.Hold
				var behind <-chan attempt
				if c.ahead > 0 {
					hold = s.lock(s.mutex(holder))
				}
				if c.ahead > 1 {
					_, behind = s.enqueue(s.ctx(), s.mutex(second))
				}

				enough := fmt.Errorf("enough after %d frames", k)
				ctx, cancel := context.WithCancelCause(s.ctx())
				var frames atomic.Int64
				x.onFrame(func(frame) {
					if frames.Add(1) == int64(k) {
						cancel(enough)
					}
				})
				ahead := s.children()
				m := s.mutex(client)
				done := lockLater(ctx, func(ctx context.Context) (*zklock.Hold, error) { return c.lock(m, ctx) })
				if c.waits {
					s.eventually(func() bool { return len(done) > 0 || s.watches(id, ahead) }, "neither a result nor a waiter")
				}
				if c.waits && c.ahead > 0 {
					s.unlock(hold)
				}
				if behind != nil {
					s.unlock(granted(t, behind))
				}
				a := receive(t, done)
				seen := frames.Load()
				x.onFrame(nil)

				if c.ahead > 0 && !c.waits {
					if seen >= int64(k) {
						require.True(t, errors.Is(a.err, enough) || errors.Is(a.err, zklock.ErrHeld), "%v", a.err)
					} else {
						require.ErrorIs(t, a.err, zklock.ErrHeld)
					}
					s.requireChildren(1)
					s.unlock(hold)
				} else if a.err != nil {
					require.Equal(t, enough, a.err, "at frame %d", k) // and nothing around it
					require.GreaterOrEqual(t, seen, int64(k))
				} else {
					require.Equal(t, []string{session.Base(a.hold.Path())}, s.children(), "at frame %d", k)
					require.NoError(t, a.hold.Err())
					s.unlock(a.hold)
				}
				s.requireChildren(0)
				require.Equal(t, id, s.live(client).ID(), "what was left was removed, and did not go with its session")
				s.unlock(s.lock(s.mutex(third)))
				cancel(nil)
				if seen < int64(k) {
					require.GreaterOrEqual(t, k, c.steps, "the tap saw too little")
					t.Logf("%d steps", k-1)
					break
				}
			}
		})
	}
}

// watches reports whether the session watches all these children, by the server's word.
func (s *stage) watches(id int64, children []string) bool {
	s.t.Helper()
	byPath := s.watchers()
	for _, name := range children {
		if !slices.Contains(byPath[session.Join(s.path, name)], id) {
			return false
		}
	}
	return true
}

// watchers returns the sessions that watch each path, by the server's word.
func (s *stage) watchers() map[string][]int64 {
	s.t.Helper()
	answer, err := ensemble.FourLetter(s.ctx(), s.zk.Addrs()[0], "wchp")
	require.NoError(s.t, err)
	watchers := make(map[string][]int64)
	var path string
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\n")
		if id, ok := strings.CutPrefix(line, "\t"); ok {
			var n uint64
			_, err := fmt.Sscanf(id, "0x%x", &n)
			require.NoError(s.t, err, line)
			watchers[path] = append(watchers[path], int64(n))
		} else {
			path = line
		}
	}
	return watchers
}
