package zklock

import (
	"errors"
	"fmt"

	"github.com/zkkit/zkkit/fence"
)

var (
	// ErrHeld means that somebody else holds the lock. A [*HeldError] says who.
	ErrHeld = errors.New("zklock: held by another")
	// ErrLost means that a hold, or a place in the queue, is lost. A [*LostError] says why.
	ErrLost = errors.New("zklock: lost")
	// ErrReleased means that a hold was given back with Unlock.
	ErrReleased = errors.New("zklock: released")
	// ErrSequenceExhausted means that the lock's directory has numbered so many nodes that their order is no longer certain. A
	// [*SequenceError] says what to do.
	ErrSequenceExhausted = errors.New("zklock: sequence exhausted")
	// ErrNotConfirmed means that an Unlock could not tell whether the lock's node is gone. It goes on in the background while the session lives, and the node
	// goes with the session otherwise.
	ErrNotConfirmed = errors.New("zklock: unlock not confirmed")
)

// A HeldError answers who holds a lock that could not be had at once. It matches [ErrHeld].
type HeldError struct {
	Path  string      // of the lock
	Owner Owner       // what the holder wrote about itself
	Token fence.Token // of the holder
}

// Error names the lock and its holder.
func (e *HeldError) Error() string {
	return fmt.Sprintf("zklock: %s is held by %s with token %s", e.Path, e.Owner, e.Token)
}

// Is reports a match with ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// A LostError says which hold, or place in the queue, was lost and why. It matches [ErrLost], and through Reason what led to it:
// session.ErrLost, session.ErrDeadline, session.ErrExpired, session.ErrClosed, session.ErrNodeGone, or [ErrStalled].
type LostError struct {
	Path   string      // of the lock
	Token  fence.Token // of the hold, zero for a place in the queue
	Reason error
}

// Error names the lock and the reason.
func (e *LostError) Error() string {
	if e.Token.IsZero() {
		return fmt.Sprintf("zklock: place in the queue for %s lost: %v", e.Path, e.Reason)
	}
	return fmt.Sprintf("zklock: hold of %s with token %s lost: %v", e.Path, e.Token, e.Reason)
}

// Is reports a match with ErrLost.
func (e *LostError) Is(target error) bool { return target == ErrLost }

// Unwrap returns the reason.
func (e *LostError) Unwrap() error { return e.Reason }

// A SequenceError names a contender whose number cannot be trusted for order. It matches [ErrSequenceExhausted].
type SequenceError struct {
	Path     string // of the lock
	Name     string // of the contender
	Sequence int64
}

// Error says what to do.
func (e *SequenceError) Error() string {
	return fmt.Sprintf("zklock: the numbers under %s are used up (%s): delete and recreate that directory while nobody holds the lock, "+
		"or move to another path; tokens go on rising", e.Path, e.Name)
}

// Is reports a match with ErrSequenceExhausted.
func (e *SequenceError) Is(target error) bool { return target == ErrSequenceExhausted }
