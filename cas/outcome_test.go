package cas_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/session"
)

// Whatever becomes of a write and of the answer to it, it is applied once.
func TestOutcomesAreFoundOut(t *testing.T) {
	for name, c := range map[string]struct {
		fates    []fate
		resolved int
		attempts int
	}{
		"nothing happens":                     {nil, 0, 1},
		"the reply is lost":                   {[]fate{loseReply}, 1, 1},
		"the request is lost":                 {[]fate{loseAll}, 0, 1},
		"the request is lost, then the reply": {[]fate{loseAll, loseReply}, 1, 1},
		"three times":                         {[]fate{loseAll, loseAll, loseAll}, 0, 1},
		"another one is faster":               {[]fate{isRefused}, 0, 2},
		"lost, and seemingly refused":         {[]fate{loseAll, isRefused}, 0, 1}, // It looks, and finds that nobody has written.
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				s := newStore(t, m, cas.Config{})
				_, _, err := cas.Update(t.Context(), s, "/a", add(1))
				require.NoError(t, err)
				m.lose(c.fates...)
				v, stats, err := cas.Update(t.Context(), s, "/a", add(1))
				require.NoError(t, err)
				require.Equal(t, 2, v)
				require.Equal(t, 2, get(t, s, "/a"))
				require.Equal(t, c.resolved, stats.Resolved)
				require.Equal(t, c.attempts, stats.Attempts)
			})
		})
	}
}

// A request that was given up for lost arrives after all, behind or ahead of the one that was sent instead: they are the same, and only one can be applied.
func TestRequestsComeLate(t *testing.T) {
	m := newMemory()
	s := newStore(t, m, cas.Config{})
	_, _, err := cas.Update(t.Context(), s, "/a", add(1))
	require.NoError(t, err)
	m.lose(comesLate, passes)
	v, _, err := cas.Update(t.Context(), s, "/a", add(1))
	require.NoError(t, err)
	require.Equal(t, 2, v)
	m.arrive()
	require.Equal(t, 2, get(t, s, "/a"))

	from := 0
	m.mu.Lock()
	from = m.writes
	m.fate = func(n int, _ []cas.Write) fate {
		if n == from+1 {
			return comesLate
		}
		for _, f := range m.late { // It overtakes the second one.
			f()
		}
		m.late = nil
		return passes
	}
	m.mu.Unlock()
	v, stats, err := cas.Update(t.Context(), s, "/a", add(1))
	require.NoError(t, err)
	require.Equal(t, 3, v)
	require.Equal(t, 3, get(t, s, "/a"))
	require.Equal(t, 1, stats.Resolved)
}

// With others in between, the node still shows what became of it, as far as it remembers; beyond that nobody guesses.
func TestOthersWriteBeforeOneLooks(t *testing.T) {
	for others := range 4 {
		for _, lost := range []fate{loseReply, loseAll} {
			t.Run(fmt.Sprintf("%d others, fate %d", others, lost), func(t *testing.T) {
				m := newMemory()
				s := newStore(t, m, cas.Config{Traces: 2})
				_, _, err := cas.Update(t.Context(), s, "/a", add(1))
				require.NoError(t, err)
				m.lose(lost)
				looking := &interposed{Transactor: m}
				mine := newStore(t, looking, cas.Config{Traces: 2})
				looking.beforeRead = func() {
					looking.beforeRead = nil
					for range others {
						other := newStore(t, m, cas.Config{Traces: 2})
						_, _, err := cas.Update(t.Context(), other, "/a", add(10))
						require.NoError(t, err)
					}
				}
				looking.arm = true
				_, stats, err := cas.Update(t.Context(), mine, "/a", add(1))
				happened := get(t, s, "/a")%10 == 2
				// Two others push out the trace of a write that was applied. Where it was not, it takes three, of which the first may have pushed out its trace, for all that one can see.
				if lost == loseReply && others >= 2 || others >= 3 {
					require.ErrorIs(t, err, cas.ErrUnknown)
					require.ErrorIs(t, err, session.ErrUnknownOutcome)
					require.ErrorContains(t, err, "too many others")
					require.Equal(t, lost == loseReply, happened)
					return
				}
				require.NoError(t, err)
				require.True(t, happened)
				require.Equal(t, 1+10*others+1, get(t, s, "/a"))
				if lost == loseReply {
					require.Equal(t, 1, stats.Resolved)
				}
			})
		}
	}
}

// interposed does something before the first read after a write.
type interposed struct {
	cas.Transactor
	arm        bool
	wrote      bool
	beforeRead func()
}

func (i *interposed) Write(ctx context.Context, path string, data []byte, old cas.Version) (cas.Version, error) {
	i.wrote = true
	return i.Transactor.Write(ctx, path, data, old)
}

func (i *interposed) Read(ctx context.Context, path string, fresh bool) (cas.Record, error) {
	if i.arm && i.wrote && i.beforeRead != nil {
		i.beforeRead()
	}
	return i.Transactor.Read(ctx, path, fresh)
}

// A node that was deleted, or written over by something else, shows nothing any more.
func TestTheTraceIsGone(t *testing.T) {
	for name, do := range map[string]func(m *memory){
		"deleted":            func(m *memory) { m.remove("/a") },
		"deleted, and back":  func(m *memory) { m.put("/a", "") },
		"foreign data":       func(m *memory) { m.put("/a", "something else") },
		"emptied by foreign": func(m *memory) { r := m.nodes["/a"]; r.Version.Count++; r.Data = nil; m.nodes["/a"] = r },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			looking := &interposed{Transactor: m}
			s := newStore(t, looking, cas.Config{})
			_, _, err := cas.Update(t.Context(), s, "/a", add(1))
			require.NoError(t, err)
			m.lose(loseReply)
			looking.arm, looking.wrote = true, false
			looking.beforeRead = func() {
				looking.beforeRead = nil
				m.mu.Lock()
				defer m.mu.Unlock()
				m.mu.Unlock()
				do(m)
				m.mu.Lock()
			}
			_, _, err = cas.Update(t.Context(), s, "/a", add(1))
			require.ErrorIs(t, err, cas.ErrUnknown)
			require.ErrorContains(t, err, "the node was deleted, or written by something else")
		})
	}
}

// Many stores, many nodes, and all that can become of a write: no effect is lost and none is there twice. The control forgets what it has sent, and is caught.
func TestRandomStories(t *testing.T) {
	seeds := 100
	if n, err := strconv.Atoi(os.Getenv("ZKKIT_SEEDS")); err == nil {
		seeds = n
	}
	doubled := 0
	for seed := range seeds {
		got := playStory(t, uint64(seed), func(m *memory) cas.Transactor { return m })
		require.Zero(t, got.lost, "seed %d", seed)
		require.Zero(t, got.doubled, "seed %d", seed)
		require.Zero(t, got.unknown, "seed %d", seed)
	}
	for seed := range 20 {
		doubled += playStory(t, uint64(seed), func(m *memory) cas.Transactor { return naive{m} }).doubled
	}
	require.NotZero(t, doubled, "the control has doubled nothing: these stories show nothing")
}

type balance struct{ lost, doubled, unknown int }

// playStory lets workers add to nodes, and compares what the nodes have with what the workers were told.
func playStory(t *testing.T, seed uint64, through func(*memory) cas.Transactor) (b balance) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m := newMemory()
		chance := rand.New(rand.NewPCG(seed, 2)) // guarded by m.mu
		m.fate = func(int, []cas.Write) fate {
			for _, f := range m.late {
				if chance.IntN(2) == 0 {
					f()
				}
			}
			m.late = nil
			if chance.IntN(3) > 0 {
				return passes
			}
			return []fate{loseReply, loseAll, comesLate}[chance.IntN(3)]
		}
		paths := []string{"/a", "/b", "/c"}[:1+rnd.IntN(3)]
		var mu sync.Mutex
		told := map[string]int{}
		var wg sync.WaitGroup
		for range 1 + rnd.IntN(5) {
			cfg := cas.Config{Backoff: cas.Backoff(rnd.IntN(3)), Alone: rnd.IntN(2) == 0, Attempts: 1 << 20}
			s := newStore(t, through(m), cfg)
			for range 1 + rnd.IntN(4) {
				own := rand.New(rand.NewPCG(seed, rnd.Uint64()))
				wg.Go(func() {
					for range 10 {
						path, n := paths[own.IntN(len(paths))], 1+own.IntN(9)
						time.Sleep(time.Duration(own.IntN(3)) * time.Millisecond)
						var err error
						if own.IntN(4) == 0 && len(paths) > 1 {
							other := paths[own.IntN(len(paths))]
							_, err = cas.Txn(t.Context(), s, func(tx *cas.Tx) error { return shift(tx, path, other, n) })
						} else {
							_, _, err = cas.Update(t.Context(), s, path, add(n))
							if err == nil {
								mu.Lock()
								told[path] += n
								mu.Unlock()
							}
						}
						if err != nil {
							mu.Lock()
							b.unknown++
							mu.Unlock()
						}
					}
				})
			}
		}
		wg.Wait()
		m.fate = nil
		s := newStore(t, m, cas.Config{})
		total, want := 0, 0
		for _, path := range paths {
			total += get(t, s, path)
			want += told[path]
		}
		b.lost, b.doubled = max(0, want-total), max(0, total-want)
	})
	return b
}

// shift moves n from one node to another.
func shift(tx *cas.Tx, from, to string, n int) error {
	v, err := cas.Load[int](tx, from)
	if err != nil {
		return err
	}
	if err := cas.Save(tx, from, v-n); err != nil {
		return err
	}
	if v, err = cas.Load[int](tx, to); err != nil {
		return err
	}
	return cas.Save(tx, to, v+n)
}
