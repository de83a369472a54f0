package cas

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// patience is how long a function may take while others wait for it. One that is slower is set aside, and its result is dropped; when it has returned, it is
// called again, and waited for as long as it took and more. So a function that never returns keeps nobody waiting but its own caller.
const patience = 10 * time.Millisecond

// A chain runs the functions of a batch one after the other, each on what the one before it made of the value, in a goroutine of its own.
type chain struct {
	l     *lane
	batch []*request
	done  chan struct{} // closed when all have run

	mu        sync.Mutex // guards below
	e         envelope   // with the newest value
	running   int        // the index of the one that runs
	since     time.Duration
	abandoned bool // nobody wants its results any more
}

// evaluate runs the functions of a batch on a node's value, and returns the envelope with what they made of it, and the requests that were run, each with its results. It fails when ctx ends.
func (l *lane) evaluate(ctx context.Context, batch []*request, e envelope) (envelope, []*request, error) {
	ran := make([]*request, 0, len(batch))
	batch = slices.Clone(batch) // a chain that was abandoned still looks at it
	for len(batch) > 0 {
		c := &chain{l: l, batch: batch, e: e, done: make(chan struct{})}
		if !l.s.spawn(func() { c.run(0) }) {
			return e, ran, ErrClosed
		}
		n, err := c.await(ctx)
		if err != nil {
			return e, ran, err
		}
		ran = append(ran, batch[:n]...)
		e = c.e // nobody writes it any more
		if n == len(batch) {
			break
		}
		batch = batch[n+1:] // the one between is set aside
	}
	return e, ran, nil
}

// await returns when all have run, or with the index of the first one that is set aside.
func (c *chain) await(ctx context.Context) (int, error) {
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		select {
		case <-c.done:
			return len(c.batch), nil
		case <-ctx.Done():
			c.abandon()
			return 0, context.Cause(ctx)
		case <-t.C:
		}
		if n, late := c.late(); late {
			return n, nil
		}
		t.Reset(patience)
	}
}

func (c *chain) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandoned = true
}

// late abandons the chain if the function that runs has had its time, and others wait.
func (c *chain) late() (int, bool) {
	alone := c.l.alone()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.batch[min(c.running, len(c.batch)-1)]
	if c.running >= len(c.batch) || c.l.s.now()-c.since < max(patience, 4*c.l.took, 2*r.slow+patience) || alone && c.running == len(c.batch)-1 {
		return 0, false
	}
	c.abandoned = true
	return c.running, true
}

// begin notes which function runs, and reports whether it is to. One that was set aside before it could begin is queued again.
func (c *chain) begin(i int) bool {
	c.mu.Lock()
	if !c.abandoned {
		defer c.mu.Unlock()
		c.running, c.since = i, c.l.s.now()
		return true
	}
	c.mu.Unlock()
	c.l.putBack([]*request{c.batch[i]})
	return false
}

// end takes what a function returned, and reports whether the next one is to run. The request of one that was too slow is queued again.
func (c *chain) end(i int, value any, data []byte, err error) bool {
	r := c.batch[i]
	if limit := c.l.s.cfg.MaxValue; err == nil && len(data) > limit {
		err = &SizeError{Path: c.l.path, Size: len(data), Limit: limit}
	}
	c.mu.Lock()
	took := c.l.s.now() - c.since
	if c.abandoned {
		c.mu.Unlock()
		r.slow = took
		c.l.putBack([]*request{r})
		return false
	}
	defer c.mu.Unlock()
	c.l.took += (took - c.l.took) / 8
	r.value, r.err = nil, err
	if err == nil {
		r.value = value
		c.e.value, c.e.present = data, true
	}
	c.running, c.since = i+1, c.l.s.now()
	return true
}

// run runs the functions from the i-th on.
func (c *chain) run(i int) {
	for ; i < len(c.batch); i++ {
		if !c.begin(i) || !c.call(i) {
			return
		}
	}
	close(c.done)
}

// call runs one function, whatever that does. One that ends its goroutine, as a failing test does, takes this one along, and the rest runs in another.
func (c *chain) call(i int) (goOn bool) {
	e := c.e
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover()
		goOn = c.end(i, nil, nil, panicked(p))
		if p == nil && goOn && !c.l.s.spawn(func() { c.run(i + 1) }) {
			c.abandon() // the store is closed
		}
	}()
	value, data, err := c.batch[i].apply(&e)
	returned = true
	return c.end(i, value, data, err)
}

// panicked is the error of a function that did not return, with what recover returned: nil if it ended its goroutine.
func panicked(with any) error { return &PanicError{Value: with, Stack: debug.Stack()} }
