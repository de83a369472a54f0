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
	h, err := p.holder(p.resource())
	if err != nil {
		return err
	}
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

// ended asks with a context that has ended. A newer holder's must not move the mark; where the holders are known to the guard, it is the only holder that asks.
func ended(p *play) error {
	resource := p.resource()
	first, err := p.holder(resource)
	if err != nil {
		return err
	}
	if err := accepted("write", first, first.Write(p.ctx, "old")); err != nil {
		return err
	}
	asking := first
	if !p.options.RefusesEarly {
		if asking, err = p.holder(resource); err != nil {
			return err
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
		if err := p.want(first, "old"); err != nil {
			return fmt.Errorf("after the %s: %w", a.name, err)
		}
	}
	return nil
}

// late is true of a guard that compares tokens: it cannot know of a holder that it has not seen.
func late(p *play) error {
	resource := p.resource()
	older, err := p.holder(resource)
	if err != nil {
		return err
	}
	newer, err := p.holder(resource)
	if err != nil {
		return err
	}
	for _, h := range []Holder{older, newer} {
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
	old, err := p.holder(resource)
	if err != nil {
		return err
	}
	if err := accepted("write", old, old.Write(p.ctx, "old")); err != nil {
		return err
	}
	young, err := p.holder(resource)
	if err != nil {
		return err
	}
	for _, a := range acts("late") {
		if err := p.refused(a.name, old, young.Token(), a.do(p.ctx, old)); err != nil {
			return err
		}
	}
	return p.want(young, "old")
}
