package sqlfence

import (
	"errors"
	"fmt"

	"github.com/zkkit/zkkit/fence"
)

var (
	// ErrNotSealed is what a check in the caller's own transaction answers to a token that is newer than the mark: [Guard.Seal] comes first, outside of the transaction.
	// The error itself is a [*NotSealedError]. [Guard.Do] and [Guard.Exec] seal by themselves.
	ErrNotSealed = errors.New("sqlfence: not sealed")

	// ErrContended means that the database refused a transaction again and again because of other ones. Nothing was applied. The error itself is a [*ContendedError].
	ErrContended = errors.New("sqlfence: gave up against other transactions")

	// ErrNoFence is what [Guard.Exec] and [Guard.ExecTx] answer to a statement that does not use the relation fence, and so would not be checked.
	ErrNoFence = errors.New("sqlfence: the statement does not use the relation fence")
)

// A NotSealedError says for which token a resource was not sealed. It matches [ErrNotSealed] with [errors.Is].
// It is a value that nobody changes, and so safe for concurrent use.
type NotSealedError struct {
	// Resource names what was guarded.
	Resource string
	// Token is the token that was presented.
	Token fence.Token
	// Max is the mark, as far as the transaction can see it, older than Token or not yet sealed for it. It is the zero Token where there was none.
	Max fence.Token
}

// Error names the resource, the token and the mark.
func (e *NotSealedError) Error() string {
	return fmt.Sprintf("%v: %q with token %v, it has %v: seal first, and then begin the transaction", ErrNotSealed, e.Resource, e.Token, e.Max)
}

// Is reports whether target is [ErrNotSealed].
func (e *NotSealedError) Is(target error) bool { return target == ErrNotSealed }

// A ContendedError says how often a transaction was tried. Nothing was applied. It matches [ErrContended] with [errors.Is].
// It is a value that nobody changes, and so safe for concurrent use.
type ContendedError struct {
	// Resource names what was guarded.
	Resource string
	// Token is the token that was presented.
	Token fence.Token
	// Attempts is how often the transaction was begun.
	Attempts int
	// Err is what the database said the last time.
	Err error
}

// Error names the resource, the token, the number of attempts, and the last reason.
func (e *ContendedError) Error() string {
	return fmt.Sprintf("%v: %q with token %v, after %d attempts: %v", ErrContended, e.Resource, e.Token, e.Attempts, e.Err)
}

// Is reports whether target is [ErrContended].
func (e *ContendedError) Is(target error) bool { return target == ErrContended }

// Unwrap returns Err.
func (e *ContendedError) Unwrap() error { return e.Err }

// A CommitError is a commit that got no answer, inside of the [*fence.UnknownError] that [Guard.Do] returns. [Guard.Resolve] takes it from there.
// It is a value that nobody changes, and so safe for concurrent use.
type CommitError struct {
	// ID names the transaction to the database, empty where it cannot be asked.
	ID string
	// Err is why there was no answer.
	Err error
}

// Error names the transaction and the reason.
func (e *CommitError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("sqlfence: commit: %v", e.Err)
	}
	return fmt.Sprintf("sqlfence: commit of transaction %s: %v", e.ID, e.Err)
}

// Unwrap returns Err.
func (e *CommitError) Unwrap() error { return e.Err }
