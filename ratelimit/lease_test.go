package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ratelimit"
)

func contextOf(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// leases are the two sorts of them.
func leases() map[string]ratelimit.Lease {
	return map[string]ratelimit.Lease{
		"leases": {Batch: 50, Life: time.Second}, "escrow": {Batch: 50, Life: time.Second, Escrow: true},
	}
}

// A busy key costs one question for many requests, and a quiet one borrows nothing.
func TestLeasesFollowTheRate(t *testing.T) {
	for name, lease := range leases() {
		for kind, limit := range kinds() {
			t.Run(name+" "+kind, func(t *testing.T) {
				inBubble(t, func(t *testing.T, b *bubble) {
					limit.Max = 100_000
					l := b.limiter(t, limit, ratelimit.Config{Lease: lease})
					for range 20 {
						time.Sleep(2 * time.Second)
						d := allow(t, l, "quiet")
						require.True(t, d.OK)
						require.Equal(t, ratelimit.FromRedis, d.Source)
					}
					before := l.Stats().Questions
					for range 2000 {
						time.Sleep(100 * time.Microsecond)
						require.True(t, allow(t, l, "busy").OK)
					}
					asked := l.Stats().Questions - before
					t.Logf("%d questions for 2000 requests", asked)
					require.LessOrEqual(t, asked, uint64(2000/50+8))
					require.Greater(t, l.Stats().Admitted[ratelimit.FromLease], uint64(1900))
				})
			})
		}
	}
}

// Servers that come and go, with messages that are late or lost, stay within the bound whatever they do: here it is the whole limiter that runs, against the script.
func TestLeasesStayWithinTheBound(t *testing.T) {
	limits := map[string]ratelimit.Limit{
		"bucket":       {Max: 200, Per: time.Second, Kind: ratelimit.Bucket{Burst: 100}},
		"rolling":      {Max: 150, Per: time.Second},
		"fixed window": {Max: 150, Per: time.Second, Kind: ratelimit.FixedWindow{}},
	}
	for name, lease := range leases() {
		for kind, limit := range limits {
			t.Run(name+" "+kind, func(t *testing.T) {
				inBubble(t, func(t *testing.T, b *bubble) {
					lease.Life = 200 * time.Millisecond
					var mu sync.Mutex
					var admitted []time.Time
					var wg sync.WaitGroup
					var bound int64
					for i := range 5 {
						slow := &slowWay{rng: rand.New(rand.NewPCG(uint64(i), 1)), dial: b.dial}
						c := redis.NewClient(&redis.Options{
							Addr: "127.0.0.1:1", Dialer: slow.connect, ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true, MaxRetries: 2,
						})
						t.Cleanup(func() { _ = c.Close() })
						l := limiter(t, c, limit, ratelimit.Config{Lease: lease})
						bound = l.Bound(time.Second, 5)
						for j := range 4 {
							wg.Go(func() {
								rng := rand.New(rand.NewPCG(uint64(i), uint64(j)))
								for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
									time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond)
									if rng.IntN(200) == 0 {
										time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond) // It has nothing to do for a while.
									}
									before := time.Now()
									d := allow(t, l, "alice")
									if !d.OK {
										continue
									}
									mu.Lock()
									if d.Source == ratelimit.FromLease {
										before = time.Now()
									}
									// The question was answered at some time since before; that is early enough to be unfair to nobody but the limiter.
									admitted = append(admitted, before, time.Now())
									mu.Unlock()
								}
							})
						}
					}
					wg.Wait()
					most := int64(0)
					for i := 0; i < len(admitted); i += 2 {
						from, n := admitted[i], int64(0)
						for j := 0; j < len(admitted); j += 2 {
							if !admitted[j].Before(from) && !admitted[j+1].After(from.Add(time.Second)) {
								n++
							}
						}
						most = max(most, n)
					}
					t.Logf("%d of %d, %d in all", most, bound, len(admitted)/2)
					require.LessOrEqual(t, most, bound)
					require.Greater(t, most, bound/4, "it was used")
				})
			})
		}
	}
}

// A slowWay delays what is sent and what is answered, each time by another time, and now and then loses the connection with what was on its way.
type slowWay struct {
	mu   sync.Mutex // guards rng
	rng  *rand.Rand
	dial func(context.Context, string, string) (net.Conn, error)
	safe bool // it loses nothing
}

type slowConn struct {
	net.Conn
	way *slowWay
}

func (w *slowWay) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := w.dial(ctx, network, addr)
	return &slowConn{c, w}, err
}

// pause waits, and reports whether the connection is lost meanwhile.
func (w *slowWay) pause() bool {
	w.mu.Lock()
	wait, lost := time.Duration(w.rng.IntN(20))*time.Millisecond, !w.safe && w.rng.IntN(100) == 0
	w.mu.Unlock()
	time.Sleep(wait)
	return lost
}

func (c *slowConn) Write(b []byte) (int, error) {
	if c.way.pause() {
		c.Close()
	}
	return c.Conn.Write(b)
}

func (c *slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.way.pause() {
		c.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// What is lent is used up to the end, and not a microsecond longer.
func TestALeaseEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		limit := ratelimit.Limit{Max: 100, Per: 1000 * time.Hour, Kind: ratelimit.Bucket{}}
		l := b.limiter(t, limit, ratelimit.Config{Lease: ratelimit.Lease{Batch: 10, Life: 100 * time.Millisecond, Escrow: true}})
		for range 10 { // Quick enough for a batch.
			time.Sleep(time.Millisecond)
			require.True(t, allow(t, l, "alice").OK)
		}
		require.Positive(t, l.Stats().Admitted[ratelimit.FromLease])
		b.cut(true, false)
		time.Sleep(90 * time.Millisecond)
		d := allow(t, l, "alice")
		require.Equal(t, ratelimit.FromLease, d.Source, "Redis is not needed for what is there")
		time.Sleep(10 * time.Millisecond)
		d = allow(t, l, "alice")
		require.False(t, d.OK)
		require.Equal(t, ratelimit.FromOutage, d.Source)
	})
}

// Close waits for what is under way in the background.
func TestCloseWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		l := b.limiter(t, ratelimit.Limit{Max: 100_000, Per: time.Second}, ratelimit.Config{Lease: ratelimit.Lease{Batch: 50}})
		for range 500 {
			time.Sleep(100 * time.Microsecond)
			allow(t, l, "busy")
		}
		require.NoError(t, l.Close())
		_, err := l.Allow(t.Context(), "busy")
		require.ErrorIs(t, err, ratelimit.ErrClosed)
	})
}

func TestWait(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		limit := ratelimit.Limit{Max: 10, Per: time.Second, Kind: ratelimit.Bucket{Burst: 1}}
		l := b.limiter(t, limit, ratelimit.Config{})
		began := time.Now()
		for range 11 {
			require.NoError(t, l.Wait(t.Context(), "alice"))
		}
		require.InDelta(t, time.Second, time.Since(began), float64(20*time.Millisecond))

		ctx, cancel := contextOf(t, 50*time.Millisecond)
		defer cancel()
		began = time.Now()
		err := l.Wait(ctx, "alice")
		require.ErrorIs(t, err, ratelimit.ErrTooLate)
		var late *ratelimit.TooLateError
		require.ErrorAs(t, err, &late)
		require.InDelta(t, 100*time.Millisecond, late.RetryAfter, float64(5*time.Millisecond))
		require.Zero(t, time.Since(began), "it is known at once")

		// Many wait, and one asks for all.
		before := l.Stats().Questions
		began = time.Now()
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if err := l.Wait(t.Context(), "alice"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.InDelta(t, 3*time.Second, time.Since(began), float64(100*time.Millisecond))
		require.LessOrEqual(t, l.Stats().Questions-before, uint64(60), "twice per token at most")

		b.cut(true, false)
		ctx, cancel = contextOf(t, 3*time.Second)
		defer cancel()
		require.Error(t, l.Wait(ctx, "alice"), "closed during an outage")
		go func() {
			time.Sleep(time.Second)
			b.cut(false, false)
		}()
		require.NoError(t, l.Wait(t.Context(), "alice"), "and waits for its end")
	})
}

func TestSpreadUsesAllParts(t *testing.T) {
	for name, limit := range kinds() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				limit.Max = 21
				l := b.limiter(t, limit, ratelimit.Config{Spread: 4})
				require.LessOrEqual(t, l.Bound(time.Second, 9), limit.Bound(time.Second))
				require.EqualValues(t, 5, l.Most())
				admitted := 0
				for range 40 {
					if allow(t, l, "hot").OK {
						admitted++
					}
				}
				require.Equal(t, 21, admitted)
				require.Len(t, b.redis.Keys(), 4)
				d := allow(t, l, "hot")
				require.False(t, d.OK)
				require.Equal(t, ratelimit.FromDenyCache, d.Source)
				time.Sleep(d.RetryAfter + time.Microsecond)
				require.True(t, allow(t, l, "hot").OK)
			})
		})
	}
}

func TestManyUsersInOneRoundTrip(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		l := b.limiter(t, kinds()["rolling"], ratelimit.Config{})
		var requests []ratelimit.Request
		for i := range 60 {
			requests = append(requests, ratelimit.Request{Key: fmt.Sprint(i % 20), N: int64(i/20*4 + 1)}) // 1, then 5, then 9
		}
		ds, err := l.AllowMany(t.Context(), requests)
		require.NoError(t, err)
		for i, d := range ds {
			require.Equal(t, i < 40, d.OK, "%d: %+v", i, d)
			require.Equal(t, ratelimit.FromRedis, d.Source)
		}
		ds, err = l.AllowMany(t.Context(), requests[40:])
		require.NoError(t, err)
		for _, d := range ds {
			require.False(t, d.OK)
			require.Equal(t, ratelimit.FromDenyCache, d.Source)
		}
		none, err := l.AllowMany(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, none)

		b.cut(true, false)
		ds, err = l.AllowMany(t.Context(), []ratelimit.Request{{Key: "a"}, {Key: "b"}})
		require.NoError(t, err)
		require.Equal(t, ratelimit.FromOutage, ds[0].Source)
		require.False(t, ds[1].OK)
		require.Zero(t, l.Stats().Outages, "one failure of many questions is one failure")
	})
}
