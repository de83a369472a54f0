package fence

import (
	"errors"
	"fmt"
)

// ErrStale is what a guard answers to a token older than the greatest it has seen. The error itself is a [*StaleError].
var ErrStale = errors.New("fence: stale token")

// ErrNoToken is what a guard answers to a token that names no hold: one for which [Token.IsZero] is true.
var ErrNoToken = errors.New("fence: no token")

// A StaleError says which token was refused, and what had been seen before it. It matches [ErrStale] with [errors.Is].
// It is a value that nobody changes, and so safe for concurrent use.
type StaleError struct {
	// Resource names what was guarded, and is empty where the guard has no name, as a [Mark].
	Resource string
	// Have is the token that was refused.
	Have Token
	// Max is the greatest token that the guard had seen, always newer than Have.
	Max Token
}

// Error names the token, the resource if it has a name, and the newer token.
func (e *StaleError) Error() string {
	if e.Resource == "" {
		return fmt.Sprintf("%v %v: already saw %v", ErrStale, e.Have, e.Max)
	}
	return fmt.Sprintf("%v %v: %q already saw %v", ErrStale, e.Have, e.Resource, e.Max)
}

// Is reports whether target is [ErrStale].
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// ErrUnknown is what a guard answers when it cannot tell whether a write was applied: the request was sent, and no answer came. The error itself is an
// [*UnknownError]. It is neither a success nor a failure: who treats it as one of them loses an effect or has it twice.
var ErrUnknown = errors.New("fence: unknown outcome")

// An UnknownError says which write may or may not have been applied, and how to find out. It matches [ErrUnknown] with [errors.Is].
// It is a value that nobody changes, and so safe for concurrent use.
type UnknownError struct {
	// Resource names what was guarded.
	Resource string
	// Token is the token that the write carried. The mark may have moved up to it, and to nothing else.
	Token Token
	// Ask says in a few words how to find out, without capital and full stop.
	Ask string
	// Err is why there was no answer.
	Err error
}

// Error names the resource, the token, how to find out, and the reason.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%v of a write to %q with token %v: %s: %v", ErrUnknown, e.Resource, e.Token, e.Ask, e.Err)
}

// Is reports whether target is [ErrUnknown].
func (e *UnknownError) Is(target error) bool { return target == ErrUnknown }

// Unwrap returns Err.
func (e *UnknownError) Unwrap() error { return e.Err }
