package ensemble

import (
	"errors"
	"fmt"
)

var (
	// ErrNotInstalled means that this machine has no ZooKeeper, or no Java to run it. The error itself is a [*NotInstalledError].
	ErrNotInstalled = errors.New("ensemble: not installed")

	// ErrConfig means a Config that no server can be started with.
	ErrConfig = errors.New("ensemble: bad configuration")

	// ErrExited means that the server's process ended before it served. The error itself is an [*ExitError].
	ErrExited = errors.New("ensemble: the server exited before it served")

	// ErrNotRunning means that the server's process has ended: killed, stopped, or by itself.
	ErrNotRunning = errors.New("ensemble: the server does not run")

	// ErrStopped means that Stop was called before, so that there is nothing left to restart.
	ErrStopped = errors.New("ensemble: stopped")

	// ErrNotWhitelisted means that a server does not answer this four-letter word, because its 4lw.commands.whitelist lacks it.
	ErrNotWhitelisted = errors.New("ensemble: four-letter word not whitelisted")

	errPortTaken = errors.New("the port was taken")
)

// A NotInstalledError says what is missing and how to get it, in one line. It matches [ErrNotInstalled] with [errors.Is].
// It is a value that nobody changes, and so safe for concurrent use.
type NotInstalledError struct {
	// Missing is what was not found: "ZooKeeper" or "Java".
	Missing string
	// Hint says what to do about it.
	Hint string
}

// Error is one line: what is missing, and what to do.
func (e *NotInstalledError) Error() string { return fmt.Sprintf("no %s found: %s", e.Missing, e.Hint) }

// Is reports whether target is [ErrNotInstalled].
func (e *NotInstalledError) Is(target error) bool { return target == ErrNotInstalled }

// An ExitError is a server that ended before it served. It matches [ErrExited] with [errors.Is], and what is in Err.
// It is a value that nobody changes, and so safe for concurrent use.
type ExitError struct {
	// Err is how the process ended, usually an [*os/exec.ExitError].
	Err error
	// Log is the last lines that it wrote.
	Log string
}

// Error says how the process ended and appends what it wrote, over several lines.
func (e *ExitError) Error() string {
	if e.Log == "" {
		return fmt.Sprintf("%v: %v (it wrote nothing)", ErrExited, e.Err)
	}
	return fmt.Sprintf("%v: %v; its last words:\n%s", ErrExited, e.Err, e.Log)
}

// Is reports whether target is [ErrExited].
func (e *ExitError) Is(target error) bool { return target == ErrExited }

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }
