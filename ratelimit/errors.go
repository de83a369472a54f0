package ratelimit

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrBadLimit means a limit that cannot be kept. The error itself is a [*LimitError].
	ErrBadLimit = errors.New("ratelimit: bad limit")
	// ErrBadConfig means a [Config] that makes no sense, or a client that does not do what this package needs.
	ErrBadConfig = errors.New("ratelimit: bad configuration")
	// ErrBadKey means a key that nothing can be counted under. The error itself is a [*KeyError].
	ErrBadKey = errors.New("ratelimit: bad key")
	// ErrBadCost means a cost that can never be admitted. The error itself is a [*CostError].
	ErrBadCost = errors.New("ratelimit: bad cost")
	// ErrTooLate means that [Limiter.Wait] would have to wait beyond the deadline of its context. The error itself is a [*TooLateError].
	ErrTooLate = errors.New("ratelimit: not before the deadline")
	// ErrState means that Redis holds something else under a key than this package put there, or refuses to run the script. It is not an outage, and no policy applies:
	// nothing was admitted, and somebody has to look.
	ErrState = errors.New("ratelimit: Redis refuses")
	// ErrClosed means that the limiter was closed.
	ErrClosed = errors.New("ratelimit: closed")
)

// A LimitError says what is wrong with a limit. It matches [ErrBadLimit] with [errors.Is]. It is a value that nobody changes, and so safe for concurrent use.
type LimitError struct {
	Limit Limit
	// Field is what is wrong: "Max", "Per" or "Kind".
	Field string
	// Want says what it must be, without full stop.
	Want string
}

// Error names the field, what it must be, and the limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%v: %s: want %s, have Max %d, Per %v, %s", ErrBadLimit, e.Field, e.Want, e.Limit.Max, e.Limit.Per, e.Limit.kind().name())
}

// Is reports whether target is [ErrBadLimit].
func (e *LimitError) Is(target error) bool { return target == ErrBadLimit }

// A KeyError says what is wrong with a key. It matches [ErrBadKey] with [errors.Is]. It is a value that nobody changes, and so safe for concurrent use.
type KeyError struct {
	Key string
	// Why says what is wrong with it, without full stop.
	Why string
}

// Error names the key and what is wrong with it.
func (e *KeyError) Error() string { return fmt.Sprintf("%v: %.64q %s", ErrBadKey, e.Key, e.Why) }

// Is reports whether target is [ErrBadKey].
func (e *KeyError) Is(target error) bool { return target == ErrBadKey }

// A CostError names a cost that can never be admitted. It matches [ErrBadCost] with [errors.Is]. It is a value that nobody changes, and so safe for concurrent use.
type CostError struct {
	// Cost is what was asked for.
	Cost int64
	// Most is what can be admitted at once.
	Most int64
}

// Error names the cost and what it may be.
func (e *CostError) Error() string {
	return fmt.Sprintf("%v: %d: want 1 to %d, which is all that can be admitted at once", ErrBadCost, e.Cost, e.Most)
}

// Is reports whether target is [ErrBadCost].
func (e *CostError) Is(target error) bool { return target == ErrBadCost }

// A TooLateError says how long [Limiter.Wait] would have had to wait at least. It matches [ErrTooLate] with [errors.Is]. It is a value that nobody changes, and so safe for
// concurrent use.
type TooLateError struct {
	RetryAfter time.Duration
}

// Error names the time.
func (e *TooLateError) Error() string {
	return fmt.Sprintf("%v: in %v at the soonest", ErrTooLate, e.RetryAfter)
}

// Is reports whether target is [ErrTooLate].
func (e *TooLateError) Is(target error) bool { return target == ErrTooLate }
