package cas

import (
	"errors"
	"fmt"
	"time"

	"github.com/zkkit/zkkit/session"
)

var (
	// ErrContended means that others were faster as often as an update may lose: nothing of it was written. A [*ContendedError] says how often that was.
	ErrContended = errors.New("cas: contended")
	// ErrUnknown means that an update may or may not have been applied, and that nobody can tell any more. An [*UnknownError] says why.
	ErrUnknown = errors.New("cas: unknown outcome")
	// ErrTooLarge means that a function made more of a value than a node can hold. A [*SizeError] has the figures.
	ErrTooLarge = errors.New("cas: value too large")
	// ErrPanicked means that a function did not return. A [*PanicError] has what it panicked with.
	ErrPanicked = errors.New("cas: the function panicked")
	// ErrFormat means that a node holds what this package has not written, or a value that is none of the type asked for. A [*FormatError] says what.
	ErrFormat = errors.New("cas: unreadable")
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("cas: closed")

	// ErrAbsent is a register's answer when there is no such node. [Get] passes it on.
	ErrAbsent = errors.New("cas: no such value")
	// ErrConflict is a register's answer to a write of another version than the node's. Nothing was written then.
	ErrConflict = errors.New("cas: another version")
)

// A ContendedError says how often an update lost against others before it gave up. It matches [ErrContended]. Nothing of the update was written.
type ContendedError struct {
	Path     string
	Attempts int           // writes that were refused, because others had been faster
	Waited   time.Duration // since the update was asked for
}

// Error names the node and the attempts.
func (e *ContendedError) Error() string {
	return fmt.Sprintf("cas: %s: contended: %d attempts in %v, and others were faster each time", e.Path, e.Attempts, e.Waited.Round(time.Millisecond))
}

// Is reports a match with ErrContended.
func (e *ContendedError) Is(target error) bool { return target == ErrContended }

// An UnknownError says of which update nobody can tell whether it was applied. It was applied once or not at all. It matches [ErrUnknown], and
// session.ErrUnknownOutcome, and through Err what led to it.
type UnknownError struct {
	Path string
	Err  error
}

// Error names the node and the reason.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("cas: %s: it is not known whether the update was applied: %v", e.Path, e.Err)
}

// Is reports a match with ErrUnknown and with session.ErrUnknownOutcome.
func (e *UnknownError) Is(target error) bool {
	return target == ErrUnknown || target == session.ErrUnknownOutcome
}

// Unwrap returns the reason.
func (e *UnknownError) Unwrap() error { return e.Err }

var (
	// errErased is why an outcome is unknown when too many others have written since.
	errErased = errors.New("cas: too many others have written since, and what they pushed out may have been the trace of it")
	// errReplaced is why an outcome is unknown when the node is another one.
	errReplaced = errors.New("cas: the node was deleted, or written by something else than this package, and every trace with it")
)

// A SizeError says how large a value would have become. It matches [ErrTooLarge].
type SizeError struct {
	Path        string
	Size, Limit int // in bytes, encoded
}

// Error has the figures.
func (e *SizeError) Error() string {
	return fmt.Sprintf("cas: %s: a value of %d bytes, and a node holds at most %d", e.Path, e.Size, e.Limit)
}

// Is reports a match with ErrTooLarge.
func (e *SizeError) Is(target error) bool { return target == ErrTooLarge }

// A PanicError is what became of a function that panicked, or that ended its goroutine. It matches [ErrPanicked], and through Unwrap the error that the function
// panicked with, if that was one.
type PanicError struct {
	Value any    // what it panicked with; nil for runtime.Goexit
	Stack []byte // where
}

// Error has the value, without the stack.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "cas: the function ended its goroutine"
	}
	return fmt.Sprintf("cas: the function panicked: %v", e.Value)
}

// Is reports a match with ErrPanicked.
func (e *PanicError) Is(target error) bool { return target == ErrPanicked }

// Unwrap returns what the function panicked with if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A FormatError says which node cannot be read, and why. It matches [ErrFormat].
type FormatError struct {
	Path string
	Err  error
}

// Error names the node and the reason.
func (e *FormatError) Error() string { return fmt.Sprintf("cas: %s: unreadable: %v", e.Path, e.Err) }

// Is reports a match with ErrFormat.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// Unwrap returns the reason.
func (e *FormatError) Unwrap() error { return e.Err }
