package containers

import (
	"os"
	"strconv"
	"strings"
)

// processStart returns when the process began, in clock ticks since the machine did, and whether it is alive. A zombie is not.
func processStart(pid int) (start int64, alive bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, !os.IsNotExist(err)
	}
	s := string(b)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:]) // The name may contain anything, parentheses too.
	if len(fields) < 20 {
		return 0, true
	}
	start, _ = strconv.ParseInt(fields[19], 10, 64)
	return start, !strings.Contains("ZX", fields[0])
}
