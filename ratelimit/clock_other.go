//go:build !linux

package ratelimit

import "time"

// suspended is 0 where no clock that counts suspensions is at hand. There a machine that wakes up may still use what was lent to it before.
func suspended() time.Duration { return 0 }
