package redisfence_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/redisfence"
)

// push is an effect that shows in which order it was run.
const push = `return redis.call('RPUSH', KEYS[1], ARGV[1])`

func TestBatch(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		g := guard(t, c)
		b := g.Batch()
		require.NoError(t, b.Exec(ctx), "nothing to do")

		written, read := b.Write("orders", six, "a"), b.Read("orders", six)
		sealed, late := b.Seal("orders", seven), b.Write("orders", six, "late")
		other, none, bad := b.Delete("invoices", six), b.Write("invoices", fence.Token{}, "x"), b.Do("orders", seven, redisfence.NewEffect(push), []string{"x"})
		pushed := b.Do("orders", seven, redisfence.NewEffect(push), []string{g.Key("orders", "list")}, "v")
		absent := b.Read("none", six)
		require.ErrorIs(t, written.Err(), redisfence.ErrNotExecuted)
		require.ErrorIs(t, bad.Err(), redisfence.ErrNotExecuted)

		require.ErrorIs(t, b.Exec(ctx), fence.ErrStale, "the first one that failed")
		require.NoError(t, written.Err())
		v, err := read.Reply()
		require.NoError(t, err)
		require.Equal(t, "a", v)
		require.NoError(t, sealed.Err())
		require.Equal(t, &fence.StaleError{Resource: "orders", Have: six, Max: seven}, late.Err())
		require.NoError(t, other.Err())
		require.ErrorIs(t, none.Err(), fence.ErrNoToken)
		var key *redisfence.KeyError
		require.ErrorAs(t, bad.Err(), &key)
		v, err = pushed.Reply()
		require.NoError(t, err)
		require.EqualValues(t, 1, v)
		v, err = absent.Reply()
		require.NoError(t, err)
		require.Nil(t, v)

		require.NoError(t, b.Exec(ctx), "it is empty again")
		require.EqualValues(t, 1, c.LLen(ctx, g.Key("orders", "list")).Val())
	})
}

// The server forgets its scripts. Whoever asks next brings them again, alone and in a batch, and everything is done once and in order.
func TestScriptFlush(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		g, effect := guard(t, c), redisfence.NewEffect(push)
		list := []string{g.Key("orders", "list")}
		var want []string
		for round := range 5 {
			require.NoError(t, c.ScriptFlush(ctx).Err())
			if round%2 == 0 {
				require.NoError(t, g.Write(ctx, "orders", six, "alone"))
				require.NoError(t, c.ScriptFlush(ctx).Err())
			}
			b := g.Batch()
			for i := range 20 {
				v := fmt.Sprintf("%d-%d", round, i)
				want = append(want, v)
				b.Do("orders", six, effect, list, v)
				b.Write("orders", six, v)
			}
			require.NoError(t, b.Exec(ctx))
			v, _, err := g.Read(ctx, "orders", six)
			require.NoError(t, err)
			require.Equal(t, want[len(want)-1], v)
		}
		require.Equal(t, want, c.LRange(ctx, list[0], 0, -1).Val())
	})
}

// between puts commands into each pipeline of more than one command, before the one with that index.
type between map[int]redis.Cmder

func (between) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}
func (between) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (b between) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		var all []redis.Cmder
		for i, cmd := range cmds {
			if extra := b[i]; extra != nil && len(cmds) > 1 {
				all = append(all, extra)
				delete(b, i)
			}
			all = append(all, cmd)
		}
		return next(ctx, all)
	}
}

// The server is told to forget its scripts while it works on a batch. What it left undone is done afterwards, in order.
func TestScriptFlushInTheMiddleOfABatch(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		g, effect := guard(t, c), redisfence.NewEffect(push)
		c.AddHook(between{7: redis.NewStatusCmd(ctx, "script", "flush")})
		b := g.Batch()
		var outs []*redisfence.Outcome
		for i := range 20 {
			resource := []string{"orders", "invoices"}[i%2]
			outs = append(outs, b.Do(resource, six, effect, []string{g.Key(resource, "list")}, i))
		}
		require.NoError(t, b.Exec(ctx))
		for i, out := range outs {
			place, err := out.Reply()
			require.NoError(t, err)
			require.EqualValues(t, i/2+1, place)
		}
	})
}

// It learns the script again before the batch is over. Then a later operation was done and an earlier one not, which must not be done any more; on another
// resource there was no later one.
func TestABatchIsOvertakenByItself(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		g, effect := guard(t, c), redisfence.NewEffect(push)
		// What brings the script again is the same effect, of somebody else.
		again := redis.NewClient(&redis.Options{Addr: addr})
		defer func() { require.NoError(t, again.Close()) }()
		var text string
		again.AddHook(spy(func(cmd redis.Cmder) {
			if cmd.Name() == "eval" {
				text = cmd.Args()[1].(string)
			}
		}))
		_, err := guard(t, again).Do(ctx, "spied", six, effect, nil)
		require.Error(t, err, "it has no key to push to")
		require.NotEmpty(t, text)

		c.AddHook(between{2: redis.NewStatusCmd(ctx, "script", "flush"), 6: redis.NewStringCmd(ctx, "script", "load", text)})
		b := g.Batch()
		do := func(resource string, v int) *redisfence.Outcome {
			return b.Do(resource, six, effect, []string{g.Key(resource, "list")}, v)
		}
		outs := []*redisfence.Outcome{
			do("orders", 0), do("invoices", 1), // done
			do("orders", 2), do("invoices", 3), do("orders", 4), do("invoices", 5), // forgotten
			do("orders", 6), do("orders", 7), // done
		}
		require.ErrorIs(t, b.Exec(ctx), redisfence.ErrOvertaken)
		for i, out := range outs {
			if i == 2 || i == 4 {
				require.ErrorIs(t, out.Err(), redisfence.ErrOvertaken)
				continue
			}
			require.NoError(t, out.Err(), "%d", i)
		}
		require.Equal(t, []string{"0", "6", "7"}, c.LRange(ctx, g.Key("orders", "list"), 0, -1).Val())
		require.Equal(t, []string{"1", "3", "5"}, c.LRange(ctx, g.Key("invoices", "list"), 0, -1).Val())
	})
}

// spy is told of each command that is sent alone.
type spy func(redis.Cmder)

func (spy) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s spy) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { s(cmd); return next(ctx, cmd) }
}

func (spy) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook { return next }
