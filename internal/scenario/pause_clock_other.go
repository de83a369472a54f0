//go:build !linux

package scenario

import "time"

// machineTime returns the clock on the wall, which all processes of this machine share: nobody should set it meanwhile.
func machineTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
