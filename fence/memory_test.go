package fence_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

func TestMemoryReadWriteDelete(t *testing.T) {
	ctx := t.Context()
	var m fence.Memory[string]
	six, seven := fence.Token{ID: 6}, fence.Token{ID: 7}

	require.Zero(t, m.Peek("orders"))
	v, ok, err := m.Read(ctx, "orders", six)
	require.NoError(t, err)
	require.False(t, ok)
	require.Empty(t, v)

	require.NoError(t, m.Write(ctx, "orders", six, "a"))
	v, ok, err = m.Read(ctx, "orders", six)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "a", v)
	require.Equal(t, fence.Entry[string]{Value: "a", Exists: true, Written: six, Max: six}, m.Peek("orders"))

	require.NoError(t, m.Delete(ctx, "orders", seven))
	require.NoError(t, m.Delete(ctx, "orders", seven), "deleting nothing is no error")
	require.Equal(t, fence.Entry[string]{Written: seven, Max: seven}, m.Peek("orders"))
}

// Every method is shut to the old holder once the new one has done anything at all, and a refusal changes nothing.
func TestMemoryAnyActOfTheNewHolderShutsOutTheOld(t *testing.T) {
	six, seven := fence.Token{ID: 6}, fence.Token{ID: 7}
	act := map[string]func(context.Context, *fence.Memory[string], fence.Token) error{
		"seal": func(ctx context.Context, m *fence.Memory[string], t fence.Token) error {
			return m.Seal(ctx, "orders", t)
		},
		"read": func(ctx context.Context, m *fence.Memory[string], t fence.Token) error {
			_, _, err := m.Read(ctx, "orders", t)
			return err
		},
		"write": func(ctx context.Context, m *fence.Memory[string], t fence.Token) error {
			return m.Write(ctx, "orders", t, "x")
		},
		"delete": func(ctx context.Context, m *fence.Memory[string], t fence.Token) error {
			return m.Delete(ctx, "orders", t)
		},
	}
	for byNew, first := range act {
		for byOld, late := range act {
			t.Run(byOld+" after "+byNew, func(t *testing.T) {
				var m fence.Memory[string]
				require.NoError(t, m.Write(t.Context(), "orders", six, "a"))
				require.NoError(t, first(t.Context(), &m, seven))
				before := m.Peek("orders")

				err := late(t.Context(), &m, six)
				require.ErrorIs(t, err, fence.ErrStale)
				stale, ok := errors.AsType[*fence.StaleError](err)
				require.True(t, ok)
				require.Equal(t, fence.StaleError{Resource: "orders", Have: six, Max: seven}, *stale)
				require.Equal(t, before, m.Peek("orders"))
			})
		}
	}
}

func TestMemoryMarkOutlivesTheValue(t *testing.T) {
	ctx := t.Context()
	var m fence.Memory[string]
	require.NoError(t, m.Write(ctx, "orders", fence.Token{ID: 7}, "a"))
	require.NoError(t, m.Delete(ctx, "orders", fence.Token{ID: 7}))
	require.ErrorIs(t, m.Write(ctx, "orders", fence.Token{ID: 6}, "back from the dead"), fence.ErrStale)
	require.False(t, m.Peek("orders").Exists)
}

func TestMemoryResourcesAreApart(t *testing.T) {
	ctx := t.Context()
	var m fence.Memory[int]
	require.NoError(t, m.Write(ctx, "orders", fence.Token{ID: 7}, 1))
	require.NoError(t, m.Write(ctx, "invoices", fence.Token{ID: 6}, 2), "a mark is of one resource")
}

func TestMemoryPeekMovesNoMark(t *testing.T) {
	ctx := t.Context()
	var m fence.Memory[int]
	require.NoError(t, m.Write(ctx, "orders", fence.Token{ID: 6}, 1))
	m.Peek("orders")
	require.Equal(t, fence.Token{ID: 6}, m.Peek("orders").Max)
}

func TestMemoryRefusesNoTokenAndEndedContext(t *testing.T) {
	var m fence.Memory[int]
	require.ErrorIs(t, m.Write(t.Context(), "orders", fence.Token{}, 1), fence.ErrNoToken)

	lost := errors.New("the hold is lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(lost)
	require.ErrorIs(t, m.Write(ctx, "orders", fence.Token{ID: 6}, 1), lost)
	require.ErrorIs(t, m.Seal(ctx, "orders", fence.Token{ID: 6}), lost)
	require.Zero(t, m.Peek("orders"))
}
