package scenario

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// A redisRateGate is go-redis/redis_rate, as its documentation has it.
type redisRateGate struct {
	client  *redis.Client
	limiter *redis_rate.Limiter
	limit   redis_rate.Limit
	name    string
}

func openRedisRate(p limitPlace) *redisRateGate {
	c := p.redis()
	return &redisRateGate{
		client: c, limiter: redis_rate.NewLimiter(c), name: p.Name + ":", limit: redis_rate.Limit{Rate: int(p.Max), Burst: int(p.Max), Period: p.Per},
	}
}

func (g *redisRateGate) allow(ctx context.Context, user string) (bool, error) {
	r, err := g.limiter.Allow(ctx, g.name+user, g.limit)
	if err != nil {
		return false, err
	}
	return r.Allowed > 0, nil
}

func (g *redisRateGate) close() { _ = g.client.Close() }

// A fixedWindowGate counts with INCR and EXPIRE in one pipeline, on a key for each window by the server's own time of day.
type fixedWindowGate struct {
	place  limitPlace
	client *redis.Client
}

func (g *fixedWindowGate) allow(ctx context.Context, user string) (bool, error) {
	key := g.place.Name + ":fixed:" + user + ":" + strconv.FormatInt(g.place.window(), 10)
	pipe := g.client.Pipeline()
	n := pipe.Incr(ctx, key)
	pipe.Expire(ctx, key, 2*g.place.Per)
	if _, err := pipe.Exec(ctx); err != nil {
		return false, err
	}
	return n.Val() <= g.place.Max, nil
}

func (g *fixedWindowGate) close() { _ = g.client.Close() }

// window numbers the windows, by the server's time of day.
func (p limitPlace) window() int64 { return p.timeOfDay().UnixNano() / int64(p.Per) }

// A windowCount is how many were admitted in a window.
type windowCount struct{ window, n int64 }

// admit counts one more, if there may be. Windows only go forward: who shares the count with a server whose time of day is ahead counts in that one's window.
func (c *windowCount) admit(p limitPlace) bool {
	if w := p.window(); w > c.window {
		*c = windowCount{window: w}
	}
	if c.n >= p.Max {
		return false
	}
	c.n++
	return true
}

// text and parseCount are how a count is stored under a lock.
func (c windowCount) text() string { return fmt.Sprintf("%d %d", c.window, c.n) }

func parseCount(text string) (c windowCount) {
	_, _ = fmt.Sscanf(text, "%d %d", &c.window, &c.n) // Nothing there is nothing counted.
	return c
}

// A loneGate is what a server does that asks nobody.
type loneGate struct {
	place limitPlace

	mu     sync.Mutex // guards counts
	counts map[string]windowCount
}

func (g *loneGate) allow(_ context.Context, user string) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.counts[user]
	ok := c.admit(g.place)
	g.counts[user] = c
	return ok, nil
}

func (g *loneGate) close() {}

// A redisLockGate takes a lock of redsync's for each request, reads the user's counter, and writes it.
type redisLockGate struct {
	place  limitPlace
	client *redis.Client
	sync   *redsync.Redsync
}

// lockTTL is how long a lock in Redis lives that nobody gives back.
const lockTTL = 8 * time.Second

func openRedisLockGate(p limitPlace) *redisLockGate {
	c := p.redis()
	return &redisLockGate{place: p, client: c, sync: redsync.New(goredis.NewPool(c))}
}

func (g *redisLockGate) allow(ctx context.Context, user string) (ok bool, err error) {
	key := g.place.Name + ":locked:" + user
	m := g.sync.NewMutex(key+":lock", redsync.WithExpiry(lockTTL), redsync.WithTries(1000))
	if err := m.LockContext(ctx); err != nil {
		return false, err
	}
	defer func() {
		_, uerr := m.UnlockContext(context.WithoutCancel(ctx))
		err = errors.Join(err, uerr)
	}()
	text, err := g.client.Get(ctx, key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, err
	}
	c := parseCount(text)
	if !c.admit(g.place) {
		return false, nil
	}
	return true, g.client.Set(ctx, key, c.text(), 2*g.place.Per).Err()
}

func (g *redisLockGate) close() { _ = g.client.Close() }

// A zooKeeperLockGate takes a lock of package zklock for each request, reads the user's counter, and writes it.
type zooKeeperLockGate struct {
	place  limitPlace
	client *session.Client

	mu      sync.Mutex // guards mutexes
	mutexes map[string]*zklock.Mutex
}

func openZooKeeperLockGate(ctx context.Context, p limitPlace) (*zooKeeperLockGate, error) {
	c, err := p.zookeeper(ctx)
	if err != nil {
		return nil, err
	}
	return &zooKeeperLockGate{place: p, client: c, mutexes: map[string]*zklock.Mutex{}}, nil
}

func (g *zooKeeperLockGate) mutex(user string) (*zklock.Mutex, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.mutexes[user]; m != nil {
		return m, nil
	}
	m, err := zklock.NewMutex(g.client, "/"+g.place.Name+"/locks/"+user, zklock.Config{Label: "zkctl ratelimit"})
	if err == nil {
		g.mutexes[user] = m
	}
	return m, err
}

func (g *zooKeeperLockGate) allow(ctx context.Context, user string) (ok bool, err error) {
	m, err := g.mutex(user)
	if err != nil {
		return false, err
	}
	err = m.Do(ctx, func(ctx context.Context, _ *zklock.Hold) error {
		ok, err = g.count(ctx, "/"+g.place.Name+"/"+user)
		return err
	})
	return ok && err == nil, err
}

// count reads and writes the counter, which is made with the first request.
func (g *zooKeeperLockGate) count(ctx context.Context, path string) (bool, error) {
	s, err := g.client.Session(ctx)
	if err != nil {
		return false, err
	}
	data, _, err := s.Get(ctx, path)
	if err != nil && !errors.Is(err, session.ErrNoNode) {
		return false, err
	}
	c := parseCount(string(data))
	if !c.admit(g.place) {
		return false, nil
	}
	if err != nil {
		_, err = s.Create(ctx, path, []byte(c.text()), session.Persistent, nil)
	} else {
		_, err = s.Set(ctx, path, []byte(c.text()), session.AnyVersion)
	}
	return err == nil, err
}

func (g *zooKeeperLockGate) close() { _ = g.client.Close() }
