package ratelimit

import (
	"context"
	"errors"
)

// A Request is one of many: see [Limiter.AllowMany].
type Request struct {
	Key string
	// N is what it counts as. 0 means 1.
	N int64
}

// AllowMany decides about many requests, of as many keys, in one round trip, and of those that can be decided here in none. The decisions are in the order of the requests.
// Requests of one key are decided in their order.
//
// With a wrong request it fails as [Limiter.AllowN] does, and nothing is sent; when ctx ends it fails, and what was admitted is not known. With an error that matches [ErrState] the
// decisions are returned as well: those that it is about admit nothing, and have no Source.
func (l *Limiter) AllowMany(ctx context.Context, requests []Request) ([]Decision, error) {
	costs := make([]int64, len(requests))
	for i, r := range requests {
		if costs[i] = r.N; r.N == 0 {
			costs[i] = 1
		}
		if err := l.check(ctx, r.Key, costs[i]); err != nil {
			return nil, err
		}
	}
	decisions := make([]Decision, len(requests))
	var asked asked
	for i, r := range requests {
		d, p, known := l.decideHere(r.Key, costs[i])
		if decisions[i] = d; !known {
			asked.add(i, p, costs[i])
		}
	}
	err := l.askAll(ctx, &asked, decisions)
	if err != nil && !errors.Is(err, ErrState) {
		return nil, err
	}
	for _, d := range decisions {
		if d.Source != 0 {
			l.stats.decided(d)
		}
	}
	return decisions, err
}

// asked are the requests about which Redis is asked.
type asked struct {
	index     []int
	places    []place
	questions []question
	tried     []bool
}

func (a *asked) add(i int, p place, cost int64) {
	a.index, a.places, a.questions = append(a.index, i), append(a.places, p), append(a.questions, question{direct: cost})
}

// decideHere decides without Redis if it can: by what is lent, by a refusal that is known, or because nobody may ask.
func (l *Limiter) decideHere(key string, cost int64) (d Decision, p place, known bool) {
	p, refusal, refused := l.choose(key, cost)
	now := l.clock.now()
	if l.lends() {
		desk := l.desks.at(p.tag, now, l.life)
		desk.mu.Lock()
		defer desk.mu.Unlock()
		if desk.touched = now; desk.purse.take(now, cost) {
			return Decision{OK: true, Remaining: desk.purse.left(), Source: FromLease}, p, true
		}
	}
	if !refused {
		refusal, refused = l.denied.refuses(l.clock, p.tag, cost)
	}
	return refusal, p, refused
}

// askAll asks Redis about all, of those places that may be asked, and decides.
func (l *Limiter) askAll(ctx context.Context, a *asked, decisions []Decision) error {
	sent, patience := l.clock.now(), l.cfg.Timeout.Microseconds()
	var now asked
	for i, p := range a.places {
		may, tries := l.breaker(p).may(sent, patience)
		if !may {
			decisions[a.index[i]] = l.decideAlone(p, a.questions[i])
			continue
		}
		now.add(a.index[i], p, a.questions[i].direct)
		now.tried = append(now.tried, tries)
	}
	if len(now.index) == 0 {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	answers, errs := askAll(within, l.client, now.places, now.questions)
	l.stats.asked(len(now.index))
	var wrong []error
	judged := make(map[*breaker]bool) // One failure of many questions is one failure.
	for i, p := range now.places {
		b, err := l.breaker(p), errs[i]
		switch {
		case err == nil:
			decisions[now.index[i]] = answers[i].decision()
			if answers[i].retry > 0 {
				l.denied.learn(p.tag, now.questions[i].direct, sent, &answers[i])
			}
			if judged[b] {
				continue
			}
		case judged[b] && over(ctx) == nil && unreachable(err):
			err = errOutage
		}
		if !errors.Is(err, errOutage) {
			err = l.judge(ctx, b, now.tried[i], sent, err)
			judged[b] = true
		}
		switch {
		case err == nil:
		case errors.Is(err, errOutage):
			decisions[now.index[i]] = l.decideAlone(p, now.questions[i])
		case errors.Is(err, ErrState):
			wrong = append(wrong, err)
		default:
			return err
		}
	}
	return errors.Join(wrong...)
}
