package cas_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
)

// A queue is a fair lock in memory, in the directory of its name.
type queue struct {
	m    *memory
	name string
	turn chan struct{}
	mu   sync.Mutex
	fail error
	held []*place // that were ever taken
}

func newQueue(m *memory, name string) *queue {
	return &queue{m: m, name: name, turn: make(chan struct{}, 1)}
}

type place struct {
	q    *queue
	gone sync.Once
	mu   sync.Mutex
	err  error
}

func (q *queue) lock(ctx context.Context, _ string) (cas.Hold, error) {
	q.mu.Lock()
	err := q.fail
	q.mu.Unlock()
	if err != nil {
		return nil, err
	}
	q.count(1)
	select {
	case q.turn <- struct{}{}:
		h := &place{q: q}
		q.mu.Lock()
		q.held = append(q.held, h)
		q.mu.Unlock()
		return h, nil
	case <-ctx.Done():
		q.count(-1)
		return nil, context.Cause(ctx)
	}
}

func (q *queue) count(n int) {
	q.m.mu.Lock()
	defer q.m.mu.Unlock()
	q.m.locks[q.name] += n
}

func (q *queue) taken() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.held)
}

func (p *place) Path() string { return p.q.name + "/place" }

func (p *place) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// lose is what the end of a session does to a hold: the next one may have it.
func (p *place) lose(err error) {
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
	p.gone.Do(func() { p.q.count(-1); <-p.q.turn })
}

func (p *place) Unlock(context.Context) error {
	p.lose(errors.New("released"))
	return nil
}

// Who loses often takes the lock, and from then on nobody else writes.
func TestPromotion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		q := newQueue(m, "/a-lock")
		var slow *cas.Store
		fast := newStore(t, m, cas.Config{})
		slow = newStore(t, m, cas.Config{Backoff: cas.AtOnce, Promotion: cas.Promotion{After: 3, Lock: q.lock}})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { // It writes every millisecond.
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				_, _, err := cas.Update(t.Context(), fast, "/a", add(1))
				require.NoError(t, err)
			}
		})
		time.Sleep(10 * time.Millisecond)
		// It needs ten, and would never be in time.
		_, stats, err := cas.Update(t.Context(), slow, "/a", func(v int) (int, error) { time.Sleep(10 * time.Millisecond); return v + 1000, nil })
		require.NoError(t, err)
		require.True(t, stats.Promoted)
		require.Equal(t, 4, stats.Attempts, "three in vain, and then one that nobody could be faster than")
		require.Equal(t, 1, q.taken())
		before := get(t, fast, "/a")
		time.Sleep(10 * time.Millisecond)
		require.Greater(t, get(t, fast, "/a"), before, "the others go on")
		close(stop)
		wg.Wait()
		_, stats, err = cas.Update(t.Context(), slow, "/a", add(1))
		require.NoError(t, err)
		require.False(t, stats.Promoted, "the lock is gone from the node")
	})
}

// While a lock has precedence, everybody else waits. Nobody lines up for it who has not lost often enough himself: else there would be no end of it.
func TestPrecedenceExcludes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		q := newQueue(m, "/a-lock")
		promoted := cas.Config{Promotion: cas.Promotion{After: 1, Lock: q.lock}}
		holder, other, without := newStore(t, m, promoted), newStore(t, m, promoted), newStore(t, m, cas.Config{})
		m.lose(isRefused)
		release := make(chan struct{})
		calls := 0
		first := later(t.Context(), holder, "/a", func(v int) (int, error) {
			if calls++; calls == 2 { // under the lock
				<-release
			}
			return v + 1, nil
		})
		time.Sleep(time.Second)
		second, third := later(t.Context(), other, "/a", add(10)), later(t.Context(), without, "/a", add(100))
		txn := make(chan error, 1)
		go func() {
			_, err := cas.Txn(t.Context(), without, func(tx *cas.Tx) error { return shift(tx, "/a", "/b", 5) })
			txn <- err
		}()
		writes := m.count()
		time.Sleep(50 * time.Millisecond)
		after := m.count()
		require.Equal(t, writes, after, "nobody writes")
		require.Empty(t, second)
		require.Empty(t, third)
		require.Empty(t, txn)
		close(release)
		got := receive(t, first)
		require.NoError(t, got.err)
		require.True(t, got.stats.Promoted)
		require.Equal(t, 1, got.v)
		got = receive(t, second)
		require.NoError(t, got.err)
		require.False(t, got.stats.Promoted)
		require.Equal(t, 1, q.taken())
		require.NoError(t, receive(t, third).err)
		require.NoError(t, receive(t, txn))
		require.Equal(t, 106, get(t, without, "/a"))
	})
}

// A holder that dies leaves its lock's name in the node, and that has no effect once the lock is free.
func TestDeadHolderIsInNobodysWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		q := newQueue(m, "/a-lock")
		dead := newStore(t, m, cas.Config{Promotion: cas.Promotion{After: 1, Lock: q.lock}})
		m.lose(isRefused, passes, isNotHeard) // The name is in, and then it dies.
		_, _, err := cas.Update(t.Context(), dead, "/a", add(1))
		require.ErrorIs(t, err, errRefusedForGood)
		m.mu.Lock()
		m.locks["/a-lock"] = 1 // Its session has not ended yet.
		m.mu.Unlock()
		var waiting []<-chan result[int]
		for _, p := range []cas.Promotion{{}, {Lock: q.lock}} {
			waiting = append(waiting, later(t.Context(), newStore(t, m, cas.Config{Promotion: p}), "/a", add(1)))
		}
		time.Sleep(time.Second)
		require.Empty(t, waiting[0])
		require.Empty(t, waiting[1])
		m.mu.Lock()
		m.locks["/a-lock"] = 0
		m.mu.Unlock()
		for _, ch := range waiting {
			require.NoError(t, receive(t, ch).err)
		}
		_, stats, err := cas.Update(t.Context(), newStore(t, m, cas.Config{}), "/a", add(1))
		require.NoError(t, err)
		require.Equal(t, 1, stats.Attempts)
		require.Equal(t, 3, get(t, dead, "/a"))
	})
}

// A hold that is lost in the middle is another one's: the update takes the lock again, and its own late write cannot do harm.
func TestHoldIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		q := newQueue(m, "/a-lock")
		s := newStore(t, m, cas.Config{Promotion: cas.Promotion{After: 1, Lock: q.lock}})
		other := newStore(t, m, cas.Config{Promotion: cas.Promotion{After: 1, Lock: q.lock}})
		m.lose(isRefused)
		calls := 0
		v, stats, err := cas.Update(t.Context(), s, "/a", func(v int) (int, error) {
			if calls++; calls == 2 {
				q.held[0].lose(errors.New("expired"))
				_, _, err := cas.Update(t.Context(), other, "/a", add(10)) // Nobody has the lock now.
				require.NoError(t, err)
			}
			return v + 1, nil
		})
		require.NoError(t, err)
		require.Equal(t, 11, v)
		require.Equal(t, 3, stats.Attempts)
		require.Equal(t, 2, q.taken())
	})
}

// Two that were given different locks notice, and the one keeps off while the other's is held.
func TestLocksDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		one, two := newQueue(m, "/one"), newQueue(m, "/two")
		first := newStore(t, m, cas.Config{Promotion: cas.Promotion{After: 1, Lock: one.lock}})
		second := newStore(t, m, cas.Config{Promotion: cas.Promotion{After: 1, Lock: two.lock}})
		m.lose(isRefused)
		calls := 0
		a := later(t.Context(), first, "/a", func(v int) (int, error) {
			if calls++; calls == 2 {
				time.Sleep(10 * time.Second)
			}
			return v + 1, nil
		})
		time.Sleep(time.Second)
		b := later(t.Context(), second, "/a", add(10))
		time.Sleep(time.Second)
		require.Empty(t, b)
		got := receive(t, a)
		require.NoError(t, got.err)
		require.Equal(t, 2, got.stats.Attempts)
		got = receive(t, b)
		require.NoError(t, got.err)
		require.Equal(t, 11, got.v)
	})
}

// A lock that cannot be had is the caller's to know, and a caller that leaves leaves the queue.
func TestLockCannotBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		q := newQueue(m, "/a-lock")
		s := newStore(t, m, cas.Config{Promotion: cas.Promotion{After: 1, Lock: q.lock}})
		q.fail = errors.New("no lock today")
		m.lose(isRefused)
		_, _, err := cas.Update(t.Context(), s, "/a", add(1))
		require.ErrorIs(t, err, q.fail)

		q.fail = nil
		h, err := q.lock(t.Context(), "")
		require.NoError(t, err)
		m.lose(isRefused)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = cas.Update(ctx, s, "/a", add(1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, cas.ErrUnknown)
		synctest.Wait()
		require.Equal(t, 1, m.locks["/a-lock"], "only the holder is left")
		require.NoError(t, h.Unlock(t.Context()))
	})
}

// A function that refuses under the lock leaves the node as it was, without the lock's name.
func TestRefusalUnderTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		q := newQueue(m, "/a-lock")
		s := newStore(t, m, cas.Config{Promotion: cas.Promotion{After: 1, Lock: q.lock}})
		enough := errors.New("enough")
		m.lose(isRefused)
		calls := 0
		_, _, err := cas.Update(t.Context(), s, "/a", func(v int) (int, error) {
			if calls++; calls > 1 {
				return 0, enough
			}
			return v + 1, nil
		})
		require.ErrorIs(t, err, enough)
		_, stats, err := cas.Update(t.Context(), s, "/a", add(1))
		require.NoError(t, err)
		require.False(t, stats.Promoted)
		require.Equal(t, 1, get(t, s, "/a"))
	})
}
