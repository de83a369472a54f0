package redisfence_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/redisfence"
)

var six, seven = fence.Token{ID: 6}, fence.Token{ID: 7}

func TestReadWriteDeletePeek(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, g := t.Context(), guard(t, open(t, addr))
		peek := func() fence.Entry[string] {
			e, err := g.Peek(ctx, "orders")
			require.NoError(t, err)
			return e
		}
		require.Zero(t, peek())
		require.NoError(t, g.Seal(ctx, "orders", six))
		require.Equal(t, fence.Entry[string]{Max: six}, peek(), "a seal is no effect")

		require.NoError(t, g.Write(ctx, "orders", six, "a\x00\xff"))
		v, ok, err := g.Read(ctx, "orders", seven)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "a\x00\xff", v)
		require.Equal(t, fence.Entry[string]{Value: "a\x00\xff", Exists: true, Written: six, Max: seven}, peek(), "the reader has sealed, and it tells who wrote last")

		err = g.Write(ctx, "orders", six, "late")
		require.Equal(t, &fence.StaleError{Resource: "orders", Have: six, Max: seven}, err)
		require.NoError(t, g.Write(ctx, "orders", seven, ""))
		require.Equal(t, fence.Entry[string]{Exists: true, Written: seven, Max: seven}, peek(), "empty is a value")

		require.NoError(t, g.Delete(ctx, "orders", seven))
		require.Equal(t, fence.Entry[string]{Written: seven, Max: seven}, peek(), "the mark outlives the value")
		require.ErrorIs(t, g.Write(ctx, "orders", six, "back from the dead"), fence.ErrStale)
	})
}

// A token is compared as it is, at the places where a number of Lua's or a signed one would not do.
func TestTokensOfAnySize(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, g := t.Context(), guard(t, open(t, addr))
		rising := []fence.Token{
			{ID: 1}, {ID: 1<<53 - 1}, {ID: 1 << 53}, {ID: 1<<53 + 1}, {ID: 1<<63 - 1}, {ID: 1 << 63}, {ID: 1<<63 + 1},
			{ID: math.MaxUint64}, {Generation: 1, ID: 1}, {Generation: math.MaxUint32, ID: math.MaxUint64},
		}
		for i, token := range rising {
			require.NoError(t, g.Write(ctx, "orders", token, "x"))
			e, err := g.Peek(ctx, "orders")
			require.NoError(t, err)
			require.Equal(t, token, e.Max)
			require.Equal(t, token, e.Written)
			for _, older := range rising[:i] {
				require.Equal(t, &fence.StaleError{Resource: "orders", Have: older, Max: token}, g.Seal(ctx, "orders", older))
			}
		}
	})
}

func TestMarksDoNotExpire(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		c := open(t, addr)
		g := guard(t, c)
		require.NoError(t, g.Write(t.Context(), "orders", six, "x"))
		left, err := c.TTL(t.Context(), g.Key("orders", ":mark")).Result()
		require.NoError(t, err)
		require.EqualValues(t, -1, left)
	})
}

// What cannot be a hash tag is no resource, and what is elsewhere than the mark no key.
func TestNames(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		g := guard(t, c)
		nothing := redisfence.NewEffect("redis.call('SET', 'elsewhere', 'x')")
		for _, resource := range []string{"", "{", "}", "a}b", "{a}", "a{"} {
			_, _, readErr := g.Read(ctx, resource, six)
			_, peekErr := g.Peek(ctx, resource)
			_, doErr := g.Do(ctx, resource, six, nothing, nil)
			for _, err := range []error{
				g.Seal(ctx, resource, six), readErr, peekErr, doErr, g.Write(ctx, resource, six, "x"), g.Delete(ctx, resource, six), g.Batch().Seal(resource, six).Err(),
			} {
				if errors.Is(err, redisfence.ErrNotExecuted) {
					continue
				}
				named, ok := errors.AsType[*redisfence.ResourceError](err)
				require.True(t, ok, "%q: %v", resource, err)
				require.Equal(t, resource, named.Resource)
			}
		}
		for _, resource := range []string{"a b", "a:b", "ä", "a\nb", "*"} {
			require.NoError(t, g.Write(ctx, resource, six, resource))
			v, _, err := g.Read(ctx, resource, six)
			require.NoError(t, err)
			require.Equal(t, resource, v)
		}
		for _, key := range []string{"", "orders", "{order}s", "{invoices}", "x{}{orders}", "{orders", g.Key("orders", ":mark")} {
			_, err := g.Do(ctx, "orders", six, nothing, []string{g.Key("orders", ""), key})
			named, ok := errors.AsType[*redisfence.KeyError](err)
			require.True(t, ok, "%q: %v", key, err)
			require.Equal(t, key, named.Key)
		}
		_, err := g.Do(ctx, "orders", six, redisfence.NewEffect("return #KEYS"), []string{"{orders}", "x:{orders}:y", "a}{orders}"})
		require.NoError(t, err)
		require.Zero(t, c.Exists(ctx, "elsewhere").Val())
	})
}

func TestGuardsWithDifferentPrefixesAreApart(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		c := open(t, addr)
		one, err := redisfence.New(c, redisfence.Config{Prefix: "one:"})
		require.NoError(t, err)
		require.NoError(t, one.Write(t.Context(), "orders", seven, "x"))
		require.NoError(t, guard(t, c).Write(t.Context(), "orders", six, "y"))
		require.Equal(t, "one:{orders}", one.Key("orders", ""))
		require.Equal(t, "x", c.Get(t.Context(), "one:{orders}").Val())
	})
}

func TestNewRefuses(t *testing.T) {
	_, err := redisfence.New(nil, redisfence.Config{})
	require.ErrorContains(t, err, "no client")
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"one": "127.0.0.1:1"}})
	defer func() { require.NoError(t, ring.Close()) }()
	_, err = redisfence.New(ring, redisfence.Config{})
	require.ErrorContains(t, err, "redis.Ring")
	_, err = redisfence.New(open(t, "127.0.0.1:1"), redisfence.Config{Prefix: "{all}"})
	require.ErrorContains(t, err, "braces")
}

// What is in the place of a mark and is none lets nobody in.
func TestAForeignMark(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		g := guard(t, c)
		for name, put := range map[string]func(key string) error{
			"another type":  func(key string) error { return c.HSet(ctx, key, "max", "7").Err() },
			"another width": func(key string) error { return c.Set(ctx, key, "7", 0).Err() },
		} {
			t.Run(name, func(t *testing.T) {
				require.NoError(t, put(g.Key(name, ":mark")))
				err := g.Write(ctx, name, six, "x")
				var answer redis.Error
				require.ErrorAs(t, err, &answer)
				require.NotErrorIs(t, err, fence.ErrUnknown)
				require.Zero(t, c.Exists(ctx, g.Key(name, "")).Val())
				_, err = g.Peek(ctx, name)
				require.Error(t, err)
			})
		}
		require.NoError(t, c.Set(ctx, g.Key("letters", ":mark"), strings.Repeat("z", 60), 0).Err())
		err := g.Write(ctx, "letters", six, "x")
		require.ErrorContains(t, err, "is no mark")
	})
}

func TestEndedContext(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		g := guard(t, open(t, addr))
		lost := errors.New("the hold is lost")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(lost)
		require.Equal(t, lost, g.Write(ctx, "orders", six, "x"))
		b := g.Batch()
		out := b.Write("orders", six, "x")
		require.Equal(t, lost, b.Exec(ctx))
		require.Equal(t, lost, out.Err())
		e, err := g.Peek(t.Context(), "orders")
		require.NoError(t, err)
		require.Zero(t, e)
	})
}
