package scenario

import (
	"syscall"
	"time"
	"unsafe"
)

// machineTime returns the monotonic clock of this machine, which all of its processes share.
func machineTime() time.Duration {
	const clockMonotonic = 1
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}
