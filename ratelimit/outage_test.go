package ratelimit_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ratelimit"
)

// gone are the ways in which Redis can be gone.
var gone = map[string]struct{ lost, mute bool }{
	"refuses":         {lost: true},
	"does not answer": {mute: true},
}

func TestClosedDeniesDuringAnOutage(t *testing.T) {
	for name, how := range gone {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				l := b.limiter(t, kinds()["bucket"], ratelimit.Config{})
				require.True(t, allow(t, l, "alice").OK)
				b.cut(how.lost, how.mute)
				for i := range 100 {
					began := time.Now()
					d := allow(t, l, fmt.Sprint(i))
					require.False(t, d.OK)
					require.Equal(t, ratelimit.FromOutage, d.Source)
					require.Positive(t, d.RetryAfter)
					require.LessOrEqual(t, time.Since(began), 260*time.Millisecond, "within Timeout")
				}
				require.EqualValues(t, 1, l.Stats().Outages)
				b.cut(false, false)
				time.Sleep(2 * time.Second)
				d := allow(t, l, "alice")
				require.True(t, d.OK)
				require.Equal(t, ratelimit.FromRedis, d.Source)
			})
		})
	}
}

func TestOpenAdmitsDuringAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		l := b.limiter(t, kinds()["rolling"], ratelimit.Config{Outage: ratelimit.Open{}})
		require.Equal(t, ratelimit.Unbounded, l.Bound(time.Second, 3))
		b.cut(true, false)
		for range 1000 {
			d := allow(t, l, "alice")
			require.True(t, d.OK)
			require.Equal(t, ratelimit.FromOutage, d.Source)
		}
		b.cut(false, false)
		time.Sleep(2 * time.Second)
		for range 10 {
			require.True(t, allow(t, l, "alice").OK)
		}
		require.False(t, allow(t, l, "alice").OK, "the limit is back")
	})
}

// A group is a number of servers that changes.
type group struct {
	mu    sync.Mutex // guards n and since
	n     int
	since time.Time
}

func (g *group) Servers() (int, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n, g.since
}

func (g *group) set(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n, g.since = n, time.Now()
}

// Five servers without a Redis are one limiter all the same.
func TestLocalShareIsTheLimitDividedByTheServers(t *testing.T) {
	for name, limit := range kinds() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				g := &group{n: 1}
				var servers []*ratelimit.Limiter
				for range 5 {
					servers = append(servers, b.limiter(t, limit, ratelimit.Config{Timeout: time.Millisecond, Outage: ratelimit.LocalShare{Servers: g}}))
				}
				b.cut(true, false)
				all := func() (admitted int) {
					for _, l := range servers {
						for range 4 {
							d := allow(t, l, "alice")
							require.Equal(t, ratelimit.FromOutage, d.Source)
							require.Equal(t, d.OK, d.RetryAfter == 0)
							if d.OK {
								admitted++
							}
						}
					}
					return admitted
				}
				for range 5 { // Until they know.
					all()
				}
				g.set(5)
				require.Zero(t, all(), "a server that has just begun does not know what the others have admitted")
				time.Sleep(1100 * time.Millisecond)
				require.Equal(t, 10, all(), "two each")
				require.Zero(t, all())
				time.Sleep(1100 * time.Millisecond)
				require.Equal(t, 10, all())

				time.Sleep(1100 * time.Millisecond)
				g.set(2)
				servers = servers[:2]
				require.Zero(t, all(), "nobody knows what those who left have used")
				time.Sleep(1100 * time.Millisecond)
				require.Equal(t, 8, all(), "five each, of which four are asked for")

				g.set(0)
				time.Sleep(2 * time.Second)
				require.Zero(t, all(), "who does not count admits nothing")
				g.set(11)
				time.Sleep(2 * time.Second)
				require.Zero(t, all(), "a share of less than one is nothing")
			})
		})
	}
}

// When Redis comes back it is not met by all requests of all servers at once.
func TestNoHerdWhenRedisIsBack(t *testing.T) {
	for name, how := range gone {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				const servers, each, every = 10, 2, 50 * time.Millisecond
				var limiters []*ratelimit.Limiter
				stop := make(chan struct{})
				var wg sync.WaitGroup
				for i := range servers {
					l := b.limiter(t, ratelimit.Limit{Max: 1_000_000, Per: time.Second}, ratelimit.Config{})
					limiters = append(limiters, l)
					for j := range each {
						wg.Go(func() {
							time.Sleep(every * time.Duration(i*each+j) / servers / each)
							for {
								select {
								case <-stop:
									return
								case <-time.After(every):
									_, _ = l.Allow(t.Context(), fmt.Sprint(i, j))
								}
							}
						})
					}
				}
				questions := func() (sum int64) {
					for _, l := range limiters {
						sum += int64(l.Stats().Questions)
					}
					return sum
				}
				in := func(d time.Duration) int64 {
					before := questions()
					time.Sleep(d)
					return questions() - before
				}
				time.Sleep(time.Second)
				normal := in(time.Second)
				b.cut(how.lost, how.mute)
				time.Sleep(5 * time.Second)
				during := in(5 * time.Second)
				require.LessOrEqual(t, during, int64(servers*5*2), "each server tries about once a second")
				b.cut(false, false)
				most := int64(0)
				for range 30 {
					most = max(most, in(100*time.Millisecond))
				}
				t.Logf("%d questions a second as a rule, %d in 5s of outage, at most %d in 100ms after it", normal, during, most)
				require.LessOrEqual(t, most, normal/10*3/2, "no more than half above the usual rate at any time")
				require.InDelta(t, normal, in(time.Second), float64(normal)/20, "and all is as before")
				close(stop)
				wg.Wait()
			})
		})
	}
}

// A caller that gives up says nothing about Redis.
func TestACallerThatGivesUpIsNoOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		l := b.limiter(t, kinds()["bucket"], ratelimit.Config{Outage: ratelimit.Open{}})
		b.cut(false, true)
		for range 10 {
			ctx, cancel := contextOf(t, 10*time.Millisecond)
			d, err := l.Allow(ctx, "alice")
			cancel()
			require.Error(t, err)
			require.False(t, d.OK)
		}
		synctest.Wait()
		require.Zero(t, l.Stats().Outages)
	})
}

// Callers that wait for less than the timeout do not keep an outage from being noticed: after a few of them the policy decides, at once.
func TestImpatientCallersNoticeAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		l := b.limiter(t, kinds()["bucket"], ratelimit.Config{Outage: ratelimit.Open{}})
		b.cut(false, true)
		errs := 0
		for range 20 {
			ctx, cancel := contextOf(t, 100*time.Millisecond)
			d, err := l.Allow(ctx, "alice")
			cancel()
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.False(t, d.OK)
				errs++
				continue
			}
			require.Equal(t, ratelimit.FromOutage, d.Source)
			require.True(t, d.OK)
		}
		require.EqualValues(t, 1, l.Stats().Outages)
		require.Less(t, errs, 15, "three, and those that tried again")
	})
}

// A share is given out once, however often it is asked since when there are so many servers. What two readings of a clock make of one moment shows only where the clock goes on.
func TestAShareIsGivenOutOnce(t *testing.T) {
	for name, limit := range kinds() {
		t.Run(name, func(t *testing.T) {
			limit.Per = 10 * time.Second
			g := &group{}
			nowhere := redis.NewClient(&redis.Options{
				Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1, Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, errLost },
			})
			defer nowhere.Close()
			l := limiter(t, nowhere, limit, ratelimit.Config{Outage: ratelimit.LocalShare{Servers: g}})
			ratelimit.Age(l, 20*time.Second)
			for range 10 { // Until it knows that there is no Redis.
				require.False(t, allow(t, l, "alice").OK)
			}
			g.mu.Lock()
			g.n, g.since = 2, time.Now().Add(-20*time.Second) // So long ago that the share is there.
			g.mu.Unlock()
			admitted := 0
			for began := time.Now(); time.Since(began) < 300*time.Millisecond; {
				if allow(t, l, "alice").OK {
					admitted++
				}
			}
			require.Equal(t, 5, admitted)
		})
	}
}
