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

	err = m.Write(ctx, "orders", six, "late")
	require.Equal(t, &fence.StaleError{Resource: "orders", Have: six, Max: seven}, err)
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
