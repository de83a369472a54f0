package stores

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrConfig means a Config that nothing can be started with.
	ErrConfig = errors.New("stores: bad configuration")

	// ErrNotInstalled means that this machine has none of what was asked for. The error itself is a [*NotInstalledError].
	ErrNotInstalled = errors.New("stores: not installed")

	// ErrExited means that a server's process ended before it served. The error itself is an [*ExitError].
	ErrExited = errors.New("stores: the server exited before it served")

	// ErrPortTaken means that another process has the port that a server must have.
	ErrPortTaken = errors.New("stores: the port is taken")

	// ErrNotRunning means that the server has ended: killed, or by itself.
	ErrNotRunning = errors.New("stores: the server does not run")

	// ErrStopped means that Stop was called before.
	ErrStopped = errors.New("stores: stopped")

	// ErrNotPossible means that the engine cannot do this.
	ErrNotPossible = errors.New("stores: not possible")
)

// A NotInstalledError says what is missing and how to get it, in one line. It matches [ErrNotInstalled] with [errors.Is], and what is in Err.
// It is a value that nobody changes, and so safe for concurrent use.
type NotInstalledError struct {
	// Missing is what was not found: "Redis" or "PostgreSQL".
	Missing string
	// Hint says what to do about it.
	Hint string
	// Err is what was tried and did not work, nil if nothing was.
	Err error
}

// Error is one line: what is missing, and what to do.
func (e *NotInstalledError) Error() string { return fmt.Sprintf("no %s found: %s", e.Missing, e.Hint) }

// Is reports whether target is [ErrNotInstalled].
func (e *NotInstalledError) Is(target error) bool { return target == ErrNotInstalled }

// Unwrap returns Err.
func (e *NotInstalledError) Unwrap() error { return e.Err }

// An ExitError is a process that ended before it served. It matches [ErrExited] with [errors.Is], and what is in Err.
// It is a value that nobody changes, and so safe for concurrent use.
type ExitError struct {
	// Command is the path of what was run.
	Command string
	// Err is how it ended, usually an [*os/exec.ExitError].
	Err error
	// Log is the last lines that it wrote.
	Log []string
}

// Error is one line: what was run, how it ended, and that of its lines which says most.
func (e *ExitError) Error() string {
	says := "it wrote nothing"
	if line := complaint(e.Log); line != "" {
		says = "it says: " + line
	}
	return fmt.Sprintf("%v: %s: %v; %s", ErrExited, e.Command, e.Err, says)
}

// Is reports whether target is [ErrExited].
func (e *ExitError) Is(target error) bool { return target == ErrExited }

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// complaint returns the last line that sounds like the reason of an end, else the last one.
func complaint(log []string) (last string) {
	for i := len(log) - 1; i >= 0; i-- {
		line := strings.TrimSpace(log[i])
		lower := strings.ToLower(line)
		if strings.Contains(lower, "fatal") || strings.Contains(lower, "error") {
			return line
		}
		if last == "" {
			last = line
		}
	}
	return last
}
