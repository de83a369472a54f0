package stores

import (
	"context"
	"testing"
)

// cancelled returns a context that has ended for a reason.
func cancelled(t *testing.T, why error) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	return ctx
}
