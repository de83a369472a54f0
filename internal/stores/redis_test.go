package stores

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// onEach runs a test on each engine.
func onEach(t *testing.T, cfg RedisConfig, f func(t *testing.T, r *Redis)) {
	for _, kind := range []string{Local, Embedded, Docker} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			cfg := cfg
			cfg.Kind = kind
			if kind == Docker {
				withDocker(t)
				cfg.NoPull = true
			}
			f(t, RunRedis(t, cfg))
		})
	}
}

func TestRedisServes(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{Nodes: 3}, func(t *testing.T, r *Redis) {
		require.Len(t, r.Addrs(), 3)
		require.Len(t, r.Nodes(), 3)
		for i, addr := range r.Addrs() {
			require.Regexp(t, `^127\.0\.0\.1:\d+$`, addr)
			require.Equal(t, addr, r.Node(i).Addr())
			c := dial(t, addr)
			require.NoError(t, c.SetNX(t.Context(), "who", i, 0).Err())
			require.Equal(t, 1, int(c.DBSize(t.Context()).Val()), "the nodes know nothing of each other")
		}
		require.Regexp(t, `^\d+\.\d+\.\d+$`, r.Version())
		require.Contains(t, r.String(), r.Version())
		require.Contains(t, r.String(), "3 ")
		require.Equal(t, r.Kind() == Embedded, strings.HasSuffix(r.String(), ": not a real Redis"), r.String())
	})
}

func TestRedisPause(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{}, func(t *testing.T, r *Redis) {
		n := r.Node(0)
		c := dial(t, n.Addr())
		require.NoError(t, c.Set(t.Context(), "short", "lived", 300*time.Millisecond).Err())
		require.NoError(t, c.Set(t.Context(), "long", "lived", time.Hour).Err())
		require.NoError(t, n.Pause(t.Context()))
		require.NoError(t, n.Pause(t.Context()), "pausing twice is fine")

		late := within(t, 400*time.Millisecond)
		require.Error(t, c.Set(late, "late", "write", 0).Err())
		other := dial(t, n.Addr())
		require.Error(t, other.Ping(within(t, 100*time.Millisecond)).Err(), "a new connection is taken, and nobody speaks")

		require.NoError(t, n.Resume(t.Context()))
		require.NoError(t, n.Resume(t.Context()), "resuming twice is fine")
		require.Equal(t, "lived", c.Get(t.Context(), "long").Val())
		require.ErrorIs(t, c.Get(t.Context(), "short").Err(), redis.Nil, "time goes on")
		require.Eventually(t, func() bool { return c.Get(t.Context(), "late").Val() == "write" }, patience, time.Millisecond, "what was sent is done, though nobody waits")
	})
}

func TestRedisKilledAndRestarted(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{}, func(t *testing.T, r *Redis) {
		n := r.Node(0)
		c := dial(t, n.Addr())
		hash := fill(t, c)
		require.NoError(t, n.Kill(t.Context()))
		require.Error(t, c.Ping(t.Context()).Err())
		for _, err := range []error{n.Pause(t.Context()), n.Resume(t.Context()), n.Kill(t.Context())} {
			require.ErrorIs(t, err, ErrNotRunning)
		}
		require.NoError(t, n.Restart(within(t, patience)))
		require.ErrorIs(t, c.Get(t.Context(), "a").Err(), redis.Nil)
		require.True(t, redis.HasErrorPrefix(c.EvalSha(t.Context(), hash, nil).Err(), "NOSCRIPT"))

		fill(t, c)
		require.NoError(t, n.Restart(within(t, patience)), "one that runs")
		require.ErrorIs(t, c.Get(t.Context(), "a").Err(), redis.Nil)

		require.NoError(t, n.Pause(t.Context()))
		require.NoError(t, n.Kill(t.Context()), "one that is paused")
		require.NoError(t, n.Restart(within(t, patience)))
		require.NoError(t, n.Pause(t.Context()))
		require.NoError(t, n.Restart(within(t, patience)), "one that is paused")
		require.NoError(t, c.Ping(t.Context()).Err())
	})
}

func TestRedisAppendOnlyKeepsItsData(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{AppendOnly: true}, func(t *testing.T, r *Redis) {
		n := r.Node(0)
		c := dial(t, n.Addr())
		hash := fill(t, c)
		for _, end := range []func() error{
			func() error { return n.Kill(t.Context()) },
			func() error { return errors.Join(n.Pause(t.Context()), n.Kill(t.Context())) },
			func() error { return nil },
		} {
			require.NoError(t, end())
			require.NoError(t, n.Restart(within(t, patience)))
			require.Equal(t, "b", c.Get(t.Context(), "a").Val())
			require.Greater(t, c.PTTL(t.Context(), "ttl").Val(), time.Minute)
			require.True(t, redis.HasErrorPrefix(c.EvalSha(t.Context(), hash, nil).Err(), "NOSCRIPT"))
			require.NoError(t, c.RPush(t.Context(), "list", 1).Err())
			require.NoError(t, c.BLPop(t.Context(), time.Minute, "list").Err(), "commands that block do so")
		}
	})
}

// fill gives a Redis something to forget, and returns the hash of a script that it knows.
func fill(t *testing.T, c *redis.Client) string {
	t.Helper()
	require.NoError(t, c.Set(t.Context(), "a", "b", 0).Err())
	require.NoError(t, c.Set(t.Context(), "ttl", "b", time.Hour).Err())
	hash, err := c.ScriptLoad(t.Context(), "return 1").Result()
	require.NoError(t, err)
	require.NoError(t, c.EvalSha(t.Context(), hash, nil).Err())
	return hash
}

func TestRedisStopped(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{Nodes: 2}, func(t *testing.T, r *Redis) {
		require.NoError(t, r.Node(0).Pause(t.Context()))
		require.NoError(t, r.Node(1).Kill(t.Context()))
		require.NoError(t, r.Stop())
		require.NoError(t, r.Stop())
		for _, n := range r.Nodes() {
			for _, err := range []error{n.Pause(t.Context()), n.Resume(t.Context()), n.Kill(t.Context()), n.Restart(t.Context())} {
				require.ErrorIs(t, err, ErrStopped)
			}
			require.Error(t, dial(t, n.Addr()).Ping(t.Context()).Err())
		}
	})
}

// Who waits for an answer when a node is killed does not wait for ever.
func TestRedisKilledUnderACommandThatBlocks(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{}, func(t *testing.T, r *Redis) {
		c := dial(t, r.Node(0).Addr())
		told := make(chan error, 1)
		go func() { told <- c.BLPop(t.Context(), 10*time.Minute, "nothing").Err() }()
		other := dial(t, r.Node(0).Addr())
		require.Eventually(t, func() bool {
			return strings.Count(other.ClientList(t.Context()).Val(), "cmd=blpop") == 1 || r.Kind() == Embedded
		}, patience, time.Millisecond)
		require.NoError(t, r.Node(0).Kill(t.Context()))
		select {
		case err := <-told:
			require.Error(t, err)
			require.NotErrorIs(t, err, redis.Nil)
		case <-time.After(patience):
			require.Fail(t, "it still waits")
		}
	})
}

func TestRedisContextThatHasEnded(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{}, func(t *testing.T, r *Redis) {
		dull := errors.New("dull")
		ctx := cancelled(t, dull)
		n := r.Node(0)
		for _, err := range []error{n.Pause(ctx), n.Kill(ctx), n.Restart(ctx)} {
			require.ErrorIs(t, err, dull)
		}
		require.NoError(t, dial(t, n.Addr()).Ping(t.Context()).Err())
		_, err := StartRedis(ctx, RedisConfig{Kind: r.Kind()})
		require.ErrorIs(t, err, dull)
	})
}

func TestBadRedisConfig(t *testing.T) {
	for says, cfg := range map[string]RedisConfig{
		"10 nodes: want 1 to 9":         {Nodes: 10},
		"-1 nodes":                      {Nodes: -1},
		`"connect" is no kind of Redis`: {Kind: Connect},
	} {
		_, err := StartRedis(t.Context(), cfg)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, says)
	}
}

func TestAutoRedis(t *testing.T) {
	t.Run("installed", func(t *testing.T) {
		installedRedis(t)
		r, err := StartRedis(within(t, patience), RedisConfig{})
		require.NoError(t, err)
		require.Equal(t, Local, r.Kind())
		require.NoError(t, r.Stop())
	})
	t.Run("nothing", func(t *testing.T) {
		r, err := StartRedis(within(t, patience), RedisConfig{root: elsewhere(t)})
		require.NoError(t, err)
		require.Equal(t, "embedded, miniredis 2.40.0, a node in this process: not a real Redis", r.String())
		require.NoError(t, r.Stop())
	})
	t.Run("broken", func(t *testing.T) {
		_, err := StartRedis(within(t, patience), RedisConfig{Binary: script(t, t.TempDir(), "redis-server", "echo out of order; exit 3")})
		require.ErrorIs(t, err, ErrExited, "nothing else is taken for one that is there and does not work")
	})
}

func TestMiniredisVersion(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	require.Contains(t, string(mod), "github.com/alicebob/miniredis/v2 v"+miniredisVersion+"\n")
}
