package redisfence_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/redisfence"
)

// withdraw is an effect that checks before it writes.
const withdraw = `local left = tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[1])
if left < 0 then return redis.error_reply('POOR not enough') end
redis.call('SET', KEYS[1], left)
return left -- the last line is a comment`

func TestDoRunsTheEffectBehindTheComparison(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		g, effect := guard(t, c), redisfence.NewEffect(withdraw)
		balance := []string{g.Key("account", "balance")}
		require.NoError(t, c.Set(ctx, balance[0], 100, 0).Err())

		left, err := g.Do(ctx, "account", six, effect, balance, 30)
		require.NoError(t, err)
		require.EqualValues(t, 70, left)
		_, err = g.Do(ctx, "account", six, effect, balance, 100)
		require.ErrorContains(t, err, "POOR")
		var answer redis.Error
		require.ErrorAs(t, err, &answer)

		require.NoError(t, g.Seal(ctx, "account", seven))
		_, err = g.Do(ctx, "account", six, effect, balance, 30)
		require.Equal(t, &fence.StaleError{Resource: "account", Have: six, Max: seven}, err)
		require.Equal(t, "70", c.Get(ctx, balance[0]).Val())
		e, err := g.Peek(ctx, "account")
		require.NoError(t, err)
		require.Equal(t, fence.Entry[string]{Written: six, Max: seven}, e)
	})
}

func TestWhatAnEffectReturns(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		g := guard(t, open(t, addr))
		for lua, want := range map[string]any{
			``:                                  nil,
			`return nil`:                        nil,
			`return false`:                      nil,
			`return 0`:                          int64(0),
			`return 'x'`:                        "x",
			`return {}`:                         []any{},
			`return {1, 'x', {2}}`:              []any{int64(1), "x", []any{int64(2)}},
			`return redis.status_reply('DONE')`: "DONE",
			`return {0, '7'}`:                   []any{int64(0), "7"}, // As a refusal looks.
			`return {#KEYS, #ARGV, KEYS[1], ARGV[2]}`: []any{int64(1), int64(2), "{orders}", "b"},
			`return redis.call('GET', KEYS[1])`:       nil,
		} {
			got, err := g.Do(t.Context(), "orders", six, redisfence.NewEffect(lua), []string{"{orders}"}, "a", "b")
			require.NoError(t, err, lua)
			require.Equal(t, want, got, lua)
		}
	})
}

// An error is the server's answer: it is handed on, and called neither stale nor unknown.
func TestAnEffectThatFails(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		g := guard(t, c)
		for lua, sealed := range map[string]bool{
			`return redis.error_reply('NO thanks')`:                                            true,
			`redis.call('LPUSH', KEYS[1], 'x') redis.call('SADD', KEYS[1], 'y')`:               true,
			`return redis.pcall('SADD', KEYS[1], 'y', 'z', redis.call('LPUSH', KEYS[1], 'x'))`: true,
			`error('at once')`: true,
			`this is no Lua`:   false,
		} {
			_, err := g.Do(ctx, lua, six, redisfence.NewEffect(lua), []string{"{" + lua + "}x"})
			var answer redis.Error
			require.ErrorAs(t, err, &answer, lua)
			require.NotErrorIs(t, err, fence.ErrStale)
			require.NotErrorIs(t, err, fence.ErrUnknown)
			e, err := g.Peek(ctx, lua)
			require.NoError(t, err)
			require.Equal(t, sealed, e.Max == six, lua)
		}
	})
}
