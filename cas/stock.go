package cas

import (
	"context"
	"errors"
	"fmt"
)

// ErrInsufficient means that there is less left than somebody wants to reserve. An [*InsufficientError] says how much.
var ErrInsufficient = errors.New("cas: insufficient")

// An InsufficientError is the answer to a reservation that would have taken more than there was. It matches [ErrInsufficient]. Nothing was taken.
type InsufficientError struct {
	Path         string
	Wanted, Left int64
}

// Error has the figures.
func (e *InsufficientError) Error() string {
	return fmt.Sprintf("cas: %s: %d wanted, and %d left", e.Path, e.Wanted, e.Left)
}

// Is reports a match with ErrInsufficient.
func (e *InsufficientError) Is(target error) bool { return target == ErrInsufficient }

// A Stock is a number of things that many reserve from. It never falls below 0, however many do. Reservations that one store makes at the same time share a write, each with an
// answer of its own. A node that is not there has nothing left.
//
// A Stock is safe for concurrent use. There is no useful zero value: use [NewStock].
type Stock struct {
	s    *Store
	path string
}

// NewStock returns the stock at path. It does no I/O.
func NewStock(s *Store, path string) *Stock { return &Stock{s: s, path: path} }

// Reserve takes n if there are as many, and returns how many are left then. Otherwise it takes nothing and fails with an [*InsufficientError], which was true at one moment
// during the call. It fails as [Update] does as well: after an [*UnknownError] n may have been taken.
func (k *Stock) Reserve(ctx context.Context, n int64) (left int64, err error) {
	if n <= 0 {
		return 0, fmt.Errorf("cas: %s: %d to reserve: at least 1", k.path, n)
	}
	left, _, err = Update(ctx, k.s, k.path, func(v int64) (int64, error) {
		if v < n {
			return 0, &InsufficientError{Path: k.path, Wanted: n, Left: v}
		}
		return v - n, nil
	}, decimal{})
	return left, err
}

// Put adds n, and returns how many are left then. It fails as [Update] does, or with [ErrOverflow].
func (k *Stock) Put(ctx context.Context, n int64) (left int64, err error) {
	if n <= 0 {
		return 0, fmt.Errorf("cas: %s: %d to put: at least 1", k.path, n)
	}
	left, _, err = Update(ctx, k.s, k.path, func(v int64) (int64, error) { return sum(v, n) }, decimal{})
	return left, err
}

// Left returns how many are left, with what [Get] says about how new that is.
func (k *Stock) Left(ctx context.Context) (int64, error) { return NewCounter(k.s, k.path).Get(ctx) }
