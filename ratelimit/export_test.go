package ratelimit

import "time"

// Age makes a limiter as old as if it had been made so much earlier, as far as its shares are concerned.
func Age(l *Limiter, by time.Duration) { l.shares.born -= by.Microseconds() }
