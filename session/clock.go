package session

import (
	"sync/atomic"
	"time"
)

// A clock counts from when it was started. It goes on while the machine is suspended, where Go's monotonic clock stands still:
// a laptop that wakes up must find its leases lost. It is safe for concurrent use; the zero clock is not ready.
type clock struct {
	start     time.Time
	suspended time.Duration
	slept     atomic.Int64 // since start, as far as it was looked
}

func startClock() *clock { return &clock{start: time.Now(), suspended: suspended()} }

// now returns the time since the clock was started, suspensions included.
func (c *clock) now() time.Duration {
	// The two kernel clocks are not read at one instant, so what is below a suspension's length is noise.
	if d := suspended() - c.suspended; d > 5*time.Millisecond {
		c.slept.Store(int64(d))
	}
	return c.early()
}

// early is now without a look for a new suspension: cheaper, and too early after one. A send time may be that.
func (c *clock) early() time.Duration { return time.Since(c.start) + time.Duration(c.slept.Load()) }
