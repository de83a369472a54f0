package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ask asks Redis, unless it is known what it would say or nobody may ask now, and waits until a time at most. The answer is nil if there was none, and out says that this is because Redis
// cannot be asked; sent is by when the question was not sent yet.
func (l *Limiter) ask(ctx context.Context, p place, q question, until int64) (_ Decision, _ *answer, sent int64, out bool, err error) {
	cost := max(q.direct, 1)
	v, err := l.denied.look(ctx, l.clock, p.tag, cost, until)
	switch {
	case err != nil:
		return Decision{}, nil, 0, false, err
	case v.out:
		return l.decideAlone(p, q), nil, 0, true, nil
	case v.refused:
		return v.refusal, nil, 0, false, nil
	}
	d, a, sent, err := l.askRedis(ctx, p, q, until)
	out = a == nil && err == nil
	if v.goes != nil {
		l.denied.back(p.tag, cost, sent, a, out, v.goes)
	} else if a != nil && a.retry > 0 {
		l.denied.learn(p.tag, cost, sent, a)
	}
	return d, a, sent, out, err
}

func (l *Limiter) askRedis(ctx context.Context, p place, q question, until int64) (_ Decision, _ *answer, sent int64, err error) {
	sent = l.clock.now()
	b := l.breaker(p)
	may, tries := b.may(sent, l.cfg.Timeout.Microseconds())
	if !may {
		return l.decideAlone(p, q), nil, 0, nil
	}
	a, err := l.flow(p).ask(ctx, p, q, until-sent)
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
