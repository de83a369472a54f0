package fence_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

func TestMarkAcceptsEqualAndNewer(t *testing.T) {
	var m fence.Mark
	require.True(t, m.Max().IsZero())
	require.NoError(t, m.Check(fence.Token{ID: 6}))
	require.NoError(t, m.Check(fence.Token{ID: 6}), "an equal token is the same hold")
	require.NoError(t, m.Seal(fence.Token{ID: 7}))
	require.Equal(t, fence.Token{ID: 7}, m.Max())
	require.NoError(t, m.Check(fence.Token{Generation: 1, ID: 1}), "a new generation is newer than any ID of the old one")
	require.Equal(t, fence.Token{Generation: 1, ID: 1}, m.Max())
}

func TestMarkRefusesStale(t *testing.T) {
	var m fence.Mark
	require.NoError(t, m.Seal(fence.Token{ID: 7}))
	for name, check := range map[string]func(fence.Token) error{"Check": m.Check, "Seal": m.Seal} {
		err := check(fence.Token{ID: 6})
		require.ErrorIs(t, err, fence.ErrStale, name)
		require.NotErrorIs(t, err, fence.ErrNoToken, name)
		stale, ok := errors.AsType[*fence.StaleError](err)
		require.True(t, ok)
		require.Equal(t, fence.StaleError{Have: fence.Token{ID: 6}, Max: fence.Token{ID: 7}}, *stale)
		require.EqualError(t, err, "fence: stale token 0x6: already saw 0x7")
		require.Equal(t, fence.Token{ID: 7}, m.Max(), "a refusal leaves the mark as it was")
	}
}

func TestMarkRefusesNoToken(t *testing.T) {
	var m fence.Mark
	require.ErrorIs(t, m.Check(fence.Token{}), fence.ErrNoToken)
	require.ErrorIs(t, m.Seal(fence.Token{Generation: 4}), fence.ErrNoToken)
	require.True(t, m.Max().IsZero())
}

func TestStaleErrorNamesTheResource(t *testing.T) {
	err := &fence.StaleError{Resource: "orders", Have: fence.Token{ID: 6}, Max: fence.Token{ID: 7}}
	require.EqualError(t, err, `fence: stale token 0x6: "orders" already saw 0x7`)
}

// The greatest token of all is what 64 goroutines leave behind, and what was refused was refused for a token that was offered and newer.
func TestMarkConcurrent(t *testing.T) {
	const goroutines, each = 64, 50
	var m fence.Mark
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for g, id := range rand.Perm(goroutines) {
		token := fence.Token{ID: uint64(id + 1)}
		wg.Go(func() {
			for range each {
				err := m.Check(token)
				if err == nil {
					accepted.Add(1)
					continue
				}
				stale, ok := errors.AsType[*fence.StaleError](err)
				if !ok || stale.Have != token || !token.Less(stale.Max) || stale.Max.ID > goroutines {
					t.Errorf("goroutine %d with %v: %v", g, token, err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, fence.Token{ID: goroutines}, m.Max())
	require.GreaterOrEqual(t, accepted.Load(), int64(each), "at least the newest hold always gets in")
}
