package shard_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/ratelimit"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/shard"
	"github.com/zkkit/zkkit/zktest"
)

var _ ratelimit.Servers = (*shard.Members)(nil)

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// Servers that cannot reach Redis divide a limit among themselves by their membership, also while one leaves and another one comes: together they keep it.
func TestMembersShareALimit(t *testing.T) {
	redis.SetLogger(silence{})
	story(t, func(t *testing.T, zk *zktest.Server) {
		t.Cleanup(func() { time.Sleep(time.Minute) }) // go-redis dials in the background for a while.
		limit := ratelimit.Limit{Max: 60, Per: 3 * time.Second}
		server := func() (*shard.Members, *ratelimit.Limiter) {
			m, _ := member(t, zk, timeout)
			c := redis.NewClient(&redis.Options{
				Addr: "10.0.0.2:6379", ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
				Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no Redis") },
			})
			t.Cleanup(func() { _ = c.Close() })
			l, err := ratelimit.New(c, limit, ratelimit.Config{Outage: ratelimit.LocalShare{Servers: m}, Timeout: time.Millisecond})
			require.NoError(t, err)
			t.Cleanup(func() { _ = l.Close() })
			return m, l
		}
		members, limiters := make([]*shard.Members, 4), make([]*ratelimit.Limiter, 4)
		for i := range 3 {
			members[i], limiters[i] = server()
		}
		var admitted []time.Time
		took := map[int]int{}
		for i := range 1500 {
			time.Sleep(20 * time.Millisecond)
			switch i {
			case 600:
				require.NoError(t, members[1].Leave(t.Context()))
			case 800:
				members[3], limiters[3] = server()
			}
			for k, l := range limiters {
				if l == nil {
					continue
				}
				d, err := l.Allow(t.Context(), "alice")
				require.NoError(t, err)
				require.Equal(t, ratelimit.FromOutage, d.Source)
				if d.OK {
					admitted = append(admitted, time.Now())
					took[k]++
				}
			}
		}
		most := 0
		for i, from := range admitted {
			n := 0
			for _, at := range admitted[i:] {
				if !at.After(from.Add(limit.Per)) {
					n++
				}
			}
			most = max(most, n)
		}
		t.Logf("at most %d in %v, %v by each server", most, limit.Per, took)
		require.LessOrEqual(t, most, int(limit.Max))
		require.Greater(t, most, int(limit.Max)*9/10)
		require.Len(t, took, 4, "each had its share")
	})
}

// The same on a real server and by clocks that go on: three servers without a Redis, of which one leaves.
func TestMembersShareALimitOnARealServer(t *testing.T) {
	redis.SetLogger(silence{})
	zk := ensemble.Run(t, ensemble.Config{Tick: tick})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	limit := ratelimit.Limit{Max: 60, Per: time.Second}
	var members []*shard.Members
	var limiters []*ratelimit.Limiter
	for range 3 {
		zkClient, err := session.Open(ctx, session.Config{Servers: zk.Addrs(), Timeout: timeout, Tick: tick})
		require.NoError(t, err)
		t.Cleanup(func() { _ = zkClient.Close() })
		m, err := shard.Join(ctx, zkClient, dir, shard.MembersConfig{})
		require.NoError(t, err)
		c := redis.NewClient(&redis.Options{
			Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
			Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no Redis") },
		})
		t.Cleanup(func() { _ = c.Close() })
		l, err := ratelimit.New(c, limit, ratelimit.Config{Outage: ratelimit.LocalShare{Servers: m}})
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		members, limiters = append(members, m), append(limiters, l)
	}
	var admitted [][2]time.Time // some time between these
	left := false
	for began := time.Now(); time.Since(began) < 9*time.Second; {
		if !left && time.Since(began) > 6*time.Second {
			left = true
			require.NoError(t, members[0].Leave(ctx))
		}
		for _, l := range limiters {
			before := time.Now()
			d, err := l.Allow(ctx, "alice")
			require.NoError(t, err)
			if d.OK {
				admitted = append(admitted, [2]time.Time{before, time.Now()})
			}
		}
		time.Sleep(200 * time.Microsecond)
	}
	most := 0
	for i, from := range admitted {
		n := 0
		for _, a := range admitted[i:] {
			if !a[1].After(from[0].Add(limit.Per)) {
				n++
			}
		}
		most = max(most, n)
	}
	t.Logf("%d admitted, at most %d in %v", len(admitted), most, limit.Per)
	require.LessOrEqual(t, most, int(limit.Max))
	require.NotEmpty(t, admitted)
	for _, m := range members {
		require.NoError(t, m.Leave(ctx))
	}
}
