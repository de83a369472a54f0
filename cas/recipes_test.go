package cas_test

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
)

func TestCounter(t *testing.T) {
	s := newStore(t, newMemory(), cas.Config{})
	c := cas.NewCounter(s, "/n")
	n, err := c.Get(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	for _, step := range []struct{ add, want int64 }{{5, 5}, {-7, -2}, {math.MinInt64 + 2, math.MinInt64}, {math.MaxInt64, -1}} {
		n, err = c.Add(t.Context(), step.add)
		require.NoError(t, err)
		require.Equal(t, step.want, n)
	}
	for _, n := range []int64{math.MinInt64, math.MaxInt64} {
		c := cas.NewCounter(s, "/edge")
		before, err := c.Add(t.Context(), n/2)
		require.NoError(t, err)
		_, err = c.Add(t.Context(), n)
		require.ErrorIs(t, err, cas.ErrOverflow)
		after, err := c.Add(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, before, after)
		_, err = c.Add(t.Context(), -after)
		require.NoError(t, err)
	}
	n, err = c.Get(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, -1, n)
}

func TestStock(t *testing.T) {
	s := newStore(t, newMemory(), cas.Config{})
	k := cas.NewStock(s, "/widgets")
	_, err := k.Reserve(t.Context(), 1)
	require.ErrorIs(t, err, cas.ErrInsufficient, "nothing was ever put there")
	left, err := k.Put(t.Context(), 10)
	require.NoError(t, err)
	require.EqualValues(t, 10, left)
	left, err = k.Reserve(t.Context(), 7)
	require.NoError(t, err)
	require.EqualValues(t, 3, left)
	_, err = k.Reserve(t.Context(), 4)
	var short *cas.InsufficientError
	require.ErrorAs(t, err, &short)
	require.Equal(t, cas.InsufficientError{Path: "/widgets", Wanted: 4, Left: 3}, *short)
	for _, n := range []int64{0, -1} {
		_, err = k.Reserve(t.Context(), n)
		require.ErrorContains(t, err, "at least 1")
		_, err = k.Put(t.Context(), n)
		require.ErrorContains(t, err, "at least 1")
	}
	_, err = k.Put(t.Context(), math.MaxInt64)
	require.ErrorIs(t, err, cas.ErrOverflow)
	left, err = k.Left(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, left)
}

// Of a thousand who want one of a hundred, a hundred get one, whoever they are and however they ask.
func TestStockIsNeverOversold(t *testing.T) {
	m := newMemory()
	put := cas.NewStock(newStore(t, m, cas.Config{}), "/widgets")
	_, err := put.Put(t.Context(), 100)
	require.NoError(t, err)
	var wg sync.WaitGroup
	var got, refused atomic.Int64
	for range 4 {
		k := cas.NewStock(newStore(t, m, cas.Config{Attempts: 1 << 20}), "/widgets")
		for range 250 {
			wg.Go(func() {
				left, err := k.Reserve(t.Context(), 1)
				switch {
				case err == nil && left >= 0:
					got.Add(1)
				case errors.Is(err, cas.ErrInsufficient):
					refused.Add(1)
				default:
					t.Errorf("%d left: %v", left, err)
				}
			})
		}
	}
	wg.Wait()
	require.EqualValues(t, 100, got.Load())
	require.EqualValues(t, 900, refused.Load())
	left, err := put.Left(t.Context())
	require.NoError(t, err)
	require.Zero(t, left)
	writes := m.count()
	t.Logf("%d writes for 1000 reservations", writes)
}
