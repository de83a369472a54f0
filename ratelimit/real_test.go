package ratelimit_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/stores"
	"github.com/zkkit/zkkit/ratelimit"
)

// A Redis that is restarted empty has forgotten all that was admitted: that much more, and no more, is admitted again.
func TestRestartedEmptyCostsTheLossBound(t *testing.T) {
	for name, limit := range map[string]ratelimit.Limit{
		"rolling": {Max: 100, Per: time.Hour}, "bucket": {Max: 100, Per: 100 * time.Hour, Kind: ratelimit.Bucket{Burst: 30}}, "fixed window": {Max: 100, Per: 1000 * time.Hour, Kind: ratelimit.FixedWindow{}},
	} {
		t.Run(name, func(t *testing.T) {
			r, c := onRedis(t, stores.RedisConfig{})
			l := limiter(t, c, limit, patient())
			all := func() (admitted int64) {
				for {
					d := allow(t, limiter(t, c, limit, patient()), "alice") // With an empty deny cache, as of another server.
					switch {
					case d.OK:
						admitted++
					case d.Source == ratelimit.FromRedis:
						return admitted
					default:
						time.Sleep(10 * time.Millisecond)
					}
				}
			}
			admitted := all()
			require.NoError(t, r.Node(0).Restart(t.Context()))
			again := all()
			t.Logf("%d admitted, and %d more after Redis had forgotten", admitted, again)
			require.Equal(t, l.LossBound(), again)
			require.LessOrEqual(t, admitted+again, l.Bound(time.Hour, 2)+l.LossBound())
		})
	}
}

// With an append-only file that is written before the answer, a restart forgets nothing.
func TestRestartedWithItsDataCostsNothing(t *testing.T) {
	r, c := onRedis(t, stores.RedisConfig{AppendOnly: true})
	limit := ratelimit.Limit{Max: 50, Per: time.Hour}
	for range 50 {
		require.True(t, allow(t, limiter(t, c, limit, patient()), "alice").OK)
	}
	require.NoError(t, r.Node(0).Kill(t.Context()))
	require.NoError(t, r.Node(0).Restart(t.Context()))
	for {
		d := allow(t, limiter(t, c, limit, patient()), "alice")
		require.False(t, d.OK)
		if d.Source == ratelimit.FromRedis {
			return
		}
	}
}

// A Redis that hangs keeps nobody waiting for longer than the timeout, and when it goes on the limit is what it was.
func TestHungRedis(t *testing.T) {
	r, c := onRedis(t, stores.RedisConfig{})
	limit := ratelimit.Limit{Max: 40, Per: time.Hour}
	l := limiter(t, c, limit, ratelimit.Config{Timeout: 100 * time.Millisecond})
	before := limiter(t, c, limit, patient())
	for range 20 {
		require.True(t, allow(t, before, "alice").OK)
	}
	require.NoError(t, r.Node(0).Pause(t.Context()))
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 10 {
				d, err := l.Allow(t.Context(), fmt.Sprint(i))
				if err != nil || d.OK || d.Source != ratelimit.FromOutage {
					t.Errorf("%+v, %v", d, err)
				}
			}
		})
	}
	wg.Wait()
	s := l.Stats()
	require.EqualValues(t, 1, s.Outages)
	require.Less(t, s.Questions, uint64(100), "200 were decided without asking, but for those that found out")
	require.NoError(t, r.Node(0).Resume(t.Context()))
	admitted := 20
	for deadline := time.Now().Add(patience); ; {
		d := allow(t, l, "alice")
		if d.OK {
			admitted++
		} else if d.Source != ratelimit.FromOutage {
			break
		}
		require.True(t, time.Now().Before(deadline), "Redis is back, and the limiter does not notice")
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, admitted, 40, "what was asked meanwhile may have been counted, and no more")
	require.GreaterOrEqual(t, admitted, 38)
}

// In a cluster a key and its parts are where their tags put them, a pipeline goes to all servers, and one that is down takes down what lies on it only.
func TestCluster(t *testing.T) {
	r := stores.RunRedis(t, stores.RedisConfig{Nodes: 2, Args: []string{"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "60000", "--cluster-require-full-coverage", "no"}})
	formCluster(t, r)
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: r.Addrs(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })

	hot := limiter(t, c, ratelimit.Limit{Max: 100, Per: time.Hour}, ratelimit.Config{Spread: 4, Prefix: "hot:", Timeout: patience})
	admitted := 0
	for range 200 {
		d := allow(t, hot, "everybody")
		require.NotEqual(t, ratelimit.FromOutage, d.Source)
		if d.OK {
			admitted++
		}
	}
	require.Equal(t, 100, admitted)
	for _, addr := range r.Addrs() {
		one := redis.NewClient(&redis.Options{Addr: addr})
		keys, err := one.Keys(t.Context(), "hot:*").Result()
		_ = one.Close()
		require.NoError(t, err)
		require.Len(t, keys, 2, "the parts are shared out")
	}

	l := limiter(t, c, ratelimit.Limit{Max: 10, Per: time.Hour}, ratelimit.Config{Timeout: time.Second})
	var requests []ratelimit.Request
	for i := range 64 {
		requests = append(requests, ratelimit.Request{Key: fmt.Sprint("user-", i)})
	}
	decisions, err := l.AllowMany(t.Context(), requests)
	require.NoError(t, err)
	for _, d := range decisions {
		require.True(t, d.OK)
		require.Equal(t, ratelimit.FromRedis, d.Source)
	}

	require.NoError(t, r.Node(1).Pause(t.Context()))
	t.Cleanup(func() { _ = r.Node(1).Resume(t.Context()) })
	down, up := 0, 0
	for range 3 { // Until the breakers of the one that hangs are open, which are several.
		down, up = 0, 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, q := range requests {
			wg.Go(func() {
				d := allow(t, l, q.Key)
				mu.Lock()
				defer mu.Unlock()
				switch d.Source {
				case ratelimit.FromOutage:
					down++
				case ratelimit.FromRedis:
					up++
				default:
				}
			})
		}
		wg.Wait()
	}
	t.Logf("%d keys on the server that hangs, %d on the other", down, up)
	require.Equal(t, 64, down+up)
	require.Greater(t, down, 10)
	require.Greater(t, up, 10)
}

// formCluster makes the nodes one cluster, each with half of the slots.
func formCluster(t *testing.T, r *stores.Redis) {
	t.Helper()
	var nodes []*redis.Client
	for _, addr := range r.Addrs() {
		c := redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { _ = c.Close() })
		nodes = append(nodes, c)
	}
	require.NoError(t, nodes[0].ClusterAddSlotsRange(t.Context(), 0, 8191).Err())
	require.NoError(t, nodes[1].ClusterAddSlotsRange(t.Context(), 8192, 16383).Err())
	host, port, err := net.SplitHostPort(r.Addrs()[1])
	require.NoError(t, err)
	require.NoError(t, nodes[0].ClusterMeet(t.Context(), host, port).Err())
	for _, n := range nodes {
		require.Eventually(t, func() bool {
			info, err := n.ClusterInfo(t.Context()).Result()
			shards, serr := n.ClusterShards(t.Context()).Result()
			return err == nil && serr == nil && len(shards) == 2 && strings.Contains(info, "cluster_state:ok")
		}, patience, 20*time.Millisecond)
	}
}
