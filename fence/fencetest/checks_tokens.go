package fencetest

import (
	"errors"
	"fmt"
	"math"

	"github.com/zkkit/zkkit/fence"
)

// noToken asks with no token, for a resource that is new and for one that is not.
func noToken(p *play) error {
	resource := p.resource()
	one := p.at(resource, fence.Token{ID: 1})
	for _, before := range []string{none, "old"} {
		if before != none {
			if err := accepted("write", one, one.Write(p.ctx, before)); err != nil {
				return err
			}
		}
		for _, zero := range []fence.Token{{}, {Generation: 3}} {
			for _, a := range acts("new") {
				h := p.at(resource, zero)
				if err := a.do(p.ctx, h); !errors.Is(err, fence.ErrNoToken) {
					if err == nil {
						return fmt.Errorf("the %s with no token (generation %d) was accepted", a.name, zero.Generation)
					}
					return fmt.Errorf("the %s with no token (generation %d) did not fail with fence.ErrNoToken: %w", a.name, zero.Generation, err)
				}
				if before == none { // Even a read would be the first token of this resource.
					continue
				}
				if err := p.want(one, before); err != nil {
					return fmt.Errorf("after a %s with no token: %w", a.name, err)
				}
			}
		}
		if before == none {
			if err := p.want(one, none); err != nil {
				return fmt.Errorf("after requests with no token: %w", err)
			}
		}
	}
	return nil
}

// rising returns tokens at the places where a comparison that is not made for them goes wrong.
func rising() []fence.Token {
	var all []fence.Token
	for _, generation := range []uint32{0, 1, 9, 10, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
		for _, id := range []uint64{
			1, 9, 10, // As strings.
			math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32, 1 << 32, // A counter that is full, and the next epoch.
			1 << 53, 1<<53 + 1, // As floats.
			math.MaxInt64, math.MaxInt64 + 1, math.MaxInt64 + 2, // As signed numbers.
			math.MaxUint64 - 1, math.MaxUint64,
		} {
			all = append(all, fence.Token{Generation: generation, ID: id})
		}
	}
	return all
}

// ladder takes one resource up through them, and at each step tries the one before, and the very first.
func ladder(p *play) error {
	resource := p.resource()
	all := rising()
	for i, t := range all {
		h := p.at(resource, t)
		value := t.String()
		if i%2 == 0 {
			if err := accepted("seal", h, h.Seal(p.ctx)); err != nil {
				return err
			}
		}
		if err := accepted("write", h, h.Write(p.ctx, value)); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		for _, stale := range []fence.Token{all[i-1], all[0]} {
			old := p.at(resource, stale)
			if err := p.refused("write", old, t, old.Write(p.ctx, "late")); err != nil {
				return err
			}
			if err := p.refused("seal", old, t, old.Seal(p.ctx)); err != nil {
				return err
			}
		}
		if err := p.want(h, value); err != nil {
			return err
		}
	}
	return nil
}
