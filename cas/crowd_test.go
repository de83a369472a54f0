package cas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A model is a register behind a network: a server that does one thing at a time, and a way to it that takes its time. It lives in virtual time.
type model struct {
	travel, read, write time.Duration // one way; of the server
	stall               time.Duration // that some things take more, now and then
	busy                chan struct{} // taken while the server works; a mutex would stop the clock

	mu     sync.Mutex // guards below
	rnd    *rand.Rand
	data   []byte
	count  int64
	reads  int
	writes int
}

func newModel(stall time.Duration) *model {
	return &model{
		travel: 80 * time.Microsecond, read: 30 * time.Microsecond, write: 60 * time.Microsecond, stall: stall,
		busy: make(chan struct{}, 1), rnd: rand.New(rand.NewPCG(1, 2)),
	}
}

func (m *model) sleep(d time.Duration, odds int) {
	m.mu.Lock()
	d = time.Duration(float64(d) * (1 + 0.3*m.rnd.ExpFloat64()))
	if m.stall > 0 && m.rnd.IntN(odds) == 0 {
		d += time.Duration(float64(m.stall) * m.rnd.ExpFloat64())
	}
	m.mu.Unlock()
	time.Sleep(d)
}

func (m *model) work(d time.Duration, f func()) {
	m.sleep(m.travel, 500)
	m.busy <- struct{}{}
	m.sleep(d, 2000)
	m.mu.Lock()
	f()
	m.mu.Unlock()
	<-m.busy
	m.sleep(m.travel, 500)
}

func (m *model) Read(context.Context, string, bool) (r Record, err error) {
	m.work(m.read, func() { m.reads++; r = Record{Data: m.data, Version: Version{Birth: 1, Count: m.count}} })
	return r, nil
}

func (m *model) Create(context.Context, string, []byte) error { return nil }

func (m *model) Write(_ context.Context, _ string, data []byte, old Version) (v Version, err error) {
	m.work(m.write, func() {
		if m.writes++; m.count != old.Count {
			err = ErrConflict
			return
		}
		m.count++
		m.data, v = data, Version{Birth: 1, Count: m.count}
	})
	return v, err
}

func (m *model) Queued(context.Context, string) (bool, error) { return false, nil }

// A crowd is what became of writers that all want the same node all the time.
type crowd struct {
	rate               float64 // per second
	attempts           float64 // per update
	jain               float64 // 1 if all were served alike, and near 0 if one was
	reads              float64 // per update
	median, p99, worst time.Duration
}

func (c crowd) String() string {
	return fmt.Sprintf("%5.0f/s, %.2f attempts, %.1f reads, Jain %.2f, median %v, p99 %v, worst %v", c.rate, c.attempts, c.reads, c.jain,
		c.median.Round(10*time.Microsecond), c.p99.Round(10*time.Microsecond), c.worst.Round(10*time.Microsecond))
}

// crowded lets that many writers, each with a store of its own, update a counter for some seconds.
func crowded(t *testing.T, writers int, how Backoff, stall time.Duration) (c crowd) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		const warm, length = 500 * time.Millisecond, 2 * time.Second
		m := newModel(stall)
		began := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var took []time.Duration
		attempts, each := 0, make([]float64, writers)
		for i := range writers {
			s, err := NewStoreOn(m, Config{Backoff: how, Alone: true, Attempts: 1 << 30})
			require.NoError(t, err)
			wg.Go(func() {
				defer s.Close()
				for time.Since(began) < warm+length {
					start := time.Since(began)
					_, stats, err := Update(t.Context(), s, "/x", func(v int) (int, error) { return v + 1, nil })
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if start > warm && time.Since(began) < warm+length {
						took = append(took, stats.Took)
						attempts += stats.Attempts
						each[i]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		slices.Sort(took)
		var sum, squares float64
		for _, n := range each {
			sum, squares = sum+n, squares+n*n
		}
		c = crowd{
			reads: float64(m.reads) / float64(m.count), rate: sum / length.Seconds(), attempts: float64(attempts) / sum, jain: sum * sum / squares / float64(writers),
			median: took[len(took)/2], p99: took[len(took)*99/100], worst: took[len(took)-1],
		}
	})
	t.Logf("%3d writers, backoff %d: %v", writers, how, c)
	return c
}

// With turns two or three try at a time, however many there are: an update takes about two attempts, everybody gets as much as everybody else, nobody waits for much longer than the others, and
// no more is lost by that than the best of the other ways loses by conflicts.
func TestTurnsAreTaken(t *testing.T) {
	for _, writers := range []int{1, 2, 8, 32, 128} {
		turns, jitter, hot := crowded(t, writers, TakeTurns, 0), crowded(t, writers, FullJitter, 0), crowded(t, writers, AtOnce, 0)
		require.Less(t, turns.attempts, 2.5)
		require.Greater(t, turns.jain, 0.98)
		require.Greater(t, turns.rate, 0.95*max(jitter.rate, hot.rate))
		if writers >= 8 {
			require.Less(t, turns.p99, 4*turns.median)
			require.Less(t, turns.p99, min(jitter.p99, hot.p99)/2)
			require.Greater(t, hot.attempts, 2*turns.attempts, "the control")
		}
	}
}

// Where the one whose turn it is may be away for a while, the others go on.
func TestTurnsPass(t *testing.T) {
	for _, writers := range []int{8, 32} {
		turns, hot := crowded(t, writers, TakeTurns, 5*time.Millisecond), crowded(t, writers, AtOnce, 5*time.Millisecond)
		require.Less(t, turns.attempts, 2.5)
		require.Greater(t, turns.jain, 0.95)
		require.Greater(t, turns.rate, hot.rate)
	}
}

// TestCrowds prints what the others do not judge: ZKKIT_CROWD="64 256" go test -v -run Crowds ./cas.
func TestCrowds(t *testing.T) {
	sizes := strings.Fields(os.Getenv("ZKKIT_CROWD"))
	if len(sizes) == 0 {
		t.Log("nothing was asked for")
	}
	for _, size := range sizes {
		n, err := strconv.Atoi(size)
		require.NoError(t, err)
		for _, stall := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond} {
			for _, how := range []Backoff{TakeTurns, FullJitter, AtOnce} {
				crowded(t, n, how, stall)
			}
		}
	}
}
