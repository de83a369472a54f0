package redisfence_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/redisfence"
)

// Stock is taken out by an effect that checks before it writes. A worker that was paused for longer than its lock lived is refused by Redis itself.
func Example() {
	ctx := context.Background()
	server, err := miniredis.Run() // in memory, for this example
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	guard, err := redisfence.New(client, redisfence.Config{})
	if err != nil {
		log.Fatal(err)
	}
	take := redisfence.NewEffect(`
		local left = tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[1])
		if left < 0 then return redis.error_reply('EMPTY not enough left') end
		redis.call('SET', KEYS[1], left)
		return left`)

	paused, present := fence.Token{ID: 0x6}, fence.Token{ID: 0x7} // Tokens come with the holds; here they are made up.
	stock := guard.Key("screws", ":left")
	client.Set(ctx, stock, 10, 0)

	if err := guard.Seal(ctx, "screws", present); err != nil { // first of all
		log.Fatal(err)
	}
	left, err := guard.Do(ctx, "screws", present, take, []string{stock}, 4)
	fmt.Println("left:", left, err)
	_, err = guard.Do(ctx, "screws", paused, take, []string{stock}, 4)
	fmt.Println("stale:", errors.Is(err, fence.ErrStale))
	fmt.Println(err)
	// Output:
	// left: 6 <nil>
	// stale: true
	// fence: stale token 0x6: "screws" already saw 0x7
}
