package ratelimit

import (
	"sync/atomic"
	"time"
)

// A clock counts microseconds from when it was started, and tells them as microseconds since 1970, whatever happens to the time of day meanwhile. It goes on while the machine
// is suspended, where Go's monotonic clock stands still: a laptop that wakes up must find its leases expired. It is safe for concurrent use; the zero clock is not ready.
type clock struct {
	start     time.Time
	suspended time.Duration // before start
	slept     atomic.Int64  // since, as far as it was looked
	gap       atomic.Int64  // between the time of day and the monotonic clock when that was
}

func startClock() *clock { return &clock{start: time.Now(), suspended: suspended()} }

// now returns the time. A suspension sets the time of day forward and leaves the monotonic clock where it was, so the kernel, which takes longer to answer, is asked how long the
// machine was suspended only when the two have moved against each other. It may also be that the time of day was set.
func (c *clock) now() int64 {
	t := time.Now()
	went := t.Sub(c.start)
	gap := t.UnixNano() - c.start.UnixNano() - int64(went)
	if d := gap - c.gap.Load(); d > int64(time.Millisecond) || d < -int64(time.Millisecond) {
		if s := suspended() - c.suspended; s > 5*time.Millisecond { // The kernel's clocks are not read at one instant: what is shorter is noise.
			c.slept.Store(int64(s))
		}
		c.gap.Store(gap)
	}
	return c.start.UnixMicro() + (went + time.Duration(c.slept.Load())).Microseconds()
}

// of returns the time at which t was read from the system, or a later one if the machine was suspended since. A microsecond more or less is noise, another time for the same t too.
func (c *clock) of(t time.Time) int64 { return c.now() - time.Since(t).Microseconds() }
