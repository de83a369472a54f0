package ratelimit_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/ratelimit"
)

// A hundred requests per minute and user, over any number of servers.
func Example() {
	server := miniredis.NewMiniRedis() // In your program it is a Redis.
	if err := server.Start(); err != nil {
		panic(err)
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	defer client.Close()

	limiter, err := ratelimit.New(client, ratelimit.Limit{Max: 100, Per: time.Minute}, ratelimit.Config{})
	if err != nil {
		panic(err)
	}
	defer limiter.Close()

	admitted := 0
	for range 150 {
		decision, err := limiter.Allow(context.Background(), "alice")
		if err != nil {
			panic(err)
		}
		if decision.OK {
			admitted++
		}
	}
	decision, _ := limiter.Allow(context.Background(), "alice")
	fmt.Println(admitted, "admitted;", "then denied by the", decision.Source)
	fmt.Println("declared:", limiter.Bound(time.Minute, 50), "in any minute, by 50 servers")
	// Output:
	// 100 admitted; then denied by the deny-cache
	// declared: 100 in any minute, by 50 servers
}

// What the servers of a limit may admit together, depending on how it is kept.
func ExampleLimiter_Bound() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	limit := ratelimit.Limit{Max: 50, Per: time.Minute, Kind: ratelimit.Bucket{Burst: 50}}
	for _, c := range []struct {
		name string
		cfg  ratelimit.Config
	}{
		{"strict", ratelimit.Config{}},
		{"leases", ratelimit.Config{Lease: ratelimit.Lease{Batch: 10, Life: 3 * time.Second}}},
		{"escrow", ratelimit.Config{Lease: ratelimit.Lease{Batch: 10, Life: 3 * time.Second, Escrow: true}}},
		{"shares", ratelimit.Config{Outage: ratelimit.LocalShare{Servers: ratelimit.Fixed(50)}}},
	} {
		limiter, err := ratelimit.New(client, limit, c.cfg)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %d in any minute, %d through an outage, and %d more if Redis forgets\n",
			c.name, limiter.SteadyBound(time.Minute), limiter.Bound(time.Minute, 50), limiter.LossBound())
		_ = limiter.Close()
	}
	// Output:
	// strict: 100 in any minute, 100 through an outage, and 50 more if Redis forgets
	// leases: 102 in any minute, 102 through an outage, and 50 more if Redis forgets
	// escrow: 100 in any minute, 100 through an outage, and 50 more if Redis forgets
	// shares: 100 in any minute, 200 through an outage, and 50 more if Redis forgets
}
