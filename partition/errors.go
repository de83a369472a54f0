package partition

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrClosed is returned by everything that is asked of a [Network] or one of its links after [Network.Close].
	ErrClosed = errors.New("partition: the network is closed")

	// ErrLinkExists is returned, wrapped with the name, by [Network.Link] when the network already has a link of that name.
	ErrLinkExists = errors.New("partition: a link of that name exists")

	// ErrBadLink is returned, wrapped with what is wrong, by [Network.Link] for a name or an upstream address that cannot be used.
	ErrBadLink = errors.New("partition: bad link")

	// ErrUnreachable is returned, wrapped with the cause, by [New] when no Toxiproxy answers at Config.API.
	ErrUnreachable = errors.New("partition: no Toxiproxy answers")

	// ErrAlreadyCut is what an [*AlreadyCutError] is.
	ErrAlreadyCut = errors.New("partition: the link is already cut")

	// ErrDirection is what a [*DirectionError] is.
	ErrDirection = errors.New("partition: the fault has no such direction")

	// ErrUnknownName is what an [*UnknownNameError] is.
	ErrUnknownName = errors.New("partition: unknown name")
)

// An AlreadyCutError says which fault holds on a link that somebody tried to cut again. It matches [ErrAlreadyCut].
type AlreadyCutError struct {
	Link      string
	Kind      Kind      // the fault that holds
	Direction Direction // the direction that it cuts
	Since     time.Time // when it was in force; zero if an attempt to inject it failed half-way and could not be undone
}

// Error names the link and the fault that holds on it.
func (e *AlreadyCutError) Error() string {
	return fmt.Sprintf("partition: %s is already cut (%s, %s): heal it first", e.Link, e.Kind, e.Direction)
}

// Is reports whether target is [ErrAlreadyCut].
func (e *AlreadyCutError) Is(target error) bool { return target == ErrAlreadyCut }

// A DirectionError says that a fault cannot be injected in one direction only. It matches [ErrDirection].
type DirectionError struct {
	Kind      Kind
	Direction Direction
}

// Error names the fault and the direction that it has not.
func (e *DirectionError) Error() string {
	return fmt.Sprintf("partition: %s has no direction %q: it always concerns both", e.Kind, e.Direction)
}

// Is reports whether target is [ErrDirection].
func (e *DirectionError) Is(target error) bool { return target == ErrDirection }

// An UnknownNameError says that a name is none of the valid ones. It matches [ErrUnknownName].
type UnknownNameError struct {
	What  string   // "kind", "direction" or "mode"
	Name  string   // the name that was given
	Valid []string // the names that are known
}

// Error lists the valid names.
func (e *UnknownNameError) Error() string {
	return fmt.Sprintf("partition: unknown %s %q: want one of %s", e.What, e.Name, strings.Join(e.Valid, ", "))
}

// Is reports whether target is [ErrUnknownName].
func (e *UnknownNameError) Is(target error) bool { return target == ErrUnknownName }
