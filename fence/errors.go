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
