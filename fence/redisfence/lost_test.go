package redisfence_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/redisfence"
)

// A thief takes, from one connection at a time and as often as it is told, a script that is sent or the reply to it.
type thief struct {
	requests, replies atomic.Int32
	keep              int                                // what it lets through of a reply
	tempted           func(of *atomic.Int32) (take bool) // whether it takes one more; nil means never
}

// takes reports whether it takes this one.
func (x *thief) takes(of *atomic.Int32) bool {
	for n := of.Load(); n > 0; n = of.Load() {
		if of.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return x.tempted != nil && x.tempted(of)
}

func (x *thief) on(o *redis.Options) {
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &robbed{Conn: c, thief: x}, nil
	}
}

// robbed is a connection.
type robbed struct {
	net.Conn
	thief  *thief
	script atomic.Bool // the last thing sent was one
	lost   atomic.Bool
	let    int // what it lets through yet; of the reader
}

func (c *robbed) Write(b []byte) (int, error) {
	c.script.Store(bytes.Contains(b, []byte("eval")))
	if c.script.Load() && c.thief.takes(&c.thief.requests) {
		c.lost.Store(true)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *robbed) Read(b []byte) (int, error) {
	if c.lost.Load() && c.let == 0 {
		_ = c.Close()
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b) // The server has done what it was asked.
	if err == nil && c.script.Load() && !c.lost.Load() && c.thief.takes(&c.thief.replies) {
		c.lost.Store(true)
		c.let = c.thief.keep
	}
	if !c.lost.Load() || err != nil {
		return n, err
	}
	n = min(n, c.let)
	if c.let -= n; n > 0 {
		return n, nil
	}
	_ = c.Close()
	return 0, io.EOF
}

// The client repeats by default what got no answer. An effect must not be run a second time for that, and is not: the caller is told that nobody knows.
func TestALostReplyIsAnUnknownOutcome(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		var x thief
		g := guard(t, open(t, addr, x.on))
		incr := redisfence.NewEffect(`return redis.call('INCR', KEYS[1])`)
		count := []string{g.Key("orders", "count")}
		_, err := g.Do(ctx, "orders", six, incr, count) // the server knows the script now
		require.NoError(t, err)

		x.replies.Store(1)
		_, err = g.Do(ctx, "orders", six, incr, count)
		unknown, ok := errors.AsType[*fence.UnknownError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "orders", unknown.Resource)
		require.Equal(t, six, unknown.Token)
		require.ErrorIs(t, err, io.EOF)
		require.NotErrorIs(t, err, fence.ErrStale)
		require.Equal(t, "2", c.Get(ctx, count[0]).Val(), "once")

		require.NoError(t, g.Write(ctx, "orders", six, "known"))
		require.NoError(t, g.Delete(ctx, "orders", six))
		x.replies.Store(1)
		require.ErrorIs(t, g.Write(ctx, "orders", seven, "x"), fence.ErrUnknown)
		e, err := g.Peek(ctx, "orders")
		require.NoError(t, err)
		require.Equal(t, fence.Entry[string]{Value: "x", Exists: true, Written: seven, Max: seven}, e, "how to find out")
		x.replies.Store(1)
		require.ErrorIs(t, g.Delete(ctx, "orders", seven), fence.ErrUnknown)
		_, ok, err = g.Read(ctx, "orders", seven)
		require.NoError(t, err)
		require.False(t, ok)

		// The control: the client as it is.
		plain := open(t, addr, x.on)
		script := redis.NewScript(`return redis.call('INCR', KEYS[1])`)
		require.NoError(t, script.Run(ctx, plain, count).Err())
		x.replies.Store(1)
		require.NoError(t, script.Run(ctx, plain, count).Err())
		require.Equal(t, "5", c.Get(ctx, count[0]).Val(), "twice, and nobody is told")
	})
}

// A seal and a read may be repeated, by the caller: the client would be told that the token is stale, of one that was accepted, if a newer one came between.
func TestALostReplyToASealOrARead(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, first := t.Context(), guard(t, open(t, addr))
		_, _, err := first.Read(ctx, "other", six) // the server knows the scripts
		require.NoError(t, errors.Join(err, first.Seal(ctx, "other", six)))
		var x thief
		g := guard(t, open(t, addr, x.on))
		x.replies.Store(1)
		err = g.Seal(ctx, "orders", six)
		require.ErrorIs(t, err, fence.ErrUnknown)
		require.ErrorContains(t, err, "does no harm")
		e, err := g.Peek(ctx, "orders")
		require.NoError(t, err)
		require.Equal(t, six, e.Max)
		require.NoError(t, g.Seal(ctx, "orders", six))

		x.replies.Store(1)
		_, _, err = g.Read(ctx, "orders", seven)
		require.ErrorIs(t, err, fence.ErrUnknown)
		require.ErrorIs(t, g.Seal(ctx, "orders", six), fence.ErrStale)
		x.replies.Store(1)
		_, err = g.Peek(ctx, "orders")
		require.NoError(t, err, "a look is repeated")
		x.replies.Store(100)
		_, err = g.Peek(ctx, "orders")
		require.ErrorIs(t, err, io.EOF)
		require.NotErrorIs(t, err, fence.ErrUnknown, "it changes nothing")
	})
}

// What got lost on the way there looks the same from here.
func TestALostRequestIsAnUnknownOutcome(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx := t.Context()
		var x thief
		g := guard(t, open(t, addr, x.on))
		x.requests.Store(1)
		require.ErrorIs(t, g.Write(ctx, "orders", six, "x"), fence.ErrUnknown)
		e, err := g.Peek(ctx, "orders")
		require.NoError(t, err)
		require.Zero(t, e)
	})
}

// What was never sent has not happened, and is not called unknown.
func TestNothingWasSent(t *testing.T) {
	refused := func(o *redis.Options) { o.DialerRetries, o.MaxRetries = 1, -1 }
	closed := open(t, "127.0.0.1:1")
	require.NoError(t, closed.Close())
	for name, c := range map[string]*redis.Client{
		"refused":       open(t, "127.0.0.1:1", refused),
		"closed":        closed,
		"no connection": busy(t),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, g := t.Context(), guard(t, c)
			_, _, readErr := g.Read(ctx, "orders", six)
			errs := []error{g.Write(ctx, "orders", six, "x"), g.Seal(ctx, "orders", six), readErr}
			if name != "no connection" { // Pipelines have some of their own.
				b := g.Batch()
				out := b.Write("orders", six, "x")
				errs = append(errs, b.Exec(ctx), out.Err())
			}
			for _, err := range errs {
				require.ErrorContains(t, err, "nothing was sent")
				require.NotErrorIs(t, err, fence.ErrUnknown)
			}
		})
	}
}

// busy returns a client whose one connection somebody else has until the test ends.
func busy(t *testing.T) *redis.Client {
	c := open(t, miniredis.RunT(t).Addr(), func(o *redis.Options) { o.PoolSize, o.PoolTimeout, o.MaxRetries = 1, time.Millisecond, -1 })
	has := c.Conn()
	require.NoError(t, has.Ping(t.Context()).Err())
	t.Cleanup(func() { require.NoError(t, has.Close()) })
	return c
}

// ctx ends while there is no connection to be had.
func TestGivingUpBeforeAnythingWasSent(t *testing.T) {
	c := open(t, miniredis.RunT(t).Addr(), func(o *redis.Options) { o.PoolSize, o.PoolTimeout = 1, patience })
	has := c.Conn()
	require.NoError(t, has.Ping(t.Context()).Err())
	defer func() { require.NoError(t, has.Close()) }()
	g, enough := guard(t, c), errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() { done <- g.Write(ctx, "orders", six, "x") }()
	for c.PoolStats().PendingRequests == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel(enough)
	err := <-done
	require.ErrorIs(t, err, enough)
	require.NotErrorIs(t, err, fence.ErrUnknown)
}

// A connection breaks in the middle of the replies to a batch: what was answered is known, and the rest is not.
func TestABatchThatIsCutOff(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		ctx, c := t.Context(), open(t, addr)
		replies := []string{":1\r\n", "*2\r\n:1\r\n:1\r\n", ":1\r\n", "*2\r\n:1\r\n:2\r\n", ":1\r\n"}
		all := len(strings.Join(replies, ""))
		for keep := range all {
			x := thief{keep: keep}
			g := guard(t, open(t, addr, x.on))
			effect := redisfence.NewEffect(push)
			x.replies.Store(1)
			b, resource := g.Batch(), fmt.Sprint("orders-", keep)
			list := []string{g.Key(resource, "list")}
			outs := []*redisfence.Outcome{
				b.Write(resource, six, "1"), b.Do(resource, six, effect, list, "2"), b.Seal(resource, six), b.Do(resource, six, effect, list, "4"), b.Write(resource, six, "5"),
			}
			require.ErrorIs(t, b.Exec(ctx), fence.ErrUnknown)
			end := 0
			for i, out := range outs {
				if end += len(replies[i]); end <= keep {
					require.NoError(t, out.Err(), "%d of %d bytes: %d", keep, all, i)
					continue
				}
				require.ErrorIs(t, out.Err(), fence.ErrUnknown, "%d of %d bytes: %d", keep, all, i)
			}
			require.Eventually(t, func() bool { return c.LLen(ctx, list[0]).Val() == 2 }, patience, time.Millisecond, "done all the same")
			require.NoError(t, g.Write(ctx, resource, seven, "6"))
			require.EqualValues(t, 2, c.LLen(ctx, list[0]).Val(), "and once")
		}
	})
}
