package ratelimit_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/stores"
	"github.com/zkkit/zkkit/ratelimit"
)

// A bubble is a Redis in memory and in virtual time, to which servers can lose their way.
type bubble struct {
	redis *miniredis.Miniredis

	mu    sync.Mutex // guards all below
	lost  bool       // nobody gets through, and who is connected is cut off
	mute  bool       // whoever connects gets no answer
	conns map[net.Conn]bool
}

// inBubble runs a story in virtual time.
func inBubble(t *testing.T, story func(t *testing.T, b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{redis: miniredis.NewMiniRedis(), conns: make(map[net.Conn]bool)}
		b.redis.ClockTTL(true)
		defer b.redis.Close()
		t.Cleanup(func() { time.Sleep(time.Minute) }) // The last one: go-redis dials in the background, and gives up some time after its client was closed.
		story(t, b)
	})
}

var errLost = errors.New("no way to Redis")

func (b *bubble) dial(context.Context, string, string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost {
		return nil, errLost
	}
	if b.mute {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			for buf := make([]byte, 512); ; {
				if _, err := there.Read(buf); err != nil {
					return
				}
			}
		}()
		return here, nil
	}
	c, err := b.redis.Dial()
	if err != nil {
		return nil, err
	}
	b.conns[c] = true
	return buffer(c), nil
}

// A buffered connection takes in what is written, as the system does for a socket, and a pipe does not: else one who sends many commands before he reads would wait for ever.
type buffered struct {
	net.Conn
	queue chan []byte
	over  chan struct{}
	once  sync.Once
}

func buffer(c net.Conn) *buffered {
	b := &buffered{Conn: c, queue: make(chan []byte, 1000), over: make(chan struct{})}
	go func() {
		for {
			select {
			case <-b.over:
				return
			case p := <-b.queue:
				if _, err := c.Write(p); err != nil {
					b.Close()
				}
			}
		}
	}()
	return b
}

func (b *buffered) Write(p []byte) (int, error) {
	select {
	case <-b.over:
		return 0, net.ErrClosed
	case b.queue <- slices.Clone(p):
		return len(p), nil
	}
}

func (b *buffered) Close() error {
	b.once.Do(func() { close(b.over) })
	return b.Conn.Close()
}

// cut takes all connections away, and lets nobody through until it is undone.
func (b *bubble) cut(lost, mute bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost, b.mute = lost, mute
	for c := range b.conns {
		c.Close() // The other side of it; ours learns that.
	}
	clear(b.conns)
}

// client returns one of its own for each server.
func (b *bubble) client(t *testing.T) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", Dialer: b.dial, ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (b *bubble) limiter(t *testing.T, limit ratelimit.Limit, cfg ratelimit.Config) *ratelimit.Limiter {
	t.Helper()
	return limiter(t, b.client(t), limit, cfg)
}

func limiter(t testing.TB, c redis.UniversalClient, limit ratelimit.Limit, cfg ratelimit.Config) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New(c, limit, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func allow(t testing.TB, l *ratelimit.Limiter, key string) ratelimit.Decision {
	t.Helper()
	d, err := l.Allow(t.Context(), key)
	require.NoError(t, err)
	return d
}

// onRedis returns a client of a real Redis.
func onRedis(t *testing.T, cfg stores.RedisConfig) (*stores.Redis, *redis.Client) {
	t.Helper()
	r := stores.RunRedis(t, cfg)
	c := redis.NewClient(&redis.Options{Addr: r.Addrs()[0], ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return r, c
}

// patience bounds hangs and measures nothing.
const patience = 30 * time.Second

// patient is for limiters on a real Redis, on a machine that may be busy.
func patient() ratelimit.Config { return ratelimit.Config{Timeout: patience} }

// kinds are limits of ten per second, each of another kind.
func kinds() map[string]ratelimit.Limit {
	return map[string]ratelimit.Limit{
		"rolling":      {Max: 10, Per: time.Second},
		"bucket":       {Max: 10, Per: time.Second, Kind: ratelimit.Bucket{}},
		"fixed window": {Max: 10, Per: time.Second, Kind: ratelimit.FixedWindow{}},
	}
}
