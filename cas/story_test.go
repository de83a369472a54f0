package cas_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

// story plays in virtual time, on a server in memory that speaks the real protocol. It fails if a goroutine is left at its end.
func story(t *testing.T, tell func(t *testing.T, zk *zktest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { tell(t, zktest.RunConfigT(t, zktest.Config{Tick: 200 * time.Millisecond})) })
}

// connect opens a client that is closed when the test ends.
func connect(t *testing.T, zk *zktest.Server) *session.Client {
	t.Helper()
	c, err := session.Open(t.Context(), session.Config{Servers: []string{"10.0.0.1:2181"}, Timeout: 2 * time.Second, Dial: zk.DialContext})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func open(t *testing.T, zk *zktest.Server) *cas.Store {
	t.Helper()
	return newStore(t, cas.ZooKeeper(connect(t, zk), nil), cas.Config{})
}

// Nodes are made with what is missing above them.
func TestNodesAreMade(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		s := open(t, zk)
		v, _, err := cas.Update(t.Context(), s, "/shop/stock/widgets", add(7))
		require.NoError(t, err)
		require.Equal(t, 7, v)
		require.Contains(t, zk.Dump(), "/shop/stock \"\" container\n")
		require.Contains(t, zk.Dump(), `/shop/stock/widgets "\x9ccas\x01\x01\x01\x00\x01`)
		_, err = cas.Get[int](t.Context(), s, "/shop/stock/gadgets")
		require.ErrorIs(t, err, cas.ErrAbsent)
		require.NotContains(t, zk.Dump(), "gadgets", "reading makes nothing")
	})
}

// Whatever is lost, in whichever order, and whether the session survives it or not.
func TestRepliesAreLost(t *testing.T) {
	for name, c := range map[string]struct {
		op     zktest.Op
		faults []zktest.Fault
	}{
		"the reply to a write":                {zktest.OpSetData, []zktest.Fault{zktest.LoseReply()}},
		"the write":                           {zktest.OpSetData, []zktest.Fault{zktest.LoseRequest()}},
		"both, one after the other":           {zktest.OpSetData, []zktest.Fault{zktest.LoseRequest(), zktest.LoseReply()}},
		"the reply to the creation":           {zktest.OpCreate, []zktest.Fault{zktest.LoseReply()}},
		"the reply to the creation, twice":    {zktest.OpCreate, []zktest.Fault{zktest.LoseReply(), zktest.LoseReply()}},
		"the reply to a write, and a reading": {zktest.OpSetData, []zktest.Fault{zktest.LoseReply()}},
	} {
		for _, expire := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, expired: %v", name, expire), func(t *testing.T) {
				story(t, func(t *testing.T, zk *zktest.Server) {
					client := connect(t, zk)
					s := newStore(t, cas.ZooKeeper(client, nil), cas.Config{})
					if strings.Contains(name, "write") {
						_, _, err := cas.Update(t.Context(), s, "/n/a", add(1))
						require.NoError(t, err)
					}
					for _, f := range c.faults {
						zk.Inject(c.op, f)
					}
					if strings.Contains(name, "reading") {
						zk.Inject(zktest.OpGetData, zktest.LoseReply())
					}
					var wg sync.WaitGroup
					defer wg.Wait()
					if expire {
						live, err := client.Session(t.Context())
						require.NoError(t, err)
						n := zk.Count(c.op)
						wg.Go(func() {
							for zk.Count(c.op) == n {
								time.Sleep(time.Millisecond)
							}
							zk.Expire(live.ID())
						})
					}
					before := 0
					if strings.Contains(name, "write") {
						before = get(t, s, "/n/a")
					}
					v, _, err := cas.Update(t.Context(), s, "/n/a", add(1))
					require.NoError(t, err)
					require.Equal(t, before+1, v)
					require.Equal(t, before+1, get(t, s, "/n/a"))
				})
			})
		}
	}
}

// A server that goes on but never answers one request keeps its caller waiting for as long as that one wants, and nobody after it.
func TestOneRequestIsNeverAnswered(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		s := open(t, zk)
		_, _, err := cas.Update(t.Context(), s, "/a", add(1))
		require.NoError(t, err)
		zk.Inject(zktest.OpSetData, zktest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _, err = cas.Update(ctx, s, "/a", add(1))
		require.ErrorIs(t, err, cas.ErrUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		v, _, err := cas.Update(t.Context(), s, "/a", add(1))
		require.NoError(t, err)
		require.Equal(t, 2, v)
	})
}

// What a server refuses for a reason that nobody here knows is refused, and not asked for again and again.
func TestServerRefusesForItsOwnReasons(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		const quotaExceeded = -125
		s := open(t, zk)
		_, _, err := cas.Update(t.Context(), s, "/a", add(1))
		require.NoError(t, err)
		zk.Inject(zktest.OpSetData, zktest.Fail(quotaExceeded))
		_, _, err = cas.Update(t.Context(), s, "/a", add(1))
		require.ErrorContains(t, err, "code -125")
		require.NotErrorIs(t, err, cas.ErrUnknown)
		zk.Inject(zktest.OpMulti, zktest.Fail(quotaExceeded))
		_, err = cas.Txn(t.Context(), s, func(tx *cas.Tx) error { return shift(tx, "/a", "/b", 1) })
		require.ErrorContains(t, err, "code -125")
		require.NotErrorIs(t, err, cas.ErrUnknown)
		require.Equal(t, 1, get(t, s, "/a"))
	})
}

// The 32 bits of a version come round, through -1, which is no version that a server would compare. Nobody's write is lost at any of these places, and nobody writes blindly.
func TestVersionComesRound(t *testing.T) {
	for _, start := range []int32{math.MaxInt32 - 1, math.MaxInt32, -3, -2, -1, 0} {
		story(t, func(t *testing.T, zk *zktest.Server) {
			one, two := open(t, zk), open(t, zk)
			_, _, err := cas.Update(t.Context(), one, "/a", add(1))
			require.NoError(t, err)
			require.NoError(t, zk.SetVersion("/a", start))
			for range 4 {
				// Two are at it with the same version, and the second one must notice.
				calls := 0
				_, stats, err := cas.Update(t.Context(), one, "/a", func(v int) (int, error) {
					if calls++; calls == 1 {
						_, _, err := cas.Update(t.Context(), two, "/a", add(1000))
						require.NoError(t, err)
					}
					return v + 1, nil
				})
				require.NoError(t, err)
				require.Equal(t, 2, stats.Attempts)
				_, err = cas.Txn(t.Context(), one, func(tx *cas.Tx) error {
					if _, err := cas.Load[int](tx, "/a"); err != nil {
						return err
					}
					return shift(tx, "/b", "/c", 1)
				})
				require.NoError(t, err)
			}
			require.Equal(t, 4005, get(t, one, "/a"))
			require.Equal(t, 4, get(t, one, "/c"))
		})
	}
}

// At -1 a lost reply is no different.
func TestVersionComesRoundAndTheReplyIsLost(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		s := open(t, zk)
		_, _, err := cas.Update(t.Context(), s, "/a", add(1))
		require.NoError(t, err)
		require.NoError(t, zk.SetVersion("/a", -1))
		zk.Inject(zktest.OpMulti, zktest.LoseReply())
		_, stats, err := cas.Update(t.Context(), s, "/a", add(1))
		require.NoError(t, err)
		require.Equal(t, 1, stats.Resolved)
		require.Equal(t, 2, get(t, s, "/a"))
	})
}

// Many clients, and a server that loses connections, requests, replies and sessions. The control, who treats what he does not know as not done, is caught.
func TestBadWeather(t *testing.T) {
	b := weather(t, func(c *session.Client) cas.Transactor { return cas.ZooKeeper(c, nil) })
	require.Zero(t, b)
	b = weather(t, func(c *session.Client) cas.Transactor { return naive{cas.ZooKeeper(c, nil)} })
	require.NotZero(t, b.doubled)
}

func weather(t *testing.T, register func(*session.Client) cas.Transactor) (b balance) {
	t.Helper()
	story(t, func(t *testing.T, zk *zktest.Server) {
		var mu sync.Mutex // guards rnd and told
		rnd := rand.New(rand.NewPCG(1, 1))
		told := map[string]int{}
		paths := []string{"/a", "/b", "/c"}
		setup := open(t, zk)
		for _, path := range paths {
			_, _, err := cas.Update(t.Context(), setup, path, add(0))
			require.NoError(t, err)
		}
		zk.OnRequest(func(r zktest.Request) zktest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if r.Op != zktest.OpSetData && r.Op != zktest.OpMulti && r.Op != zktest.OpGetData {
				return zktest.Pass()
			}
			switch rnd.IntN(60) {
			case 0:
				return zktest.LoseReply()
			case 1:
				return zktest.LoseRequest()
			case 2:
				return zktest.Delay(time.Duration(rnd.IntN(20)) * time.Millisecond)
			}
			return zktest.Pass()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 5 {
			s := newStore(t, register(connect(t, zk)), cas.Config{Alone: i%2 == 0, Attempts: 1 << 20})
			for j := range 3 {
				own := rand.New(rand.NewPCG(uint64(i), uint64(j)))
				wg.Go(func() {
					for range 60 {
						path, n := paths[own.IntN(len(paths))], 1+own.IntN(9)
						_, _, err := cas.Update(ctx, s, path, add(n))
						mu.Lock()
						if err == nil {
							told[path] += n
						} else {
							b.unknown++
						}
						mu.Unlock()
					}
				})
			}
		}
		stop := make(chan struct{})
		var storm sync.WaitGroup
		storm.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(300 * time.Millisecond):
				}
				if n%10 == 9 {
					zk.Restart()
				} else if all := zk.Sessions(); n%3 == 0 && len(all) > 0 {
					mu.Lock()
					id := all[rnd.IntN(len(all))].ID
					mu.Unlock()
					zk.Expire(id)
				} else {
					zk.DropAll()
				}
			}
		})
		wg.Wait()
		close(stop)
		storm.Wait()
		zk.OnRequest(nil)
		for _, path := range paths {
			got := get(t, setup, path)
			b.lost += max(0, told[path]-got)
			b.doubled += max(0, got-told[path])
		}
	})
	return b
}
