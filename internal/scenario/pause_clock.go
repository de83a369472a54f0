package scenario

import "time"

// A machineClock turns the times of other processes of this machine into our own.
type machineClock struct {
	here  time.Time
	there time.Duration
}

// readMachineClock reads both clocks at once, as nearly as it can: between the two this process may be held up, so that the closest of several readings counts.
func readMachineClock() machineClock {
	var best machineClock
	closest := time.Duration(-1)
	for range 50 {
		before := time.Now()
		there := machineTime()
		apart := time.Since(before)
		if closest < 0 || apart < closest {
			best, closest = machineClock{before.Add(apart / 2), there}, apart
		}
	}
	return best
}

// at returns when it was that the clock of the machine said there.
func (c machineClock) at(there time.Duration) time.Time { return c.here.Add(there - c.there) }
