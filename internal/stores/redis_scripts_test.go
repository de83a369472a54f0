package stores_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/stores"
)

// Scripts that run when the server is killed are done with, or their clients lose the connection: nobody is told of an error in a script that has none.
func TestScriptsWhileTheServerIsKilled(t *testing.T) {
	r := stores.RunRedis(t, stores.RedisConfig{Kind: stores.Embedded})
	script := redis.NewScript(`redis.call('SET', KEYS[1], 1) redis.call('GET', KEYS[1]) return redis.call('INCR', KEYS[1])`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			c := redis.NewClient(&redis.Options{Addr: r.Addrs()[0], MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
			defer c.Close()
			for ctx.Err() == nil {
				err := script.Run(ctx, c, []string{"key"}).Err()
				var said redis.Error
				if errors.As(err, &said) && !redis.HasErrorPrefix(err, "NOSCRIPT") {
					t.Errorf("%v", err)
					return
				}
			}
		})
	}
	for range 10 {
		time.Sleep(20 * time.Millisecond)
		require.NoError(t, r.Node(0).Restart(t.Context()))
	}
	cancel()
	wg.Wait()
}
