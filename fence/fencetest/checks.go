package fencetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/zkkit/zkkit/fence"
)

// A check is one thing that is asked of a guard.
type check struct {
	name string
	play func(*play) error
}

// checks returns those that can be played with the subject, the simple ones first.
func checks(s Subject, o Options) []check {
	all := []check{
		{"an equal token is accepted again and again", equal},
		{"an older token is refused after any act of the newer holder", older},
		{"a seal shuts out the earlier holder before the first write", sealFirst},
		{"a read shuts out the earlier holder", readSeals},
		{"the mark outlives the value", outlives},
		{"resources are apart", apart},
		{"a context that has ended lets nothing happen", ended},
	}
	if o.RefusesEarly {
		all = append(all, check{"a holder is refused as soon as there is a newer one", early})
	} else {
		all = append(all, check{"a holder is accepted until a newer one has been there", late})
	}
	if _, ok := s.(TokenSubject); ok {
		all = append(all,
			check{"no token is refused", noToken},
			check{"tokens are ordered over their whole range", ladder})
	}
	return append(all,
		check{"writes on their way are seen by the next holder or refused", handovers},
		check{"the history of many writers is linearizable", believers})
}

func equal(p *play) error {
	one, err := p.holders(p.resource(), 1)
	if err != nil {
		return err
	}
	h := one[0]
	for i := range 3 {
		value := fmt.Sprint("value-", i)
		for _, a := range acts(value) {
			if err := accepted(a.name, h, a.do(p.ctx, h)); err != nil {
				return err
			}
		}
		if err := p.want(h, none); err != nil {
			return fmt.Errorf("after the delete: %w", err)
		}
		if err := accepted("second delete, of nothing,", h, h.Delete(p.ctx)); err != nil {
			return err
		}
		for range 2 {
			if err := accepted("write", h, h.Write(p.ctx, value)); err != nil {
				return err
			}
			if err := p.want(h, value); err != nil {
				return fmt.Errorf("after the write: %w", err)
			}
		}
	}
	return nil
}

// older plays each act of the older holder after each act of the newer one, always on another resource.
func older(p *play) error {
	for _, first := range acts("new") {
		for _, late := range acts("late") {
			two, err := p.holders(p.resource(), 1)
			if err != nil {
				return err
			}
			resource := fmt.Sprintf("%s-%d", p.name, p.n)
			if err := accepted("write", two[0], two[0].Write(p.ctx, "old")); err != nil {
				return err
			}
			newer, err := p.subject.Holder(p.ctx, resource)
			if err != nil {
				return fmt.Errorf("no holder: %w", err)
			}
			if err := accepted(first.name, newer, first.do(p.ctx, newer)); err != nil {
				return err
			}
			want := map[string]string{"seal": "old", "read": "old", "write": "new", "delete": none}[first.name]
			for range 2 { // A guard that is asked a second time must not have taken the first for an answer.
				if err := p.refused(late.name, two[0], newer.Token(), late.do(p.ctx, two[0])); err != nil {
					return fmt.Errorf("after the %s with token %v: %w", first.name, newer.Token(), err)
				}
				if err := p.want(newer, want); err != nil {
					return fmt.Errorf("after the %s with token %v, and the %s with %v that was refused: %w", first.name, newer.Token(), late.name, two[0].Token(), err)
				}
			}
		}
	}
	return nil
}

func sealFirst(p *play) error {
	return p.handOver(func(h Holder) error { return accepted("seal", h, h.Seal(p.ctx)) })
}

func readSeals(p *play) error {
	return p.handOver(func(h Holder) error { return p.want(h, "old") })
}

// handOver lets the new holder do no more than its first step, and then the old one write. It is the pause that ends after the hand-over and before the new holder's first
// write: if the old one gets in, what the new one has read is no longer true.
func (p *play) handOver(first func(Holder) error) error {
	resource := p.resource()
	old, err := p.holders(resource, 1)
	if err != nil {
		return err
	}
	if err := accepted("write", old[0], old[0].Write(p.ctx, "old")); err != nil {
		return err
	}
	young, err := p.subject.Holder(p.ctx, resource)
	if err != nil {
		return fmt.Errorf("no holder: %w", err)
	}
	if err := first(young); err != nil {
		return err
	}
	if err := p.refused("write", old[0], young.Token(), old[0].Write(p.ctx, "late")); err != nil {
		return err
	}
	if err := p.want(young, "old"); err != nil {
		return err
	}
	if err := accepted("write", young, young.Write(p.ctx, "new")); err != nil {
		return err
	}
	return p.want(young, "new")
}

func outlives(p *play) error {
	resource := p.resource()
	var earlier []Holder
	for range 3 {
		h, err := p.subject.Holder(p.ctx, resource)
		if err != nil {
			return fmt.Errorf("no holder: %w", err)
		}
		if err := accepted("write", h, h.Write(p.ctx, "value")); err != nil {
			return err
		}
		if err := accepted("delete", h, h.Delete(p.ctx)); err != nil {
			return err
		}
		for _, e := range earlier {
			if err := p.refused("write", e, h.Token(), e.Write(p.ctx, "back from the dead")); err != nil {
				return fmt.Errorf("when the newer holder had deleted the value: %w", err)
			}
			if err := p.refused("delete", e, h.Token(), e.Delete(p.ctx)); err != nil {
				return fmt.Errorf("when the newer holder had deleted the value: %w", err)
			}
		}
		if err := p.want(h, none); err != nil {
			return err
		}
		earlier = append(earlier, h)
	}
	return nil
}

// apart takes names of which one begins with the other.
func apart(p *play) error {
	one := p.resource()
	two := one + "-1"
	first, err := p.holders(one, 1)
	if err != nil {
		return err
	}
	second, err := p.holders(two, 1)
	if err != nil {
		return err
	}
	if err := accepted("write", first[0], first[0].Write(p.ctx, "one")); err != nil {
		return err
	}
	for range 3 {
		h, err := p.subject.Holder(p.ctx, two)
		if err != nil {
			return fmt.Errorf("no holder: %w", err)
		}
		if err := accepted("seal", h, h.Seal(p.ctx)); err != nil {
			return err
		}
		second = append(second, h)
	}
	newest := second[len(second)-1]
	if err := accepted("write", newest, newest.Write(p.ctx, "two")); err != nil {
		return err
	}
	if err := p.want(first[0], "one"); err != nil {
		return fmt.Errorf("another resource had been sealed and written with %v: %w", newest.Token(), err)
	}
	if err := accepted("delete", first[0], first[0].Delete(p.ctx)); err != nil {
		return fmt.Errorf("another resource had been sealed with %v: %w", newest.Token(), err)
	}
	if err := p.want(newest, "two"); err != nil {
		return fmt.Errorf("another resource's value had been deleted: %w", err)
	}
	return p.refused("write", second[0], newest.Token(), second[0].Write(p.ctx, "late"))
}

// ended asks with a context that has ended. A newer holder's must not move the mark; where the holders are known to the guard, it is the only holder that asks.
func ended(p *play) error {
	resource := p.resource()
	all, err := p.holders(resource, 1)
	if err != nil {
		return err
	}
	if err := accepted("write", all[0], all[0].Write(p.ctx, "old")); err != nil {
		return err
	}
	asking := all[0]
	if !p.options.RefusesEarly {
		if asking, err = p.subject.Holder(p.ctx, resource); err != nil {
			return fmt.Errorf("no holder: %w", err)
		}
	}
	cause := errors.New("the work was given up")
	ctx, cancel := context.WithCancelCause(p.ctx)
	cancel(cause)
	for _, a := range acts("new") {
		err := a.do(ctx, asking)
		switch {
		case err == nil:
			return fmt.Errorf("the %s returned no error", a.name)
		case errors.Is(err, fence.ErrUnknown):
			return fmt.Errorf("the %s calls its outcome unknown, and nothing can have been done: %w", a.name, err)
		case !errors.Is(err, cause) && !errors.Is(err, context.Canceled):
			return fmt.Errorf("the %s failed neither with the cause of ctx nor with context.Canceled: %w", a.name, err)
		}
		if err := p.want(all[0], "old"); err != nil {
			return fmt.Errorf("after the %s: %w", a.name, err)
		}
	}
	return nil
}

// late is true of a guard that compares tokens: it cannot know of a holder that it has not seen.
func late(p *play) error {
	two, err := p.holders(p.resource(), 2)
	if err != nil {
		return err
	}
	for _, h := range two {
		if err := accepted("write", h, h.Write(p.ctx, h.Token().String())); err != nil {
			return err
		}
		if err := p.want(h, h.Token().String()); err != nil {
			return err
		}
	}
	return nil
}

// early is true of a guard that knows its holders.
func early(p *play) error {
	resource := p.resource()
	old, err := p.holders(resource, 1)
	if err != nil {
		return err
	}
	if err := accepted("write", old[0], old[0].Write(p.ctx, "old")); err != nil {
		return err
	}
	young, err := p.subject.Holder(p.ctx, resource)
	if err != nil {
		return fmt.Errorf("no holder: %w", err)
	}
	for _, a := range acts("late") {
		if err := p.refused(a.name, old[0], young.Token(), a.do(p.ctx, old[0])); err != nil {
			return err
		}
	}
	return p.want(young, "old")
}
