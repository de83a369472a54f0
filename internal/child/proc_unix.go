//go:build unix && !linux

package child

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ps returns the state of a process, one letter first, and when it began, in local time. There is no such process when it is empty.
func ps(pid int) (state, began string, err error) {
	cmd := exec.Command("ps", "-o", "state=", "-o", "lstart=", "-p", strconv.Itoa(pid))
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.Output()
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		return "", "", err
	}
	return fields[0], strings.Join(fields[1:], " "), nil
}

// Alive returns when the process began, in seconds since 1970, and whether it is alive. A zombie is not.
func Alive(pid int) (start int64, alive bool) {
	state, began, err := ps(pid)
	if state == "" {
		_, exited := errors.AsType[*exec.ExitError](err)
		return 0, !exited
	}
	if t, err := time.Parse("Mon Jan 2 15:04:05 2006", began); err == nil {
		start = t.Unix()
	}
	return start, !strings.HasPrefix(state, "Z")
}

// Threads tells what the threads of a process do: here they stop together.
func Threads(pid int) (ThreadState, error) {
	state, _, err := ps(pid)
	switch {
	case state == "":
		return StateMixed, err
	case strings.HasPrefix(state, "T"):
		return StateStopped, nil
	}
	return StateRunning, nil
}

// Children returns the processes whose parent is pid. A zombie is none.
func Children(pid int) ([]int, error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "state=").Output()
	if err != nil {
		return nil, err
	}
	var found []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[1] == strconv.Itoa(pid) && !strings.HasPrefix(fields[2], "Z") {
			if n, err := strconv.Atoi(fields[0]); err == nil {
				found = append(found, n)
			}
		}
	}
	return found, nil
}
