package session

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-zookeeper/zk"
)

// What a server answers, to be matched with errors.Is.
var (
	ErrNoNode                  = zk.ErrNoNode
	ErrNodeExists              = zk.ErrNodeExists
	ErrBadVersion              = zk.ErrBadVersion
	ErrNotEmpty                = zk.ErrNotEmpty
	ErrNoAuth                  = zk.ErrNoAuth
	ErrNoChildrenForEphemerals = zk.ErrNoChildrenForEphemerals
	ErrInvalidACL              = zk.ErrInvalidACL
	ErrInvalidPath             = zk.ErrInvalidPath
)

var (
	// ErrLost means that the session is over for good. A [*LostError] says why.
	ErrLost = errors.New("session: lost")
	// ErrExpired is the reason of a loss that the server declared.
	ErrExpired = errors.New("session: expired by the server")
	// ErrDeadline is the reason of a loss that was declared here, because nothing proved in time that the session lives.
	ErrDeadline = errors.New("session: the local deadline passed")
	// ErrClosed is the reason when this side closed the session or its client.
	ErrClosed = errors.New("session: closed")
	// ErrAuthFailed means that a server refused the configured credentials.
	ErrAuthFailed = zk.ErrAuthFailed
	// ErrUnknownOutcome means that a write may or may not have been applied: its reply was lost, or nobody waited for it.
	ErrUnknownOutcome = errors.New("session: outcome unknown")
	// ErrUnimplemented means that the server does not know the operation.
	ErrUnimplemented = errors.New("session: not implemented by the server")
	// ErrNodeGone ends a [Lease] whose node was deleted by somebody else.
	ErrNodeGone = errors.New("session: the node was deleted")
	// ErrNotOwner means that a node exists but belongs to another session.
	ErrNotOwner = errors.New("session: the node belongs to another session")
	// ErrReleased ends a [Lease] that its owner gave up.
	ErrReleased = errors.New("session: released")
)

// A LostError says which session was lost and why. It matches [ErrLost] and, through Reason, one of [ErrExpired], [ErrDeadline] and [ErrClosed].
type LostError struct {
	SessionID int64
	Reason    error
}

// Error names the session in hexadecimal, as the server's log does.
func (e *LostError) Error() string {
	return fmt.Sprintf("session: %#x lost: %v", uint64(e.SessionID), e.Reason)
}

// Is reports a match with ErrLost.
func (e *LostError) Is(target error) bool { return target == ErrLost }

// Unwrap returns the reason.
func (e *LostError) Unwrap() error { return e.Reason }

// An OpError is a failed operation on a znode.
type OpError struct {
	Op, Path string
	Err      error
}

// Error names the operation, the path and the reason.
func (e *OpError) Error() string {
	return fmt.Sprintf("session: %s %s: %v", e.Op, e.Path, e.Err)
}

// Unwrap returns the reason.
func (e *OpError) Unwrap() error { return e.Err }

// A MultiError is a multi of which no operation was applied, because the one at Index was refused.
type MultiError struct {
	Index int
	Err   error
}

// Error names the refused operation by its index.
func (e *MultiError) Error() string {
	return fmt.Sprintf("session: multi refused at operation %d: %v", e.Index, e.Err)
}

// Unwrap returns why the operation was refused.
func (e *MultiError) Unwrap() error { return e.Err }

// unknown marks err as an outcome that nobody knows, keeping what led to it.
func unknown(err error) error {
	if err == nil {
		return ErrUnknownOutcome
	}
	return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
}

// answered reports whether err is a server's answer, as against the loss of one.
// Only an answer says that the request was not applied.
func answered(err error) bool {
	for _, e := range []error{
		ErrNoNode, ErrNodeExists, ErrBadVersion, ErrNotEmpty, ErrNoAuth, ErrNoChildrenForEphemerals, ErrInvalidACL, ErrInvalidPath,
		ErrUnimplemented, zk.ErrInvalidFlags, zk.ErrBadArguments, zk.ErrAPIError, zk.ErrReconfigDisabled,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	var code codeError
	return errors.As(err, &code) && code <= refusals
}

// A codeError is an answer that has no name here, such as that a quota is exceeded.
type codeError int32

// refusals are the codes from this one down. With one of them a server says that it has understood the request and refused it; with others, that something is wrong with itself.
const refusals = -100

func (e codeError) Error() string {
	return fmt.Sprintf("session: the server answered with code %d", int32(e))
}

// fromServer turns go-zookeeper's untyped answers into ours. It puts the bare number of a code that it does not know into a text.
func fromServer(err error) error {
	if err == nil {
		return nil
	}
	text, found := strings.CutPrefix(err.Error(), "unknown error: ")
	code, nerr := strconv.ParseInt(text, 10, 32)
	switch {
	case !found || nerr != nil:
		return err
	case code == codeUnimplemented:
		return ErrUnimplemented
	}
	return codeError(code)
}
