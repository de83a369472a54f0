package fencetest

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/zkkit/zkkit/fence"
)

// handovers takes one resource from holder to holder while writes of the earlier one are on their way. The new holder seals and reads. Whatever the earlier
// ones wrote must be in what it reads, and nothing that comes later may change it: a guard that compares in one step and writes in another lets one of them through.
func handovers(p *play) error {
	resource := p.resource()
	current, err := p.holder(resource)
	if err != nil {
		return err
	}
	for i := range p.options.Handovers {
		next, err := p.handOverUnderLoad(resource, current, i)
		if err != nil {
			return err
		}
		current = next
	}
	return nil
}

// loadWriters is how many goroutines write with the holder that is about to lose the resource.
const loadWriters = 8

func (p *play) handOverUnderLoad(resource string, current Holder, round int) (Holder, error) {
	h := newHistory(p.options)
	var sealed atomic.Bool
	var writers sync.WaitGroup
	under := make(chan struct{}, loadWriters) // The load is there: one value for each of the first writes, or for a writer that ends.
	for w := range loadWriters {
		writers.Go(func() {
			for i := 0; ; i++ {
				runtime.Gosched()
				last := sealed.Load() // Called after the seal has returned: it cannot be accepted any more.
				outcome, ok := h.try(p.ctx, current, write, fmt.Sprintf("%d-%d-%d", round, w, i))
				end := !ok || last || outcome == stale || p.ctx.Err() != nil
				if outcome == done || end {
					select {
					case under <- struct{}{}:
					default:
					}
				}
				if end {
					return
				}
			}
		})
	}
	for range loadWriters {
		<-under
	}
	next, err := p.sealAndRead(resource, h, &sealed)
	sealed.Store(true)
	writers.Wait()
	if err != nil {
		return nil, err
	}
	p.untilAccepted(h, next, read)
	if err := p.unchanged(h, next.Token()); err != nil {
		return nil, err
	}
	return next, nil
}

// sealAndRead makes the next holder, which seals, reads, and so knows what it starts from.
func (p *play) sealAndRead(resource string, h *history, sealed *atomic.Bool) (Holder, error) {
	next, err := p.holder(resource)
	if err != nil {
		return nil, err
	}
	p.untilAccepted(h, next, seal)
	sealed.Store(true)
	p.untilAccepted(h, next, read)
	return next, nil
}

// untilAccepted tries again what failed or may have, since without an answer the new holder knows nothing.
func (p *play) untilAccepted(h *history, who Holder, k kind) {
	for p.ctx.Err() == nil {
		if outcome, ok := h.try(p.ctx, who, k, ""); !ok || outcome == done || outcome == stale {
			return
		}
	}
}

// unchanged compares what the new holder read at first and in the end, when all writes of the earlier one had returned.
func (p *play) unchanged(h *history, newest fence.Token) error {
	if h.err != nil {
		return h.err
	}
	var reads []op
	var late []op
	for _, o := range h.ops {
		if o.token != newest {
			late = append(late, o)
			continue
		}
		if o.outcome == stale {
			return fmt.Errorf("the newest holder was refused:\n\t%v", o)
		}
		if o.kind == read && o.outcome == done {
			reads = append(reads, o)
		}
	}
	if len(reads) == 2 && reads[0].value != reads[1].value {
		text := ""
		for _, o := range late {
			if o.value == reads[1].value {
				text = "\n\t" + o.String()
			}
		}
		return fmt.Errorf("what the new holder had sealed and read was changed by an earlier one:\n\t%v%s\n\t%v", reads[0], text, reads[1])
	}
	for _, o := range late {
		if o.outcome == done && len(reads) > 0 && o.call > reads[0].call {
			return fmt.Errorf("an older token was accepted after a newer one had sealed:\n\t%v\n\t%v", reads[0], o)
		}
	}
	return nil
}
