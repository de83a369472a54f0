package scenario

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-redsync/redsync/v4"
	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
)

// A redisLock is redsync's Redlock over several nodes, or what people write by hand on one, and the ways in which both go wrong.
type redisLock struct {
	job   workerJob
	gate  *answerGate
	nodes []*redis.Client
	stock *redsync.Mutex // of redsync; nil for one node
}

func openRedisLock(ctx context.Context, job workerJob, gate *answerGate) (*redisLock, error) {
	l := &redisLock{job: job, gate: gate}
	var pools []redsyncredis.Pool
	for _, addr := range job.Lock.Redis {
		node := redis.NewClient(&redis.Options{Addr: addr, Dialer: gate.dial})
		l.nodes = append(l.nodes, node)
		pools = append(pools, goredis.NewPool(node))
		if err := node.Ping(ctx).Err(); err != nil {
			l.close()
			return nil, err
		}
	}
	if job.Trial.Lock == LockRedlock {
		// As its documentation has it, except that it goes on when three of five have answered, without which it waits for one that hangs, and asks again a little sooner.
		ttl := job.TTL.Duration()
		l.stock = redsync.New(pools...).NewMutex(job.Lock.Name, redsync.WithExpiry(ttl), redsync.WithFailFast(true))
	}
	return l, nil
}

func (l *redisLock) close() {
	for _, node := range l.nodes {
		_ = node.Close()
	}
}

func (l *redisLock) lock(ctx context.Context, waits func()) (heldLock, error) {
	every := time.NewTicker(retryEvery(l.job.TTL.Duration()))
	defer every.Stop()
	for first := true; ; first = false {
		l.gate.arm()
		h, err := l.try(ctx)
		if h != nil || err != nil {
			return h, err
		}
		if first {
			waits()
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// try asks once. It returns nil and no error when another has the lock.
func (l *redisLock) try(ctx context.Context) (heldLock, error) {
	late := l.job.Trial.Way == WayUnchecked || l.job.Trial.Way == WayUncheckedFenced
	if l.stock != nil && !late {
		return l.tryStock(ctx)
	}
	value := make([]byte, 16)
	_, _ = rand.Read(value) // It never fails.
	h := &redisHold{lock: l, value: fmt.Sprintf("%x", value)}
	asked := time.Now()
	n, err := l.each(func(node *redis.Client) (bool, error) {
		return node.SetNX(ctx, l.job.Lock.Name, h.value, l.job.TTL.Duration()).Result()
	})
	if n <= len(l.nodes)/2 {
		_, _ = l.each(func(node *redis.Client) (bool, error) { return h.deleteOwn(ctx, node) })
		return nil, err
	}
	if late {
		asked = time.Now() // The mistake: by now the lock may be long over.
	}
	h.until = asked.Add(l.job.TTL.Duration())
	if !time.Now().Before(h.until) {
		_, _ = l.each(func(node *redis.Client) (bool, error) { return h.deleteOwn(ctx, node) })
		return nil, errTooLate
	}
	return h, nil
}

// tryStock asks by way of redsync, which counts the time from its request.
func (l *redisLock) tryStock(ctx context.Context) (heldLock, error) {
	err := l.stock.TryLockContext(ctx)
	switch {
	case err == nil:
		return &stockHold{lock: l, mutex: l.stock}, nil
	case errors.Is(err, redsync.ErrFailed): // It had a majority, and no time left.
		return nil, errTooLate
	case isTaken(err), errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil: // It gives each node a twentieth of the lock's life.
		return nil, nil //nolint:nilnil // Another has the lock, which is no error here.
	}
	return nil, err
}

// each asks all nodes at once, and returns how many said yes. The error is the first one, and nil if a majority answered.
func (l *redisLock) each(ask func(*redis.Client) (bool, error)) (yes int, err error) {
	var mu sync.Mutex // guards yes, failed and err
	var wg sync.WaitGroup
	failed := 0
	for _, node := range l.nodes {
		wg.Go(func() {
			ok, e := ask(node)
			mu.Lock()
			defer mu.Unlock()
			if e != nil {
				failed++
				err = errors.Join(err, e)
			}
			if ok {
				yes++
			}
		})
	}
	wg.Wait()
	if failed <= len(l.nodes)/2 {
		err = nil
	}
	return yes, err
}

// A stockHold is a hold of redsync.
type stockHold struct {
	lock *redisLock

	mu    sync.Mutex // guards what mutex knows of its validity
	mutex *redsync.Mutex
}

func (h *stockHold) token() uint64 { return 0 }

func (h *stockHold) left() (time.Duration, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := time.Until(h.mutex.Until())
	return left, left > 0
}

func (h *stockHold) extend(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.mutex.ExtendContext(ctx)
	return err
}

func (h *stockHold) release(ctx context.Context) (mine bool, err error) {
	if plainDel(h.lock.job.Trial.Way) {
		return true, h.lock.deleteAll(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	mine, err = h.mutex.UnlockContext(ctx)
	if !mine && (errors.Is(err, redsync.ErrLockAlreadyExpired) || isTaken(err)) {
		err = nil
	}
	return mine, err
}

func isTaken(err error) bool {
	var most *redsync.ErrTaken
	var one *redsync.ErrNodeTaken
	return errors.As(err, &most) || errors.As(err, &one)
}

func plainDel(way Way) bool { return way == WayPlainDel || way == WayPlainDelFenced }

// deleteAll is the mistake of giving back whatever is there.
func (l *redisLock) deleteAll(ctx context.Context) error {
	_, err := l.each(func(node *redis.Client) (bool, error) {
		n, err := node.Del(ctx, l.job.Lock.Name).Result()
		return n > 0, err
	})
	return err
}

// A redisHold is a key with a value of its own.
type redisHold struct {
	lock  *redisLock
	value string

	mu    sync.Mutex // guards until
	until time.Time
}

var (
	deleteOwn = redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`)
	extendOwn = redis.NewScript(`if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("PEXPIRE", KEYS[1], ARGV[2]) end return 0`)
)

func (h *redisHold) token() uint64 { return 0 }

func (h *redisHold) left() (time.Duration, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := time.Until(h.until)
	return left, left > 0
}

func (h *redisHold) deleteOwn(ctx context.Context, node *redis.Client) (bool, error) {
	return deleteOwn.Run(ctx, node, []string{h.lock.job.Lock.Name}, h.value).Bool()
}

func (h *redisHold) extend(ctx context.Context) error {
	asked, ttl := time.Now(), h.lock.job.TTL.Duration()
	n, err := h.lock.each(func(node *redis.Client) (bool, error) {
		return extendOwn.Run(ctx, node, []string{h.lock.job.Lock.Name}, h.value, ttl.Milliseconds()).Bool()
	})
	if n > len(h.lock.nodes)/2 {
		h.mu.Lock()
		h.until = asked.Add(ttl)
		h.mu.Unlock()
	}
	return err
}

func (h *redisHold) release(ctx context.Context) (mine bool, err error) {
	if plainDel(h.lock.job.Trial.Way) {
		return true, h.lock.deleteAll(ctx)
	}
	n, err := h.lock.each(func(node *redis.Client) (bool, error) { return h.deleteOwn(ctx, node) })
	return n > len(h.lock.nodes)/2, err
}
