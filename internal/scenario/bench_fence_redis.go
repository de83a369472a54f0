package scenario

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/redisfence"
	"github.com/zkkit/zkkit/internal/stores"
)

// staleToken is older than benchToken, with which everything is written.
var staleToken, benchToken = fence.Token{ID: 1}, fence.Token{ID: 2}

// errEmbeddedRedis says that there is a Redis, and that it is none to measure.
var errEmbeddedRedis = errors.New("no Redis but the embedded one, which is none to measure: apt-get install redis-server")

func fenceRedis() fenceStore {
	return fenceStore{name: "redis", open: openFenceRedis, lacks: func(err error) bool { return errors.Is(err, errEmbeddedRedis) }}
}

// openFenceRedis compares a guarded write with SET, and with a script that does no more than SET.
func openFenceRedis(ctx context.Context, clients int) (_ *fencedStore, err error) {
	r, err := stores.StartRedis(ctx, stores.RedisConfig{})
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(&redis.Options{Addr: r.Addrs()[0], PoolSize: clients, ContextTimeoutEnabled: true})
	s := &fencedStore{about: r.String(), close: func() { _, _ = client.Close(), r.Stop() }}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if r.Kind() == stores.Embedded {
		return nil, errEmbeddedRedis
	}
	guard, err := redisfence.New(client, redisfence.Config{})
	if err != nil {
		return nil, err
	}
	resources, keys := make([]string, clients), make([]string, clients)
	for i := range clients {
		resources[i] = fmt.Sprintf("client-%d", i)
		keys[i] = guard.Key(resources[i], "")
		if err := guard.Seal(ctx, resources[i], benchToken); err != nil {
			return nil, err
		}
	}
	value := string(make([]byte, benchBytes))
	set := redis.NewScript(`redis.call('SET', KEYS[1], ARGV[1]) return {1}`)
	s.subjects = []func(context.Context, int) error{
		func(ctx context.Context, c int) error { return client.Set(ctx, keys[c], value, 0).Err() },
		func(ctx context.Context, c int) error { return set.Run(ctx, client, keys[c:c+1], value).Err() },
		func(ctx context.Context, c int) error { return guard.Write(ctx, resources[c], benchToken, value) },
	}
	s.costs = []fenceCost{{"redis", 0, 2}, {"redis_script", 1, 2}}
	s.stale = func(ctx context.Context) error { return guard.Write(ctx, resources[0], staleToken, value) }
	return s, nil
}
