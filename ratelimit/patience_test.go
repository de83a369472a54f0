package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ratelimit"
)

// Nobody waits for longer than the timeout for a Redis that hangs, however many there are, and whatever they wait for: a way to it, who has gone to ask, or who has gone to borrow.
func TestNobodyWaitsForLongerThanTheTimeout(t *testing.T) {
	limit := ratelimit.Limit{Max: 100, Per: time.Second, Kind: ratelimit.Bucket{}}
	for name, c := range map[string]struct {
		cfg    ratelimit.Config
		key    func(i int) string
		before func(t *testing.T, l *ratelimit.Limiter)
	}{
		"a way to it": {ratelimit.Config{}, func(i int) string { return fmt.Sprint(i) }, nil},
		"who has gone to ask": {ratelimit.Config{}, func(int) string { return "mallory" }, func(t *testing.T, l *ratelimit.Limiter) {
			for allow(t, l, "mallory").OK {
			}
			time.Sleep(time.Second) // What Redis said is over, so that one goes and asks.
		}},
		"who has gone to borrow": {ratelimit.Config{Lease: ratelimit.Lease{Batch: 20}}, func(int) string { return "busy" }, func(t *testing.T, l *ratelimit.Limiter) {
			for range 50 {
				time.Sleep(time.Millisecond)
				allow(t, l, "busy")
			}
			time.Sleep(2 * time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				c.cfg.Timeout = 100 * time.Millisecond
				l := b.limiter(t, limit, c.cfg)
				if c.before != nil {
					c.before(t, l)
				}
				b.cut(false, true)
				var longest atomic.Int64
				var wg sync.WaitGroup
				for i := range 3000 {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * 50 * time.Microsecond)
						began := time.Now()
						d, err := l.Allow(t.Context(), c.key(i))
						if err != nil || d.OK || d.Source != ratelimit.FromOutage {
							t.Errorf("%+v, %v", d, err)
						}
						for took := int64(time.Since(began)); ; {
							if was := longest.Load(); took <= was || longest.CompareAndSwap(was, took) {
								return
							}
						}
					})
				}
				wg.Wait()
				require.LessOrEqual(t, time.Duration(longest.Load()), c.cfg.Timeout+time.Millisecond)
				require.EqualValues(t, 1, l.Stats().Outages)
				require.Less(t, l.Stats().Questions, uint64(3000))
				b.cut(false, false)
				for tries := 0; !allow(t, l, c.key(0)).OK; tries++ { // A connection that was made meanwhile is mute for ever: it costs whoever gets it a timeout.
					require.Less(t, tries, 50)
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// Who waits for what is borrowed is served in the order in which he came, also by those who give up meanwhile.
func TestALeaseIsFair(t *testing.T) {
	for name, lease := range leases() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				lease.Batch = 10
				slow := &slowWay{rng: rand.New(rand.NewPCG(1, 1)), dial: b.dial, safe: true}
				c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", Dialer: slow.connect, ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true, PoolSize: 50})
				t.Cleanup(func() { _ = c.Close() })
				l := limiter(t, c, ratelimit.Limit{Max: 1_000_000, Per: time.Second, Kind: ratelimit.Bucket{}}, ratelimit.Config{Lease: lease, Timeout: time.Second})
				const callers, length = 64, 10 * time.Second
				got := make([]int, callers)
				var gaveUp atomic.Int64
				var wg sync.WaitGroup
				end := time.Now().Add(length)
				for i := range callers {
					wg.Go(func() {
						for time.Now().Before(end) {
							ctx, cancel := context.WithCancel(t.Context())
							if i%4 == 0 { // An impatient one.
								time.AfterFunc(15*time.Millisecond, cancel)
							}
							d, err := l.Allow(ctx, "hot")
							cancel()
							switch {
							case errors.Is(err, context.Canceled):
								gaveUp.Add(1)
							case err != nil || !d.OK:
								t.Errorf("%+v, %v", d, err)
								return
							default:
								got[i]++
							}
						}
					})
				}
				wg.Wait()
				var patient []int
				for i, n := range got {
					if i%4 != 0 {
						patient = append(patient, n)
					}
				}
				slices.Sort(patient)
				t.Logf("%d to %d each, %d gave up", patient[0], patient[len(patient)-1], gaveUp.Load())
				require.Positive(t, gaveUp.Load())
				require.Greater(t, patient[0], patient[len(patient)-1]/5, "who waits for nothing takes what is left, but nobody is left behind")
			})
		})
	}
}
