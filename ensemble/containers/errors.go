package containers

import (
	"errors"
	"fmt"

	"github.com/zkkit/zkkit/internal/docker"
)

var (
	// ErrConfig means a Config that no ensemble can be started with.
	ErrConfig = errors.New("containers: bad configuration")

	// ErrNoEngine means that no Docker engine of this machine answers, or no longer.
	ErrNoEngine = docker.ErrNoEngine

	// ErrNoImage means that an image is neither on the engine nor to be had. The error itself is a [*NoImageError].
	ErrNoImage = errors.New("containers: no such image")

	// ErrExited means that a container ended before it served. The error itself is an [*ExitError].
	ErrExited = errors.New("containers: the container exited before it served")

	// ErrNotRunning means that the server's container has ended: killed, or by itself.
	ErrNotRunning = errors.New("containers: the server does not run")

	// ErrNoLeader means that no server leads a majority.
	ErrNoLeader = errors.New("containers: no leader")

	// ErrNoLinks means that there is no port left for one more link.
	ErrNoLinks = errors.New("containers: no port left for a link")

	// ErrStopped means that Stop was called before.
	ErrStopped = errors.New("containers: stopped")
)

// A NoImageError says which image is missing and how to get it, in one line. It matches [ErrNoImage] with [errors.Is].
// It is a value that nobody changes, and so safe for concurrent use.
type NoImageError struct {
	// Image is its name.
	Image string
	// Variable is the name in the environment that another one can be given with.
	Variable string
	// Err is why it could not be pulled, nil if that was not tried.
	Err error
}

// Error is one line: what is missing, and what to do.
func (e *NoImageError) Error() string { return (*docker.MissingError)(e).Error() }

// Is reports whether target is [ErrNoImage].
func (e *NoImageError) Is(target error) bool { return target == ErrNoImage }

// Unwrap returns Err.
func (e *NoImageError) Unwrap() error { return e.Err }

// An ExitError is a container that ended before it served. It matches [ErrExited] with [errors.Is].
// It is a value that nobody changes, and so safe for concurrent use.
type ExitError struct {
	// Name is the container's, such as zk1.
	Name string
	// Status is its exit status.
	Status int
	// Log is the last lines that it wrote.
	Log string
}

// Error says how the container ended and appends what it wrote, over several lines.
func (e *ExitError) Error() string {
	if e.Log == "" {
		return fmt.Sprintf("%v: %s: exit status %d (it wrote nothing)", ErrExited, e.Name, e.Status)
	}
	return fmt.Sprintf("%v: %s: exit status %d; its last words:\n%s", ErrExited, e.Name, e.Status, e.Log)
}

// Is reports whether target is [ErrExited].
func (e *ExitError) Is(target error) bool { return target == ErrExited }
