package cas

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// ErrOverflow means that a counter or a stock would leave the range of int64. It was left as it was.
var ErrOverflow = errors.New("cas: overflow")

// decimal stores a number as decimal digits, which people and other languages can read.
type decimal struct{}

func (decimal) Encode(v int64) ([]byte, error) { return strconv.AppendInt(nil, v, 10), nil }

func (decimal) Decode(data []byte) (int64, error) { return strconv.ParseInt(string(data), 10, 64) }

// A Counter is a number that many add to. A node that is not there counts as 0.
//
// A Counter is safe for concurrent use. There is no useful zero value: use [NewCounter].
type Counter struct {
	s    *Store
	path string
}

// NewCounter returns the counter at path. It does no I/O.
func NewCounter(s *Store, path string) *Counter { return &Counter{s: s, path: path} }

// Add adds n, which may be negative, and returns the sum. It fails as [Update] does, or with [ErrOverflow].
func (c *Counter) Add(ctx context.Context, n int64) (int64, error) {
	v, _, err := Update(ctx, c.s, c.path, func(v int64) (int64, error) { return sum(v, n) }, decimal{})
	return v, err
}

// Get returns the number, with what [Get] says about how new it is. It fails as that does, except that there always is a number.
func (c *Counter) Get(ctx context.Context) (int64, error) {
	v, err := Get(ctx, c.s, c.path, decimal{})
	if errors.Is(err, ErrAbsent) {
		return 0, nil
	}
	return v, err
}

func sum(a, b int64) (int64, error) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return 0, fmt.Errorf("%w: %d and %d", ErrOverflow, a, b)
	}
	return a + b, nil
}
