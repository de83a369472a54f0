package fencetest

import "fmt"

// older plays each act of the older holder after each act of the newer one, always on another resource.
func older(p *play) error {
	for _, first := range acts("new") {
		for _, late := range acts("late") {
			resource := p.resource()
			old, err := p.holder(resource)
			if err != nil {
				return err
			}
			if err := accepted("write", old, old.Write(p.ctx, "old")); err != nil {
				return err
			}
			newer, err := p.holder(resource)
			if err != nil {
				return err
			}
			if err := accepted(first.name, newer, first.do(p.ctx, newer)); err != nil {
				return err
			}
			want := map[string]string{"seal": "old", "read": "old", "write": "new", "delete": none}[first.name]
			for range 2 { // The first refusal must not change the second.
				if err := p.refused(late.name, old, newer.Token(), late.do(p.ctx, old)); err != nil {
					return fmt.Errorf("after the %s with token %v: %w", first.name, newer.Token(), err)
				}
			}
			if err := p.want(newer, want); err != nil {
				return fmt.Errorf("after the %s with token %v, and the %s with %v that was refused: %w", first.name, newer.Token(), late.name, old.Token(), err)
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
	if err := first(young); err != nil {
		return err
	}
	if err := p.refused("write", old, young.Token(), old.Write(p.ctx, "late")); err != nil {
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
