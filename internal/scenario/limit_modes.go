package scenario

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/ratelimit"
	"github.com/zkkit/zkkit/session"
)

// The modes: ways to limit requests over many servers.
const (
	ModeStrict         = "strict"         // package ratelimit, rolling: every decision is Redis's
	ModeLease          = "lease"          // package ratelimit, batches of tokens out of a bucket
	ModeEscrow         = "escrow"         // package ratelimit, rolling, batches that Redis keeps account of
	ModeRedisRate      = "redis_rate"     // go-redis/redis_rate: GCRA
	ModeFixedWindow    = "fixed-window"   // INCR and EXPIRE on a key for each minute, as many do it
	ModeLockZooKeeper  = "lock-zookeeper" // package zklock around reading and writing a counter
	ModeLockRedis      = "lock-redis"     // redsync around reading and writing a counter
	ModeUnsynchronised = "unsynchronised" // a counter in each server
)

// RateLimitModes returns the names of all modes.
func RateLimitModes() []string {
	return []string{ModeStrict, ModeLease, ModeEscrow, ModeRedisRate, ModeFixedWindow, ModeLockZooKeeper, ModeLockRedis, ModeUnsynchronised}
}

// ownModes are those that declare a bound, and are held to it.
func ownMode(mode string) bool { return mode == ModeStrict || mode == ModeLease || mode == ModeEscrow }

// A limitPlace is where and how a limit is kept.
type limitPlace struct {
	Name      string        `json:"name"` // of what is made there
	Redis     string        `json:"redis"`
	ZooKeeper []string      `json:"zookeeper,omitempty"`
	Max       int64         `json:"max"`
	Per       time.Duration `json:"per"`
	Batch     int64         `json:"batch"` // of leases
	Life      time.Duration `json:"life"`
	Off       time.Duration `json:"off,omitempty"` // how wrong the server's time of day is

	dial func(ctx context.Context, network, addr string) (net.Conn, error) // nil for the usual one
}

func (p limitPlace) timeOfDay() time.Time { return time.Now().Add(p.Off) }

func (p limitPlace) redis() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: p.Redis, ContextTimeoutEnabled: true, Dialer: p.dial})
}

func (p limitPlace) zookeeper(ctx context.Context) (*session.Client, error) {
	return session.Open(ctx, session.Config{Servers: p.ZooKeeper, Timeout: benchSession, Dial: p.dial})
}

// A gatekeeper admits requests of users in one mode.
type gatekeeper interface {
	allow(ctx context.Context, user string) (ok bool, err error)
	close()
}

// openGate opens a mode at a place.
func openGate(ctx context.Context, mode string, p limitPlace) (gatekeeper, error) {
	switch mode {
	case ModeStrict, ModeLease, ModeEscrow:
		return openOwn(mode, p)
	case ModeRedisRate:
		return openRedisRate(p), nil
	case ModeFixedWindow:
		return &fixedWindowGate{place: p, client: p.redis()}, nil
	case ModeLockZooKeeper:
		return openZooKeeperLockGate(ctx, p)
	case ModeLockRedis:
		return openRedisLockGate(p), nil
	case ModeUnsynchronised:
		return &loneGate{place: p, counts: map[string]windowCount{}}, nil
	}
	return nil, fmt.Errorf("unknown mode %q", mode)
}

// An ownGate is a limiter of package ratelimit.
type ownGate struct {
	client  *redis.Client
	limiter *ratelimit.Limiter
	// unanswered counts decisions that were none of Redis's, and not of what it had said before.
	unanswered atomic.Int64
}

// ownLimit is how a mode keeps a limit. A bucket that is to admit no more than the limit in any period has half of it, and fills with the other half.
func ownLimit(mode string, count int64, per time.Duration) ratelimit.Limit {
	if mode == ModeLease {
		return ratelimit.Limit{Max: count / 2, Per: per, Kind: ratelimit.Bucket{Burst: count - count/2}}
	}
	return ratelimit.Limit{Max: count, Per: per}
}

func openOwn(mode string, p limitPlace) (*ownGate, error) {
	g := &ownGate{client: p.redis()}
	cfg := ratelimit.Config{Prefix: p.Name + ":" + mode + ":", Timeout: limitTimeout}
	if mode != ModeStrict {
		cfg.Lease = ratelimit.Lease{Batch: p.Batch, Life: p.Life, Escrow: mode == ModeEscrow}
	}
	var err error
	if g.limiter, err = ratelimit.New(g.client, ownLimit(mode, p.Max, p.Per), cfg); err != nil {
		_ = g.client.Close()
		return nil, err
	}
	return g, nil
}

// limitTimeout is longer than that of a server with a processor of its own: 50 of them share a few here, and an answer that is late because of that is no outage.
const limitTimeout = 2 * time.Second

func (g *ownGate) allow(ctx context.Context, user string) (bool, error) {
	d, err := g.limiter.Allow(ctx, user)
	if d.Source == ratelimit.FromOutage {
		g.unanswered.Add(1)
	}
	return d.OK, err
}

func (g *ownGate) close() {
	_ = g.limiter.Close()
	_ = g.client.Close()
}

// declared returns the most that a mode admits in a period, and what is added when Redis forgets. Of those that declare nothing it is what follows from how they work, if all clocks agree.
func declared(mode string, count int64, per time.Duration, servers int, life time.Duration) (bound, loss int64) {
	if ownMode(mode) {
		nowhere := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
		defer nowhere.Close()
		cfg := ratelimit.Config{}
		if mode != ModeStrict {
			cfg.Lease = ratelimit.Lease{Batch: 1, Life: life, Escrow: mode == ModeEscrow}
		}
		l, err := ratelimit.New(nowhere, ownLimit(mode, count, per), cfg)
		if err != nil {
			return 0, 0
		}
		defer l.Close()
		return l.Bound(per, servers), l.LossBound()
	}
	fixed := ratelimit.Limit{Max: count, Per: per, Kind: ratelimit.FixedWindow{}}.Bound(per)
	switch mode {
	case ModeRedisRate:
		return ratelimit.Limit{Max: count, Per: per, Kind: ratelimit.Bucket{}}.Bound(per), count
	case ModeUnsynchronised:
		return fixed * int64(servers), 0
	}
	return fixed, count
}
