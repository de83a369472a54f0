package fence_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

func TestUnknownIsNeitherStaleNorSilent(t *testing.T) {
	err := error(&fence.UnknownError{Resource: "orders", Token: fence.Token{ID: 7}, Ask: "look for the row", Err: context.DeadlineExceeded})
	require.ErrorIs(t, err, fence.ErrUnknown)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, fence.ErrStale)
	require.EqualError(t, err, `fence: unknown outcome of a write to "orders" with token 0x7: look for the row: context deadline exceeded`)
}
