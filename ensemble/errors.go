package ensemble

import (
	"errors"
	"fmt"
	"strings"
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

	// ErrStopped means that [Ensemble.Stop] was called, so that there is nothing left to restart.
	ErrStopped = errors.New("ensemble: stopped")

	// ErrNoLeader means that no server says that it leads. The error itself is a [*NoLeaderError].
	ErrNoLeader = errors.New("ensemble: no leader")

	// ErrNotWhitelisted means that a server does not answer this four-letter word, because its 4lw.commands.whitelist lacks it.
	ErrNotWhitelisted = errors.New("ensemble: four-letter word not whitelisted")

	// ErrNoLinks means that this system lacks the addresses that links between servers need.
	ErrNoLinks = errors.New("ensemble: no links between servers here")

	// ErrNoNamespaces means that this machine does not let us make network namespaces. The error itself is a [*NoNamespacesError].
	ErrNoNamespaces = errors.New("ensemble: no network namespaces here")

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

// A NoNamespacesError says what is missing for Config.Namespaces and how to get it, in one line. It matches [ErrNoNamespaces] with [errors.Is], and what is in Err.
// It is a value that nobody changes, and so safe for concurrent use.
type NoNamespacesError struct {
	// Missing is what this machine lacks, such as "the command ip".
	Missing string
	// Hint says what to do about it.
	Hint string
	// Err is what was tried and did not work.
	Err error
}

// Error is one line: what is missing, what to do, and what was tried.
func (e *NoNamespacesError) Error() string {
	return fmt.Sprintf("no network namespaces: this machine lacks %s: %s (%v)", e.Missing, e.Hint, e.Err)
}

// Is reports whether target is [ErrNoNamespaces].
func (e *NoNamespacesError) Is(target error) bool { return target == ErrNoNamespaces }

// Unwrap returns Err.
func (e *NoNamespacesError) Unwrap() error { return e.Err }

// A NoLeaderError says what each server answered when it was asked whether it leads. It matches [ErrNoLeader] with [errors.Is].
// It is a value that nobody changes, and so safe for concurrent use.
type NoLeaderError struct {
	// Answers has one entry for each server, in the order of their numbers: its mode, or why it told none.
	Answers []string
}

// Error is one line: what each server said.
func (e *NoLeaderError) Error() string {
	said := make([]string, len(e.Answers))
	for i, answer := range e.Answers {
		said[i] = fmt.Sprintf("server %d: %s", i+1, answer)
	}
	return fmt.Sprintf("%v: %s", ErrNoLeader, strings.Join(said, "; "))
}

// Is reports whether target is [ErrNoLeader].
func (e *NoLeaderError) Is(target error) bool { return target == ErrNoLeader }

// An ExitError is a server that ended before it served. It matches [ErrExited] with [errors.Is], and what is in Err.
// It is a value that nobody changes, and so safe for concurrent use.
type ExitError struct {
	// Server is the number of the server.
	Server int
	// Err is how the process ended, usually an [*os/exec.ExitError].
	Err error
	// Log is the last lines that it wrote.
	Log string
}

// Error says which server it was and how its process ended, and appends what it wrote, over several lines.
func (e *ExitError) Error() string {
	if e.Log == "" {
		return fmt.Sprintf("%v: server %d: %v (it wrote nothing)", ErrExited, e.Server, e.Err)
	}
	return fmt.Sprintf("%v: server %d: %v; its last words:\n%s", ErrExited, e.Server, e.Err, e.Log)
}

// Is reports whether target is [ErrExited].
func (e *ExitError) Is(target error) bool { return target == ErrExited }

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }
