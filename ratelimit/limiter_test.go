package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/stores"
	"github.com/zkkit/zkkit/ratelimit"
)

func TestDeniedUntilTheTimeThatIsNamed(t *testing.T) {
	for name, limit := range kinds() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				l := b.limiter(t, limit, ratelimit.Config{})
				for i := range int64(10) {
					d := allow(t, l, "alice")
					require.True(t, d.OK)
					require.Equal(t, 9-i, d.Remaining)
					require.Zero(t, d.RetryAfter)
					require.Positive(t, d.ResetAfter)
				}
				d := allow(t, l, "alice")
				require.False(t, d.OK)
				require.Positive(t, d.RetryAfter)
				require.LessOrEqual(t, d.RetryAfter, d.ResetAfter)
				require.True(t, allow(t, l, "bob").OK, "a key of its own")

				time.Sleep(d.RetryAfter - time.Microsecond)
				require.False(t, allow(t, l, "alice").OK)
				time.Sleep(2 * time.Microsecond)
				require.True(t, allow(t, l, "alice").OK)
			})
		})
	}
}

// What is denied here is what Redis would deny.
func TestDenyCacheIsExact(t *testing.T) {
	for name, limit := range kinds() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				l, other := b.limiter(t, limit, ratelimit.Config{}), b.client(t)
				rng := rand.New(rand.NewPCG(1, 2))
				for range 600 {
					time.Sleep(time.Duration(rng.IntN(60_000)) * time.Microsecond)
					n := 1 + rng.Int64N(3)
					asks := limiter(t, other, limit, ratelimit.Config{}) // It was made just now, knows nothing, and so asks.
					if rng.IntN(2) == 0 {
						_, err := asks.AllowN(t.Context(), "alice", n)
						require.NoError(t, err)
						continue
					}
					d, err := l.AllowN(t.Context(), "alice", n)
					require.NoError(t, err)
					if d.Source == ratelimit.FromDenyCache {
						would, err := asks.AllowN(t.Context(), "alice", n)
						require.NoError(t, err)
						require.Equal(t, ratelimit.FromRedis, would.Source)
						require.False(t, would.OK, "denied here, and Redis would have admitted it")
						require.GreaterOrEqual(t, would.RetryAfter, d.RetryAfter)
					}
				}
				s := l.Stats()
				require.Greater(t, s.Denied[ratelimit.FromDenyCache], uint64(50), "it was of use")
			})
		})
	}
}

// 64 goroutines make 50,000 attempts per second at one key. What reaches Redis is about one question per token.
func TestAnAbuserStaysOffRedis(t *testing.T) {
	for name, limit := range map[string]ratelimit.Limit{
		"bucket":  {Max: 20, Per: time.Second, Kind: ratelimit.Bucket{Burst: 5}},
		"rolling": {Max: 20, Per: time.Second},
		"slow":    {Max: 100, Per: time.Minute, Kind: ratelimit.Bucket{}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				l := b.limiter(t, limit, ratelimit.Config{})
				for l.Stats().Denied[ratelimit.FromDenyCache] == 0 { // Until what there was is used up.
					allow(t, l, "mallory")
				}
				const goroutines, length = 64, 3 * time.Second
				before := l.Stats()
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for end := time.Now().Add(length); time.Now().Before(end); {
							time.Sleep(goroutines * 20 * time.Microsecond)
							if _, err := l.Allow(t.Context(), "mallory"); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				after := l.Stats()
				attempts := after.Denied[ratelimit.FromDenyCache] - before.Denied[ratelimit.FromDenyCache]
				asked := after.Questions - before.Questions
				intervals := int64(length) * limit.Max / int64(limit.Per)
				t.Logf("%d attempts, %d questions in %d intervals", attempts, asked, intervals)
				require.Greater(t, attempts, uint64(100_000))
				require.LessOrEqual(t, asked, uint64(2*intervals))
			})
		})
	}
}

// Whatever is wrong with a request, it is said with a type, and never admitted.
func TestBadInputIsRefused(t *testing.T) {
	good := ratelimit.Limit{Max: 10, Per: time.Second, Kind: ratelimit.Bucket{Burst: 5}}
	nowhere := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	defer nowhere.Close()

	for name, bad := range map[string]ratelimit.Limit{
		"no limit":               {Per: time.Second},
		"a negative limit":       {Max: -1, Per: time.Second},
		"no period":              {Max: 10},
		"a negative period":      {Max: 10, Per: -time.Second},
		"half a microsecond":     {Max: 10, Per: 1500 * time.Nanosecond},
		"a period of a life":     {Max: 10, Per: 80 * 365 * 24 * time.Hour},
		"a negative burst":       {Max: 10, Per: time.Second, Kind: ratelimit.Bucket{Burst: -5}},
		"a burst that is huge":   {Max: 10, Per: time.Second, Kind: ratelimit.Bucket{Burst: math.MaxInt64}},
		"too large to be exact":  {Max: math.MaxInt64, Per: time.Second},
		"too uneven to be exact": {Max: 999_983, Per: 24 * time.Hour, Kind: ratelimit.Bucket{}},
	} {
		_, err := ratelimit.New(nowhere, bad, ratelimit.Config{Outage: ratelimit.Open{}})
		require.ErrorIs(t, err, ratelimit.ErrBadLimit, name)
		var said *ratelimit.LimitError
		require.ErrorAs(t, err, &said, name)
		require.Error(t, bad.Validate(), name)
		require.Zero(t, bad.Bound(time.Minute), name)
	}

	careless := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer careless.Close()
	ring := redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true})
	defer ring.Close()
	for name, c := range map[string]struct {
		client redis.UniversalClient
		cfg    ratelimit.Config
	}{
		"no client":                {nil, ratelimit.Config{}},
		"contexts ignored":         {careless, ratelimit.Config{}},
		"a ring":                   {ring, ratelimit.Config{}},
		"braces in the prefix":     {nowhere, ratelimit.Config{Prefix: "a{b}"}},
		"a negative batch":         {nowhere, ratelimit.Config{Lease: ratelimit.Lease{Batch: -1}}},
		"a life too short":         {nowhere, ratelimit.Config{Lease: ratelimit.Lease{Batch: 1, Life: time.Microsecond}}},
		"spread too wide":          {nowhere, ratelimit.Config{Spread: 6}},
		"a negative timeout":       {nowhere, ratelimit.Config{Timeout: -1}},
		"a share of nobody knows":  {nowhere, ratelimit.Config{Outage: ratelimit.LocalShare{}}},
		"a spread that is nothing": {nowhere, ratelimit.Config{Spread: -1}},
	} {
		_, err := ratelimit.New(c.client, good, c.cfg)
		require.ErrorIs(t, err, ratelimit.ErrBadConfig, name)
	}

	l := limiter(t, nowhere, good, ratelimit.Config{Outage: ratelimit.Open{}}) // What would admit everything.
	for name, key := range map[string]string{"no key": "", "a brace": "a{b", "another brace": "a}b", "braces": "{user}", "too long": strings.Repeat("x", 1000)} {
		d, err := l.Allow(t.Context(), key)
		require.ErrorIs(t, err, ratelimit.ErrBadKey, name)
		require.False(t, d.OK, name)
		var said *ratelimit.KeyError
		require.ErrorAs(t, err, &said, name)
		_, err = l.AllowMany(t.Context(), []ratelimit.Request{{Key: "fine"}, {Key: key}})
		require.ErrorIs(t, err, ratelimit.ErrBadKey, name)
		require.ErrorIs(t, l.Wait(t.Context(), key), ratelimit.ErrBadKey, name)
	}
	for _, n := range []int64{0, -1, math.MinInt64, 6, math.MaxInt64} {
		d, err := l.AllowN(t.Context(), "fine", n)
		require.ErrorIs(t, err, ratelimit.ErrBadCost)
		require.False(t, d.OK)
		var said *ratelimit.CostError
		require.ErrorAs(t, err, &said)
		require.Equal(t, ratelimit.CostError{Cost: n, Most: 5}, *said)
		require.ErrorIs(t, l.WaitN(t.Context(), "fine", n), ratelimit.ErrBadCost)
	}
	require.Zero(t, l.Stats().Questions, "nothing was asked")

	gone := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	d, err := l.Allow(ctx, "fine")
	require.ErrorIs(t, err, gone)
	require.False(t, d.OK)

	require.NoError(t, l.Close())
	_, err = l.Allow(t.Context(), "fine")
	require.ErrorIs(t, err, ratelimit.ErrClosed)
	require.NoError(t, l.Close())
}

// What somebody else put under a key is no outage, and admits nothing.
func TestAForeignValueIsAnError(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for name, limit := range kinds() {
			l := b.limiter(t, limit, ratelimit.Config{Prefix: "p:", Outage: ratelimit.Open{}})
			require.True(t, allow(t, l, name).OK)
			for _, key := range b.redis.Keys() {
				b.redis.Set(key, "hello")
			}
			for range 10 {
				d, err := l.Allow(t.Context(), name)
				require.ErrorIs(t, err, ratelimit.ErrState)
				require.False(t, d.OK)
			}
			ds, err := l.AllowMany(t.Context(), []ratelimit.Request{{Key: "other"}, {Key: name}})
			require.ErrorIs(t, err, ratelimit.ErrState)
			require.True(t, ds[0].OK, "the others are decided")
			require.Equal(t, ratelimit.Decision{}, ds[1])
			require.Zero(t, l.Stats().Outages)
			b.redis.FlushAll()
		}
	})
}

// A server whose time of day is wrong decides as the others do: nobody asks it.
func TestKeysAndWhatIsStored(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for name, want := range map[string]string{
			"rolling": "ratelimit:{alice}:10/1s", "bucket": "ratelimit:{alice}:10/1s/b0", "fixed window": "ratelimit:{alice}:10/1s/f",
		} {
			l := b.limiter(t, kinds()[name], ratelimit.Config{})
			require.True(t, allow(t, l, "alice").OK)
			require.Equal(t, []string{want}, b.redis.Keys())
			require.Positive(t, b.redis.TTL(want))
			require.LessOrEqual(t, b.redis.TTL(want), time.Second+time.Second/64+2*time.Millisecond, "no longer than until it is as new")
			b.redis.FlushAll()
		}
	})
}

// Scripts that Redis does not know are brought: alone, in a pipeline of ours, and in one of many callers.
func TestUnknownScriptsAreBrought(t *testing.T) {
	_, c := onRedis(t, stores.RedisConfig{})
	for name, limit := range kinds() {
		t.Run(name, func(t *testing.T) {
			limit.Max = 1_000_000
			l := limiter(t, c, limit, patient())
			require.NoError(t, c.ScriptFlush(t.Context()).Err())
			require.True(t, allow(t, l, "alice").OK)

			require.NoError(t, c.ScriptFlush(t.Context()).Err())
			requests := make([]ratelimit.Request, 100)
			for i := range requests {
				requests[i].Key = fmt.Sprintf("user-%d", i)
			}
			ds, err := l.AllowMany(t.Context(), requests)
			require.NoError(t, err)
			for _, d := range ds {
				require.True(t, d.OK)
				require.Equal(t, ratelimit.FromRedis, d.Source)
			}

			stop := make(chan struct{})
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if d, err := l.Allow(t.Context(), "hot"); err != nil || !d.OK {
							t.Errorf("%+v, %v", d, err)
							return
						}
					}
				})
			}
			for range 20 {
				require.NoError(t, c.ScriptFlush(t.Context()).Err())
				time.Sleep(5 * time.Millisecond)
			}
			close(stop)
			wg.Wait()
			require.Zero(t, l.Stats().Failures)
		})
	}
}

// 64 callers at one key on a real Redis: no errors, and exactly as many as there are.
func TestManyCallersAtOneKey(t *testing.T) {
	_, c := onRedis(t, stores.RedisConfig{})
	for name, limit := range map[string]ratelimit.Limit{
		"rolling":      {Max: 500, Per: time.Hour},
		"bucket":       {Max: 500, Per: 100 * time.Hour, Kind: ratelimit.Bucket{}},
		"fixed window": {Max: 500, Per: 1000 * time.Hour, Kind: ratelimit.FixedWindow{}},
	} {
		for mode, cfg := range map[string]ratelimit.Config{
			"strict": {}, "leases": {Lease: ratelimit.Lease{Batch: 20}}, "escrow": {Lease: ratelimit.Lease{Batch: 20, Escrow: true}}, "spread": {Spread: 4},
		} {
			t.Run(name+" "+mode, func(t *testing.T) {
				cfg.Prefix, cfg.Timeout = mode+":", patience
				var servers []*ratelimit.Limiter
				for range 4 {
					servers = append(servers, limiter(t, c, limit, cfg))
				}
				var mu sync.Mutex
				admitted := int64(0)
				var wg sync.WaitGroup
				for i := range 64 {
					wg.Go(func() {
						for range 40 {
							d, err := servers[i%4].Allow(t.Context(), "hot")
							if err != nil {
								t.Error(err)
								return
							}
							if d.OK {
								mu.Lock()
								admitted++
								mu.Unlock()
							}
						}
					})
				}
				wg.Wait()
				require.LessOrEqual(t, admitted, limit.Max)
				if mode == "strict" || mode == "spread" {
					require.Equal(t, limit.Max, admitted)
				}
				require.Greater(t, admitted, limit.Max/2)
			})
		}
	}
}
