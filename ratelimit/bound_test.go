package ratelimit

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// limiter returns one in that setting, which has nobody to ask.
func (s setting) limiter() *Limiter {
	cfg := Config{Lease: s.lease}
	if s.share {
		cfg.Outage = LocalShare{Fixed(s.count)}
	}
	l, err := New(redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true}), s.limit, cfg)
	if err != nil {
		panic(err)
	}
	return l
}

// seeds is how many adversaries try, each from another place; ZKKIT_SEEDS in the environment says how many.
func seeds() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("ZKKIT_SEEDS"), 10, 64); err == nil {
		return max(n, 1)
	}
	return 1
}

// tries is how many schedules each of them plays.
const tries = 1200

// tries returns how many for a setting: a lease together with a share is two things to get right at once.
func (s setting) tries() int {
	if s.share && s.lease.Batch > 0 {
		return 3 * tries
	}
	return tries
}

// settings are what is declared to have a bound.
func settings() map[string]setting {
	half := Limit{Max: 50, Per: time.Minute, Kind: Bucket{Burst: 50}} // At most 100 per minute.
	fast := Limit{Max: 100, Per: time.Second, Kind: Bucket{Burst: 40}}
	lease := Lease{Batch: 20, Life: 300 * time.Millisecond}
	escrow := Lease{Batch: 20, Life: 300 * time.Millisecond, Escrow: true}
	rolling, fixed := Limit{Max: 60, Per: time.Second}, Limit{Max: 60, Per: time.Second, Kind: FixedWindow{}}
	second := int64(1_000_000)
	return map[string]setting{
		"strict bucket":                     {limit: fast, window: second, count: 3},
		"strict bucket, a minute":           {limit: half, window: 60 * second, count: 3},
		"strict rolling":                    {limit: rolling, window: second, count: 3},
		"strict rolling, a longer period":   {limit: rolling, window: second * 5 / 2, count: 3},
		"strict fixed window":               {limit: fixed, window: second, count: 3},
		"leases":                            {limit: fast, lease: lease, window: second, count: 3},
		"leases, a minute":                  {limit: half, lease: Lease{Batch: 10, Life: 5 * time.Second}, window: 60 * second, count: 5},
		"leases, a short period":            {limit: fast, lease: lease, window: second / 10, count: 4},
		"escrow":                            {limit: fast, lease: escrow, window: second, count: 3},
		"escrow, a minute":                  {limit: half, lease: Lease{Batch: 10, Life: 5 * time.Second, Escrow: true}, window: 60 * second, count: 5},
		"rolling, leases":                   {limit: rolling, lease: lease, window: second, count: 3},
		"rolling, leases, a longer period":  {limit: rolling, lease: lease, window: second * 5 / 2, count: 3},
		"fixed window, leases":              {limit: fixed, lease: lease, window: second, count: 3},
		"bucket, Redis forgets":             {limit: fast, window: second, count: 3, losses: 1},
		"rolling, Redis forgets twice":      {limit: rolling, window: second, count: 3, losses: 2},
		"fixed window, Redis forgets":       {limit: fixed, window: second, count: 3, losses: 1},
		"escrow, Redis forgets":             {limit: fast, lease: escrow, window: second, count: 3, losses: 1},
		"bucket, shares in an outage":       {limit: fast, window: second, count: 4, share: true},
		"rolling, shares in an outage":      {limit: rolling, window: second, count: 4, share: true},
		"fixed window, shares in an outage": {limit: fixed, window: second, count: 4, share: true},
		"leases, shares in an outage":       {limit: fast, lease: lease, window: second, count: 4, share: true},
	}
}

// No mode admits more than it declares, whatever the adversary does; and it nearly does so, so that the bound says something.
func TestNoScheduleExceedsTheBound(t *testing.T) {
	for name, s := range settings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bound, most := s.bound(), int64(0)
			for seed := range seeds() {
				found, p := newAdversary(s, seed).search(s.tries())
				require.LessOrEqual(t, found, bound, "by %+v", p)
				most = max(most, found)
			}
			t.Logf("%d of %d", most, bound)
			require.GreaterOrEqual(t, float64(most), 0.95*float64(bound), "the adversary is too weak to say anything, or the bound too wide")
		})
	}
}

// The same search finds what is wrong with two limiters that look right.
func TestTheAdversaryFindsWhatIsWrong(t *testing.T) {
	for name, change := range map[string]func(*setting){
		"leases that do not expire": func(s *setting) { s.immortal = true },
		"naive refunds":             func(s *setting) { s.refunds = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settings()["leases"]
			change(&s)
			bound := s.bound()
			found, _ := newAdversary(s, 0).search(s.tries())
			t.Logf("%d, where %d are declared", found, bound)
			require.Greater(t, found, bound)
		})
	}
}

func ExampleLimit_Bound() {
	for _, l := range []Limit{
		{Max: 100, Per: time.Minute},
		{Max: 100, Per: time.Minute, Kind: Bucket{Burst: 100}},
		{Max: 50, Per: time.Minute, Kind: Bucket{Burst: 50}},
		{Max: 100, Per: time.Minute, Kind: FixedWindow{}},
	} {
		fmt.Printf("%s: at most %d in any minute\n", l, l.Bound(time.Minute))
	}
	// Output:
	// 100 per 1m0s, rolling: at most 100 in any minute
	// 100 per 1m0s, bucket of 100: at most 200 in any minute
	// 50 per 1m0s, bucket of 50: at most 100 in any minute
	// 100 per 1m0s, fixed window: at most 200 in any minute
}
