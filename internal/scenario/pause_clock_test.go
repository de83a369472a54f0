package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What another process says that the time is lies between what is read here before and after.
func TestMachineClock(t *testing.T) {
	clock := readMachineClock()
	for range 100 {
		before := time.Now()
		there := machineTime()
		after := time.Now()
		const apart = time.Millisecond // of the readings of the clock itself
		require.False(t, clock.at(there).Before(before.Add(-apart)))
		require.False(t, clock.at(there).After(after.Add(apart)))
	}
}
