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
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Config says how a limit is kept. Its zero value is useful: strict, and closed during an outage.
type Config struct {
	// Prefix begins every key in Redis; empty means "ratelimit:". It has no braces.
	Prefix string
	// Lease has servers borrow tokens in batches, for keys with a high rate.
	Lease Lease
	// Spread divides each key into so many sub-buckets, which lie on different servers of a cluster: for keys that are too hot for one. Each has its part of Max, and a request is
	// admitted by one of them, so that a key may deny while another part of it has tokens. 0 and 1 mean not to divide.
	Spread int
	// Outage is what is done while Redis cannot be asked; nil means [Closed].
	Outage Outage
	// Timeout bounds one question to Redis; 0 means 250 ms. What has no answer by then is decided by Outage.
	Timeout time.Duration
	// Logger is told, at level Warn, when Redis cannot be asked, and at level Info when it can again. Nil means silence.
	Logger *slog.Logger
}

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
		breakers: make([]breaker, 1),
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
		l.flows[i].client, l.flows[i].timeout = client, cfg.Timeout
	}
	l.closed, l.close = context.WithCancelCause(context.Background())
	return l, nil
}

// clusterBreakers is into how many stretches the slots of a cluster are divided, so that one server that is down does not stop those that are not from being asked.
const clusterBreakers = 64

func (c Config) withDefaults(client redis.UniversalClient) (Config, error) {
	if c.Prefix == "" {
		c.Prefix = "ratelimit:"
	}
	if c.Outage == nil {
		c.Outage = Closed{}
	}
	if c.Timeout == 0 {
		c.Timeout = 250 * time.Millisecond
	}
	if c.Lease.Life == 0 {
		c.Lease.Life = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	share, shared := c.Outage.(LocalShare)
	switch {
	case client == nil:
		return c, fmt.Errorf("%w: no client", ErrBadConfig)
	case !boundedByContext(client):
		return c, fmt.Errorf("%w: a client that takes no notice of contexts: set ContextTimeoutEnabled in its options", ErrBadConfig)
	case isRing(client):
		return c, fmt.Errorf("%w: a redis.Ring moves keys to a server that knows nothing of them when one does not answer", ErrBadConfig)
	case strings.ContainsAny(c.Prefix, "{}"):
		return c, fmt.Errorf("%w: prefix %q: braces are for the key", ErrBadConfig, c.Prefix)
	case c.Lease.Batch < 0 || c.Lease.Batch > exact:
		return c, fmt.Errorf("%w: Lease.Batch %d: want 1 to 2^51, or 0 for no leases", ErrBadConfig, c.Lease.Batch)
	case c.Lease.Life < time.Millisecond || c.Lease.Life > time.Hour:
		return c, fmt.Errorf("%w: Lease.Life %v: want 1ms to 1h, or 0 for a second", ErrBadConfig, c.Lease.Life)
	case c.Spread < 0 || c.Spread > maxSpread:
		return c, fmt.Errorf("%w: Spread %d: want 2 to %d, or 0 for none", ErrBadConfig, c.Spread, maxSpread)
	case c.Timeout < 0:
		return c, fmt.Errorf("%w: Timeout %v: want one above 0, or 0 for 250ms", ErrBadConfig, c.Timeout)
	case shared && share.Servers == nil:
		return c, fmt.Errorf("%w: LocalShare needs to know the number of servers", ErrBadConfig)
	}
	return c, nil
}

// boundedByContext reports whether a client gives up when a context does. Of a client of another make it is believed.
func boundedByContext(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	}
	return true
}

func isRing(client redis.UniversalClient) bool {
	_, ok := client.(*redis.Ring)
	return ok
}

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
	switch {
	case l.lends():
		return l.lease(ctx, p, n) // There may be something left of what was lent.
	case refused:
		return refusal, nil
	}
	d, _, _, err := l.ask(ctx, p, question{direct: n})
	return d, err
}

func (l *Limiter) lends() bool { return l.cfg.Lease.Batch > 0 }

// ask asks Redis, unless it is known what it would say or nobody may ask now. The answer is nil if there was none; sent is by when it was not sent yet.
func (l *Limiter) ask(ctx context.Context, p place, q question) (_ Decision, _ *answer, sent int64, err error) {
	cost := max(q.direct, 1)
	refusal, refused, goes, err := l.denied.look(ctx, l.clock, p.tag, cost)
	if refused || err != nil {
		return refusal, nil, 0, err
	}
	d, a, sent, err := l.askRedis(ctx, p, q)
	if goes != nil {
		l.denied.back(p.tag, cost, sent, a, goes)
	} else if a != nil && a.retry > 0 {
		l.denied.learn(p.tag, cost, sent, a)
	}
	return d, a, sent, err
}

func (l *Limiter) askRedis(ctx context.Context, p place, q question) (_ Decision, _ *answer, sent int64, err error) {
	sent = l.clock.now()
	b := l.breaker(p)
	may, tries := b.may(sent, l.cfg.Timeout.Microseconds())
	if !may {
		return l.decideAlone(p, q), nil, 0, nil
	}
	a, err := l.flow(p).ask(ctx, p, q)
	l.stats.asked(1)
	if err := l.judge(ctx, b, tries, sent, err); err != nil {
		if errors.Is(err, errOutage) {
			return l.decideAlone(p, q), nil, 0, nil
		}
		return Decision{}, nil, 0, err
	}
	return a.decision(), &a, sent, nil
}

// decideAlone has the outage policy decide, if there is anything to decide.
func (l *Limiter) decideAlone(p place, q question) Decision {
	if q.direct == 0 {
		return Decision{Source: FromOutage}
	}
	return l.cfg.Outage.decide(l, p.key, q.direct)
}

// errOutage is for the outage policy.
var errOutage = errors.New("ratelimit: Redis cannot be asked")

// judge tells an outage from what is not one, and notes it, of a question that was put at a time. It returns nil for an answer, errOutage, or what the caller is to be told.
func (l *Limiter) judge(ctx context.Context, b *breaker, tried bool, sent int64, err error) error {
	switch {
	case err == nil:
		if b.worked() {
			l.cfg.Logger.Info("Redis can be asked again")
		}
		return nil
	case over(ctx) != nil:
		// The caller's. It says nothing of Redis, unless there was time enough for an answer: callers that never wait for long must not keep an outage from being noticed.
		if 4*(l.clock.now()-sent) >= l.cfg.Timeout.Microseconds() {
			l.broke(b, tried, err)
		}
		return over(ctx)
	case !unreachable(err):
		b.worked()
		l.stats.failed()
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	l.broke(b, tried, err)
	return errOutage
}

// broke notes a question that was not answered.
func (l *Limiter) broke(b *breaker, tried bool, err error) {
	l.stats.failed()
	if b.broke(l.clock.now(), tried) {
		l.stats.outage()
		l.cfg.Logger.Warn("Redis cannot be asked; the outage policy decides", "policy", fmt.Sprintf("%T", l.cfg.Outage), "err", err)
	}
}

// over returns why ctx has ended, nil if it has not. What waits for a connection until the deadline of ctx may be back before ctx knows that it has ended.
func over(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

func (a *answer) decision() Decision {
	d := Decision{OK: a.ok, Remaining: a.left, ResetAfter: micros(a.reset), Source: FromRedis}
	if !a.ok {
		d.RetryAfter = micros(a.retry)
	}
	return d
}

func (l *Limiter) breaker(p place) *breaker { return &l.breakers[p.slot*len(l.breakers)/slots] }

func (l *Limiter) flow(p place) *flow { return &l.flows[p.slot*len(l.flows)/slots] }

// nextTry returns when Redis will be asked again, if it cannot be now: of all servers of a cluster, the soonest.
func (l *Limiter) nextTry() time.Duration {
	now, soonest := l.clock.now(), int64(0)
	for i := range l.breakers {
		if t := l.breakers[i].nextTry(now); t > 0 && (soonest == 0 || t < soonest) {
			soonest = t
		}
	}
	return max(micros(soonest), time.Millisecond)
}

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

// Close ends what the limiter does in the background, and waits for it. What was lent to it expires. The client stays open: it is its owner's. Decisions fail with [ErrClosed] then.
// Close is idempotent and always returns nil.
func (l *Limiter) Close() error {
	l.mu.Lock()
	l.close(ErrClosed)
	l.mu.Unlock()
	l.work.Wait()
	return nil
}
