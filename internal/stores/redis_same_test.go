package stores

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// A try is a few commands, and what a Redis makes of them. Times are given as what is true of them, since no two runs have the same.
type try struct {
	name string
	do   func(t *testing.T, c *redis.Client) any
	want any
}

// tries are what locks, fences and limiters are made of.
var tries = []try{
	{"a key expires, not before its time and soon after", func(t *testing.T, c *redis.Client) any {
		sent := time.Now()
		require.NoError(t, c.Set(t.Context(), "k", "v", 80*time.Millisecond).Err())
		set := time.Now()
		for c.Exists(t.Context(), "k").Val() == 1 {
			time.Sleep(time.Millisecond)
		}
		gone := time.Now()
		return said("early", gone.Sub(sent) < 79*time.Millisecond, "never", gone.Sub(set) > patience)
	}, "early false never false"},
	{"PTTL runs down by itself", func(t *testing.T, c *redis.Client) any {
		require.NoError(t, c.Set(t.Context(), "k", "v", time.Minute).Err())
		before, at := c.PTTL(t.Context(), "k").Val(), time.Now()
		time.Sleep(50 * time.Millisecond)
		passed := before - c.PTTL(t.Context(), "k").Val()
		return passed >= 49*time.Millisecond && passed <= time.Since(at)+2*time.Millisecond
	}, true},
	{"SET NX PX is taken, refused, and taken again when it has expired", func(t *testing.T, c *redis.Client) any {
		for {
			sent := time.Now()
			first := c.SetNX(t.Context(), "lock", "a", 100*time.Millisecond).Val()
			second := c.SetNX(t.Context(), "lock", "b", time.Minute).Val()
			if time.Since(sent) >= 100*time.Millisecond { // On a busy machine it may have expired by then.
				c.Del(t.Context(), "lock")
				continue
			}
			time.Sleep(110 * time.Millisecond)
			third := c.SetNX(t.Context(), "lock", "b", time.Minute).Val()
			return said(first, second, third, c.Get(t.Context(), "lock").Val())
		}
	}, "true false true b"},
	{"a write keeps or drops the time to live", func(t *testing.T, c *redis.Client) any {
		c.Set(t.Context(), "k", "1", time.Minute)
		c.Incr(t.Context(), "k")
		kept := c.PTTL(t.Context(), "k").Val() > 0
		c.Set(t.Context(), "k", "1", 0)
		return said(kept, c.PTTL(t.Context(), "k").Val())
	}, "true -1ns"},
	{"PEXPIRE, PERSIST, and no key", func(t *testing.T, c *redis.Client) any {
		none := c.PExpire(t.Context(), "k", time.Minute).Val()
		c.Set(t.Context(), "k", "v", 0)
		some := c.PExpire(t.Context(), "k", time.Minute).Val()
		persisted := c.Persist(t.Context(), "k").Val()
		return said(none, some, persisted, c.PTTL(t.Context(), "k").Val(), c.PTTL(t.Context(), "nothing").Val())
	}, "false true true -1ns -2ns"},
	{"EXPIREAT is of the same clock as TIME", func(t *testing.T, c *redis.Client) any {
		asked := time.Now()
		now := c.Time(t.Context()).Val()
		c.Set(t.Context(), "k", "v", 0)
		c.PExpireAt(t.Context(), "k", now.Add(time.Minute))
		ttl := c.PTTL(t.Context(), "k").Val()
		return ttl >= time.Minute-time.Since(asked)-2*time.Millisecond && ttl <= time.Minute
	}, true},
	{"TIME is the time, and the same in a script", func(t *testing.T, c *redis.Client) any {
		before := time.Now()
		said, err := c.Eval(t.Context(), `local t = redis.call('TIME'); return t[1] .. '.' .. t[2]`, nil).Text()
		require.NoError(t, err)
		sec, micro, _ := strings.Cut(said, ".")
		var s, us int64
		_, err = fmt.Sscan(sec+" "+micro, &s, &us)
		require.NoError(t, err)
		at := time.Unix(s, us*1000)
		return !at.Before(before.Truncate(time.Microsecond)) && !at.After(time.Now())
	}, true},
	{"TIME does not stand still between two scripts", func(t *testing.T, c *redis.Client) any {
		read := func() time.Time { return c.Time(t.Context()).Val() }
		first := read()
		time.Sleep(20 * time.Millisecond)
		return read().Sub(first) >= 20*time.Millisecond
	}, true},
	{"compare and delete in a script", func(t *testing.T, c *redis.Client) any {
		const release = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end`
		c.Set(t.Context(), "lock", "mine", time.Minute)
		other := c.Eval(t.Context(), release, []string{"lock"}, "theirs").Val()
		mine := c.Eval(t.Context(), release, []string{"lock"}, "mine").Val()
		return said(other, mine, c.Exists(t.Context(), "lock").Val())
	}, "0 1 0"},
	{"a script makes numbers of strings, and loses fractions", func(t *testing.T, c *redis.Client) any {
		return c.Eval(t.Context(), `return {tonumber(ARGV[1]) + 1, 3.99, '3.99', tostring(1/4), false, ARGV[2]}`, nil, "41", "x").Val()
	}, []any{int64(42), int64(3), "3.99", "0.25", nil, "x"}},
	{"a hash with a time to live, in a script", func(t *testing.T, c *redis.Client) any {
		const take = `local n = redis.call('HINCRBY', KEYS[1], 'n', ARGV[1]); redis.call('PEXPIRE', KEYS[1], ARGV[2]); return {n, redis.call('PTTL', KEYS[1]) > 0 and 1 or 0}`
		c.Eval(t.Context(), take, []string{"{u}bucket"}, 2, 60000)
		return c.Eval(t.Context(), take, []string{"{u}bucket"}, 3, 60000).Val()
	}, []any{int64(5), int64(1)}},
	{"an unknown script is NOSCRIPT, in a pipeline too", func(t *testing.T, c *redis.Client) any {
		const hash = "ffffffffffffffffffffffffffffffffffffffff"
		alone := redis.HasErrorPrefix(c.EvalSha(t.Context(), hash, nil).Err(), "NOSCRIPT")
		p := c.Pipeline()
		set, eval := p.Set(t.Context(), "k", "v", 0), p.EvalSha(t.Context(), hash, nil)
		_, _ = p.Exec(t.Context())
		return said(alone, set.Err(), redis.HasErrorPrefix(eval.Err(), "NOSCRIPT"), c.Get(t.Context(), "k").Val())
	}, "true <nil> true v"},
	{"SCRIPT FLUSH forgets", func(t *testing.T, c *redis.Client) any {
		hash := c.ScriptLoad(t.Context(), "return 7").Val()
		before := c.EvalSha(t.Context(), hash, nil).Val()
		c.ScriptFlush(t.Context())
		return said(before, c.ScriptExists(t.Context(), hash).Val(), redis.HasErrorPrefix(c.EvalSha(t.Context(), hash, nil).Err(), "NOSCRIPT"))
	}, "7 [false] true"},
	{"an error of a script ends it, and what it did before stays", func(t *testing.T, c *redis.Client) any {
		err := c.Eval(t.Context(), `redis.call('SET', 'k', 'done'); return redis.error_reply('STALE 7')`, nil).Err()
		return said(err, c.Get(t.Context(), "k").Val())
	}, "STALE 7 done"},
	{"WATCH sees a write", func(t *testing.T, c *redis.Client) any {
		c.Set(t.Context(), "k", "v", 0)
		write := c.Watch(t.Context(), func(tx *redis.Tx) error {
			c.Set(t.Context(), "k", "other", 0)
			_, err := tx.TxPipelined(t.Context(), func(p redis.Pipeliner) error { return p.Set(t.Context(), "k", "mine", 0).Err() })
			return err
		}, "k")
		return said(write, c.Get(t.Context(), "k").Val())
	}, "redis: transaction failed other"},
	{"WATCH sees an expiry", func(t *testing.T, c *redis.Client) any {
		c.Set(t.Context(), "k", "v", 20*time.Millisecond)
		return c.Watch(t.Context(), func(tx *redis.Tx) error {
			time.Sleep(30 * time.Millisecond)
			_, err := tx.TxPipelined(t.Context(), func(p redis.Pipeliner) error { return p.Set(t.Context(), "k", "mine", 0).Err() })
			return err
		}, "k")
	}, redis.TxFailedErr},
}

func said(things ...any) string { return strings.TrimSpace(fmt.Sprintln(things...)) }

// Embedded and real do the same, in what is built on them.
func TestEmbeddedDoesAsARealOne(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{}, func(t *testing.T, r *Redis) {
		c := dial(t, r.Node(0).Addr())
		for _, try := range tries {
			require.NoError(t, c.FlushAll(t.Context()).Err())
			require.Equal(t, try.want, try.do(t, c), try.name)
		}
	})
}

// A miniredis whose clock does not run is told from a real one.
func TestStockMiniredisIsTold(t *testing.T) {
	m := miniredis.RunT(t)
	c := dial(t, m.Addr())
	var told []string
	for _, try := range tries[1:] { // The first one would wait for ever.
		require.NoError(t, c.FlushAll(t.Context()).Err())
		if !reflect.DeepEqual(try.want, try.do(t, c)) {
			told = append(told, try.name)
		}
	}
	require.Equal(t, []string{"PTTL runs down by itself", "SET NX PX is taken, refused, and taken again when it has expired", "WATCH sees an expiry"}, told)
}
