package httpfence

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

// A guest is a visit and what it was told.
type guest struct {
	*visit
	told   []*fence.StaleError
	result chan error
}

// visitor lets a token come and try to enter.
func visitor(ctx context.Context, h *hall, id uint64) *guest {
	g := &guest{result: make(chan error, 1)}
	g.visit = h.come("orders", fence.Token{ID: id}, func(why *fence.StaleError) { g.told = append(g.told, why) })
	go func() { g.result <- g.enter(ctx) }()
	synctest.Wait()
	return g
}

// isIn requires that the guest is inside, and that the marks accept it.
func (g *guest) isIn(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-g.result:
		require.NoError(t, err)
	default:
		require.Fail(t, "still waiting")
	}
	g.accepted()
}

func (g *guest) waits(t *testing.T) {
	t.Helper()
	synctest.Wait()
	require.Empty(t, g.result)
}

// refused requires that the guest is, by the token that was seen.
func (g *guest) refused(t *testing.T, seen uint64) {
	t.Helper()
	synctest.Wait()
	require.Len(t, g.result, 1, "still waiting")
	require.Equal(t, stale(g.token.ID, seen), <-g.result)
	g.leave()
}

func stale(have, seen uint64) *fence.StaleError {
	return &fence.StaleError{Resource: "orders", Have: fence.Token{ID: have}, Max: fence.Token{ID: seen}}
}

func TestGate(t *testing.T) {
	for name, story := range map[string]func(t *testing.T, h *hall){
		"equal tokens are inside together, and a newer one waits for all of them": func(t *testing.T, h *hall) {
			a, b := visitor(t.Context(), h, 6), visitor(t.Context(), h, 6)
			a.isIn(t)
			b.isIn(t)
			c := visitor(t.Context(), h, 7)
			c.waits(t)
			require.Equal(t, []*fence.StaleError{stale(6, 7)}, a.told)
			require.Equal(t, []*fence.StaleError{stale(6, 7)}, b.told)
			a.leave()
			c.waits(t)
			b.leave()
			c.isIn(t)
			c.leave()
		},
		"an older one waits behind a newer one and is refused when that is accepted": func(t *testing.T, h *hall) {
			a := visitor(t.Context(), h, 6)
			a.isIn(t)
			b, c, d := visitor(t.Context(), h, 8), visitor(t.Context(), h, 7), visitor(t.Context(), h, 6)
			b.waits(t)
			c.waits(t)
			d.waits(t) // no matter that one with this token is inside
			require.Len(t, a.told, 1)
			a.leave()
			b.isIn(t)
			c.refused(t, 8)
			d.refused(t, 8)
			visitor(t.Context(), h, 7).refused(t, 8)
			b.leave()
		},
		"one that waits is overtaken by a newer one": func(t *testing.T, h *hall) {
			a := visitor(t.Context(), h, 6)
			a.isIn(t)
			b, c := visitor(t.Context(), h, 7), visitor(t.Context(), h, 9)
			require.Equal(t, []*fence.StaleError{stale(6, 7)}, a.told, "once")
			require.Empty(t, b.told)
			a.leave()
			c.isIn(t)
			b.refused(t, 9)
			c.leave()
		},
		"one that waits gives up, and was never there": func(t *testing.T, h *hall) {
			a, enough := visitor(t.Context(), h, 6), errors.New("enough")
			a.isIn(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			b, c := visitor(ctx, h, 8), visitor(t.Context(), h, 6)
			c.waits(t)
			cancel(enough)
			require.Equal(t, enough, <-b.result)
			b.leave()
			c.isIn(t)
			c.leave()
			a.leave()
		},
		"the marks refuse one, and an older one goes in": func(t *testing.T, h *hall) {
			a := visitor(t.Context(), h, 8)
			require.NoError(t, <-a.result)
			b := visitor(t.Context(), h, 7)
			b.waits(t)
			a.leave()
			b.isIn(t)
			b.leave()
		},
		"one whose request has ended is not let in": func(t *testing.T, h *hall) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			a := visitor(ctx, h, 6)
			require.ErrorIs(t, <-a.result, context.Canceled)
			a.leave()
		},
		"resources are apart": func(t *testing.T, h *hall) {
			a := visitor(t.Context(), h, 7)
			b := h.come("invoices", fence.Token{ID: 6}, nil)
			require.NoError(t, b.enter(t.Context()))
			b.leave()
			a.leave()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h hall
				story(t, &h)
				require.Empty(t, h.gates, "nothing is kept of those who have left")
			})
		})
	}
}
