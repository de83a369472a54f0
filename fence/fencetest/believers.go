package fencetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
)

// believers lets many holders that all believe in their lock loose on one resource, and has the whole history judged.
func believers(p *play) error {
	for round := range p.options.Rounds {
		if err := p.believe(round); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	return nil
}

// believe plays one round. Each holder goes on when it has been refused, as one that missed that it lost its lock.
func (p *play) believe(round int) error {
	resource := p.resource()
	rng := rand.New(rand.NewPCG(p.options.Seed, uint64(round)))
	h := newHistory(p.options)
	var err error
	if p.options.RefusesEarly {
		err = p.oneByOne(resource, h, rng)
	} else {
		err = p.atRandom(resource, h, rng, round)
	}
	if err != nil {
		return err
	}
	last, err := p.holder(resource) // What is there in the end is part of the history.
	if err != nil {
		return err
	}
	if p.options.RefusesEarly {
		now := h.now()
		h.add(op{kind: hold, token: last.Token(), call: now, ret: now, outcome: done})
	}
	h.try(p.ctx, last, read, "")
	return h.verdict()
}

// atRandom has the tokens made first, and lets them arrive in random order: all at once in even rounds; in odd ones in an order that is only disturbed, so that
// the resource changes hands often, each when the one before it has done something or before that.
func (p *play) atRandom(resource string, h *history, rng *rand.Rand, round int) error {
	all := make([]Holder, p.options.Writers)
	for i := range all {
		var err error
		if all[i], err = p.holder(resource); err != nil {
			return err
		}
	}
	disturb(rng, all, round)
	start := make(chan struct{})
	turn := start
	var writers sync.WaitGroup
	for _, who := range all {
		mine, next := turn, make(chan struct{})
		steps, hurry := p.steps(rng, who), rng.IntN(2) == 0
		writers.Go(func() {
			<-mine
			if hurry {
				close(next)
			}
			for i, s := range steps {
				ok := s.do(p.ctx, h, who)
				if i == 0 && !hurry {
					close(next)
				}
				if !ok {
					return
				}
			}
		})
		if round%2 != 0 {
			turn = next
		}
	}
	close(start)
	writers.Wait()
	return nil
}

// disturb shuffles the holders: wholly in even rounds, and within a window of eight in odd ones.
func disturb(rng *rand.Rand, all []Holder, round int) {
	window := len(all)
	if round%2 != 0 {
		window = min(8, len(all))
	}
	for i := 0; i < len(all); i += window {
		part := all[i:min(i+window, len(all))]
		rng.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
	}
}

// oneByOne makes the holders while the earlier ones work: where a holder that is made refuses the others, all of them made first would leave one.
func (p *play) oneByOne(resource string, h *history, rng *rand.Rand) error {
	var writers sync.WaitGroup
	defer writers.Wait()
	for range p.options.Writers {
		call := h.now()
		who, err := p.holder(resource)
		if err != nil {
			return err
		}
		h.add(op{kind: hold, token: who.Token(), call: call, ret: h.now(), outcome: done})
		steps, begun := p.steps(rng, who), make(chan struct{})
		writers.Go(func() {
			for i, s := range steps {
				ok := s.do(p.ctx, h, who)
				if i == 0 {
					close(begun)
				}
				if !ok {
					return
				}
			}
		})
		if rng.IntN(2) == 0 {
			<-begun
		}
	}
	return nil
}

// A step is what a holder does next, when it has let others go first a few times.
type step struct {
	kind   kind
	value  string
	yields int
}

// steps draws what a holder will do.
func (p *play) steps(rng *rand.Rand, who Holder) []step {
	all := make([]step, p.options.Ops)
	for i := range all {
		k := []kind{seal, read, read, read, write, write, write, write, erase}[rng.IntN(9)]
		all[i] = step{kind: k, value: fmt.Sprintf("%v-%d", who.Token(), i), yields: rng.IntN(4)}
	}
	return all
}

func (s step) do(ctx context.Context, h *history, who Holder) bool {
	for range s.yields {
		runtime.Gosched()
	}
	_, ok := h.try(ctx, who, s.kind, s.value)
	return ok
}
