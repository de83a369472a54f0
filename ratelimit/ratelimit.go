// Package ratelimit admits so many requests per time of one key, by many servers together through one Redis, and declares the most that it ever admits.
//
//	limiter, err := ratelimit.New(client, ratelimit.Limit{Max: 100, Per: time.Minute}, ratelimit.Config{})
//	defer limiter.Close()
//	decision, err := limiter.Allow(ctx, user)
//	if !decision.OK { ... decision.RetryAfter ... }
//
// The client is one of go-redis, with ContextTimeoutEnabled. Redis is 6.2 or later, or what speaks its language.
//
// # What is promised
//
// [Limiter.Bound] is a number, and no more than that is admitted of a key in a period, by all servers together, however requests come. It is the limit itself for a [Rolling]
// limit; about twice the limit for the other kinds, because that is what they are; a little more with a [Lease] that is not in escrow; and what the [Outage] policy adds. It
// covers that requests and replies are late or lost, or done twice, that servers die or are frozen, that their time of day is wrong, and that scripts are unknown to Redis.
//
// A decision is made in one round trip, by one script, with Redis's own clock and in whole numbers. Nothing is written for a request that is denied. A state expires when the key is as if
// it had never been used.
//
// # What is not promised
//
//   - Redis must remember. A restart without persistence, a failover to a replica that lags, FLUSHALL and eviction make a key new: each admits up to [Limiter.LossBound] more. Use
//     noeviction or a volatile policy that has room.
//   - Redis's time of day must go on evenly. A clock that is set forward fills buckets and ends windows by as much. One that is set back stands still until it is where it was.
//   - With leases, clocks must run at the same rate to within 1 part in 64, and a machine must know that it was suspended: on Linux a suspended one does, but one that its hypervisor
//     froze without telling may use, once, what was lent to it before.
//   - An admission counts when it is decided. What the request then does may take its time.
//   - Another limit is another count: changing Max, Per or Kind starts anew, and while servers with the old and with the new limit run side by side both admit.
//
// # Refusals
//
// Whoever is denied is told when to come again, and until then is denied by this server without asking Redis, exactly as long as Redis would deny. So a caller that hammers at one key costs
// Redis about one request per server and token, not one per attempt.
package ratelimit

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// A Limiter keeps one limit. It counts each key by itself.
//
// A Limiter is safe for concurrent use. There is no useful zero value: use [New]. It is to be closed.
type Limiter struct {
	client redis.UniversalClient
	limit  Limit
	cfg    Config
	whole  rule
	rooms  []*room // of the sub-buckets, the largest first; one if there are none

	life, hold int64 // of leases, here and in Redis
	escrow     bool
	ids        ids

	clock    *clock
	denied   *denyCache
	desks    *desks
	waits    sync.Pool // of *wait: a new one for each costs more than what a lease saves
	shares   *shares
	breakers []breaker // by stretches of slots in a cluster, else one
	flows    []flow    // the same
	turn     atomic.Uint64
	stats    stats

	closed context.Context
	close  context.CancelCauseFunc
	mu     sync.Mutex     // orders work.Add and close
	work   sync.WaitGroup // in the background
}

// New returns a limiter. It does no I/O. It fails with a [*LimitError], or with an error that matches [ErrBadConfig].
func New(client redis.UniversalClient, limit Limit, cfg Config) (*Limiter, error) {
	whole, err := limit.rule()
	if err != nil {
		return nil, err
	}
	if cfg, err = cfg.withDefaults(client); err != nil {
		return nil, err
	}
	l := &Limiter{
		client: client, limit: limit, cfg: cfg, whole: whole,
		life: cfg.Lease.Life.Microseconds(), clock: startClock(), denied: newDenyCache(), desks: newDesks(),
		waits: sync.Pool{New: newWait}, breakers: make([]breaker, 1),
	}
	parts, err := limit.divide(cfg.Spread)
	if err != nil {
		return nil, err
	}
	for _, r := range parts {
		l.rooms = append(l.rooms, &room{
			prefix: cfg.Prefix + "{", suffix: "}" + limit.suffix(cfg.Spread), rule: r, script: r.script(), parameters: r.parameters(),
		})
	}
	_, isBucket := whole.(*bucket)
	l.escrow = cfg.Lease.Batch > 0 && (cfg.Lease.Escrow || !isBucket)
	l.hold = hold(l.life)
	var random [8]byte
	rand.Read(random[:]) // never fails: it would end the program
	l.ids.prefix = strconv.FormatUint(binary.BigEndian.Uint64(random[:])>>16, 36) + "x"
	l.shares = newShares(whole, l.clock.now())
	if _, ok := client.(*redis.ClusterClient); ok {
		l.breakers = make([]breaker, clusterBreakers)
	}
	l.flows = make([]flow, len(l.breakers))
	for i := range l.flows {
		l.flows[i].open(client, cfg.Timeout.Microseconds())
	}
	l.closed, l.close = context.WithCancelCause(context.Background())
	return l, nil
}

// clusterBreakers is into how many stretches the slots of a cluster are divided, so that one server that is down does not stop those that are not from being asked.
const clusterBreakers = 64

// Limit returns the limit.
func (l *Limiter) Limit() Limit { return l.limit }

// Most returns the most that can be admitted at once, and so the greatest cost.
func (l *Limiter) Most() int64 {
	return l.rooms[len(l.rooms)-1].rule.burst()
}

// Allow is AllowN for one.
func (l *Limiter) Allow(ctx context.Context, key string) (Decision, error) {
	return l.AllowN(ctx, key, 1)
}

// AllowN decides about a request that counts as n, all or nothing. It blocks for one round trip to Redis, for none if it can, and for Config.Timeout at most.
//
// An error is one of the caller's: a [*KeyError], a [*CostError], the cause of ctx, or [ErrClosed]; or [ErrState]. Nothing is admitted then, though it may have been counted when ctx
// ended. That Redis cannot be asked is no error but a decision of the [Outage] policy, from [FromOutage].
func (l *Limiter) AllowN(ctx context.Context, key string, n int64) (Decision, error) {
	if err := l.check(ctx, key, n); err != nil {
		return Decision{}, err
	}
	d, err := l.decide(ctx, key, n)
	if err != nil {
		return Decision{}, err
	}
	l.stats.decided(d)
	return d, nil
}

func (l *Limiter) check(ctx context.Context, key string, n int64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if most := l.Most(); n < 1 || n > most {
		return &CostError{Cost: n, Most: most}
	}
	if l.closed.Err() != nil {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// A place is where a key, or a part of one, is counted.
type place struct {
	key  string // as the caller gave it
	tag  string // that or a part of it, which the caches here and the slots of a cluster go by
	slot int    // in a cluster, else 0
	room *room
}

// A room is what all keys have in common, or the same part of all.
type room struct {
	prefix, suffix string // around the tag
	rule           rule
	script         *script
	parameters     []any // of the rule
}

// name returns the place's name in Redis.
func (p place) name() string { return p.room.prefix + p.tag + p.room.suffix }

// decide finds the place, and asks whoever knows.
func (l *Limiter) decide(ctx context.Context, key string, n int64) (Decision, error) {
	p, refusal, refused := l.choose(key, n)
	now := l.clock.now()
	until := now + l.cfg.Timeout.Microseconds()
	switch {
	case l.lends():
		return l.lease(ctx, p, n, now, until) // There may be something left of what was lent.
	case refused:
		return refusal, nil
	}
	d, _, _, _, err := l.ask(ctx, p, question{direct: n}, until)
	return d, err
}

func (l *Limiter) lends() bool { return l.cfg.Lease.Batch > 0 }

// background runs f in a goroutine that Close waits for. It does nothing, and returns false, once the limiter is closed.
func (l *Limiter) background(f func(ctx context.Context)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Err() != nil {
		return false
	}
	l.work.Go(func() { f(l.closed) })
	return true
}

// Close ends what the limiter does in the background, and waits for it, for Config.Timeout at most. What was lent to it expires. The client stays open: it is its owner's. Decisions fail with [ErrClosed] then.
// Close is idempotent and always returns nil.
func (l *Limiter) Close() error {
	l.mu.Lock()
	l.close(ErrClosed)
	l.mu.Unlock()
	l.work.Wait()
	for i := range l.flows {
		l.flows[i].wait()
	}
	return nil
}
