package child

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stat returns the fields of a proc stat file that follow the name, the state of the process or thread first.
func stat(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := string(b)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:]) // The name may contain anything, parentheses too.
	if len(fields) < 20 {
		return nil, os.ErrInvalid
	}
	return fields, nil
}

// Alive returns when the process began, in clock ticks since the machine did, and whether it is alive. A zombie is not.
func Alive(pid int) (start int64, alive bool) {
	fields, err := stat(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, !os.IsNotExist(err)
	}
	start, _ = strconv.ParseInt(fields[19], 10, 64)
	return start, !strings.Contains("ZX", fields[0])
}

// Children returns the processes whose parent is pid. A zombie is none.
func Children(pid int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, entry := range entries {
		n, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		fields, err := stat(filepath.Join("/proc", entry.Name(), "stat"))
		if err == nil && fields[1] == strconv.Itoa(pid) && !strings.Contains("ZX", fields[0]) {
			found = append(found, n)
		}
	}
	return found, nil
}

// Threads tells what the threads of a process do.
func Threads(pid int) (ThreadState, error) {
	tasks := filepath.Join("/proc", strconv.Itoa(pid), "task")
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return StateMixed, err
	}
	stopped, running := 0, 0
	for _, task := range entries {
		fields, err := stat(filepath.Join(tasks, task.Name(), "stat"))
		switch {
		case os.IsNotExist(err): // It ended meanwhile.
		case err != nil:
			return StateMixed, err
		case fields[0] == "T":
			stopped++
		default:
			running++
		}
	}
	switch {
	case running == 0 && stopped > 0:
		return StateStopped, nil
	case stopped == 0 && running > 0:
		return StateRunning, nil
	}
	return StateMixed, nil
}
