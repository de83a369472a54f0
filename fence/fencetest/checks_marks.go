package fencetest

import "fmt"

func outlives(p *play) error {
	resource := p.resource()
	var earlier []Holder
	for range 3 {
		h, err := p.holder(resource)
		if err != nil {
			return err
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
	first, err := p.holder(one)
	if err != nil {
		return err
	}
	oldest, err := p.holder(two)
	if err != nil {
		return err
	}
	newest := oldest
	if err := accepted("write", first, first.Write(p.ctx, "one")); err != nil {
		return err
	}
	for range 3 {
		if newest, err = p.holder(two); err != nil {
			return err
		}
		if err := accepted("seal", newest, newest.Seal(p.ctx)); err != nil {
			return err
		}
	}
	if err := accepted("write", newest, newest.Write(p.ctx, "two")); err != nil {
		return err
	}
	if err := p.want(first, "one"); err != nil {
		return fmt.Errorf("another resource had been sealed and written with %v: %w", newest.Token(), err)
	}
	if err := accepted("delete", first, first.Delete(p.ctx)); err != nil {
		return fmt.Errorf("another resource had been sealed with %v: %w", newest.Token(), err)
	}
	if err := p.want(newest, "two"); err != nil {
		return fmt.Errorf("another resource's value had been deleted: %w", err)
	}
	return p.refused("write", oldest, newest.Token(), oldest.Write(p.ctx, "late"))
}
