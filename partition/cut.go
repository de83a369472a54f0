package partition

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A Cut is one fault on one link, from the moment it was in force until it is healed; afterwards it is the record of it. It comes from
// [Link.Cut]. A Cut is safe for concurrent use; the zero Cut is of no use.
type Cut struct {
	link      *Link
	fault     fault
	kind      Kind
	direction Direction

	mu      sync.Mutex // guards all below
	started time.Time
	before  Traffic // of the link, when the cut began
	counted bool    // the wire counts
	after   Traffic // of the link, when healing began; meaningful if frozen
	frozen  bool
	healed  time.Time
	took    time.Duration
}

// Link returns the link that is cut.
func (c *Cut) Link() *Link { return c.link }

// Kind returns the kind of the fault.
func (c *Cut) Kind() Kind { return c.kind }

// Direction returns the direction that is cut.
func (c *Cut) Direction() Direction { return c.direction }

// begin notes that the fault is in force, which came about after so many connections had ended: those that it ended itself are its own.
func (c *Cut) begin(ended int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = time.Now()
	c.before, c.counted = c.link.wire.traffic()
	c.before.Closed = ended
}

// Started returns when the fault was in force: from then on nothing crossed that it stops. It is measured, not planned.
func (c *Cut) Started() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started
}

// Healed returns when the fault was gone, the zero time if it still holds. It is measured, not planned.
func (c *Cut) Healed() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.healed
}

// HealTook returns how long the healing took, from the call of the [Cut.Heal] that succeeded until [Cut.Healed]; 0 if it still holds.
func (c *Cut) HealTook() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.took
}

// Traffic returns what the link took in and handed on while it was cut: until now, or until the healing began. Bytes that a jam held are
// offered during the cut and forwarded after it. It returns false if nobody counts, as with a Toxiproxy elsewhere.
func (c *Cut) Traffic() (Traffic, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.counted {
		return Traffic{}, false
	}
	end := c.after
	if !c.frozen {
		end, _ = c.link.wire.traffic()
	}
	return end.Sub(c.before), true
}

// Heal undoes the fault, and records that in the network's timeline. On a cut that is healed it does nothing.
//
// It blocks until the link works again: in process that waits for no peer, and works even when ctx has ended; elsewhere it takes as long as
// Toxiproxy needs, until ctx ends. On failure it returns why, the fault may or may not hold, and Heal can be called again.
func (c *Cut) Heal(ctx context.Context) error {
	began := time.Now()
	if err := c.link.turn.take(ctx); err != nil {
		return fmt.Errorf("partition: healing %s: %w", c.link.name, err)
	}
	defer c.link.turn.pass()
	if current, _ := c.link.state(); current != c {
		return nil
	}
	c.freeze(true) // before held bytes are let go
	if err := c.fault.undo(ctx, c.link.wire, c.direction); err != nil {
		c.freeze(false)
		return fmt.Errorf("partition: healing %s (%s, %s): %w", c.link.name, c.kind, c.direction, err)
	}
	c.link.setCut(nil)

	c.mu.Lock()
	c.healed = time.Now()
	c.took = c.healed.Sub(began)
	c.mu.Unlock()
	c.link.timeline.Record(Event{At: c.Healed(), Who: c.link.name, What: EventHeal, Detail: c.summary()})
	return nil
}

// freeze ends the counting of the cut's traffic, or resumes it.
func (c *Cut) freeze(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on {
		c.after, _ = c.link.wire.traffic()
	}
	c.frozen = on
}

func (c *Cut) summary() string {
	s := fmt.Sprintf("%s %s after %s, healed in %s", c.kind, c.direction, c.Healed().Sub(c.Started()).Round(time.Microsecond), c.HealTook())
	if t, ok := c.Traffic(); ok {
		s += ": " + t.String()
	}
	return s
}
