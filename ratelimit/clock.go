package ratelimit

import (
	"sync/atomic"
	"time"
)

// A clock counts microseconds from when it was started, and tells them as microseconds since 1970, whatever happens to the time of day meanwhile. It goes on while the machine
// is suspended, where Go's monotonic clock stands still: a laptop that wakes up must find its leases expired. It is safe for concurrent use; the zero clock is not ready.
type clock struct {
	start     time.Time
	suspended time.Duration
	slept     atomic.Int64 // since start, as far as it was looked
}

func startClock() *clock { return &clock{start: time.Now(), suspended: suspended()} }

// now returns the time, suspensions included.
func (c *clock) now() int64 {
	// The two kernel clocks are not read at one instant, so what is below a suspension's length is noise.
	if d := suspended() - c.suspended; d > 5*time.Millisecond {
		c.slept.Store(int64(d))
	}
	return c.early()
}

// early is now without a look for a new suspension: cheaper, and too early after one. The time at which something is sent may be that.
func (c *clock) early() int64 {
	return c.start.UnixMicro() + (time.Since(c.start) + time.Duration(c.slept.Load())).Microseconds()
}

// of returns the time at which t was read from the system, in this clock's time.
func (c *clock) of(t time.Time) int64 { return c.start.UnixMicro() + t.Sub(c.start).Microseconds() }
