package redisfence_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
	"github.com/zkkit/zkkit/fence/redisfence"
)

// effort is less for the server that is no real one, and slow: it is there so that something is tried on machines that have none.
func effort(t *testing.T) fencetest.Options {
	t.Helper()
	if strings.HasSuffix(t.Name(), "/miniredis") {
		return fencetest.Options{Rounds: 1, Handovers: 4}
	}
	return fencetest.Options{}
}

func TestConformance(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		fencetest.Test(t, fencetest.Tokens(guard(t, open(t, addr))), effort(t))
	})
}

// batches does everything in a batch of its own.
type batches struct{ *redisfence.Guard }

func (g batches) Seal(ctx context.Context, resource string, t fence.Token) error {
	b := g.Batch()
	b.Seal(resource, t)
	return b.Exec(ctx)
}

func (g batches) Read(ctx context.Context, resource string, t fence.Token) (string, bool, error) {
	b := g.Batch()
	out := b.Read(resource, t)
	_ = b.Exec(ctx)
	reply, err := out.Reply()
	value, ok := reply.(string)
	return value, ok, err
}

func (g batches) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	b := g.Batch()
	b.Write(resource, t, value)
	return b.Exec(ctx)
}

func (g batches) Delete(ctx context.Context, resource string, t fence.Token) error {
	b := g.Batch()
	b.Delete(resource, t)
	return b.Exec(ctx)
}

func TestBatchesConform(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		fencetest.Test(t, fencetest.Tokens(batches{guard(t, open(t, addr))}), effort(t))
	})
}

// effects writes and deletes with scripts of its own.
type effects struct{ *redisfence.Guard }

var (
	set = redisfence.NewEffect(`return redis.call('SET', KEYS[1], ARGV[1])`)
	del = redisfence.NewEffect(`return redis.call('DEL', KEYS[1])`)
)

func (g effects) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	_, err := g.Do(ctx, resource, t, set, []string{g.Key(resource, "")}, value)
	return err
}

func (g effects) Delete(ctx context.Context, resource string, t fence.Token) error {
	_, err := g.Do(ctx, resource, t, del, []string{g.Key(resource, "")})
	return err
}

func TestEffectsConform(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		fencetest.Test(t, fencetest.Tokens(effects{guard(t, open(t, addr))}), effort(t))
	})
}

// crowded counts who is in it.
type crowded struct {
	*redisfence.Guard
	n *atomic.Int32
}

func (g crowded) Seal(ctx context.Context, resource string, t fence.Token) error {
	defer g.n.Add(-1)
	g.n.Add(1)
	return g.Guard.Seal(ctx, resource, t)
}

func (g crowded) Read(ctx context.Context, resource string, t fence.Token) (string, bool, error) {
	defer g.n.Add(-1)
	g.n.Add(1)
	return g.Guard.Read(ctx, resource, t)
}

func (g crowded) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	defer g.n.Add(-1)
	g.n.Add(1)
	return g.Guard.Write(ctx, resource, t, value)
}

// Connections break at random while many ask at once, before the server has heard of it or after. What it answers then fits what it has done.
func TestConformanceWithBrokenConnections(t *testing.T) {
	onEach(t, func(t *testing.T, addr string) {
		var inside, taken atomic.Int32
		x := thief{tempted: func(*atomic.Int32) bool {
			if inside.Load() < 4 || rand.IntN(20) > 0 { // The simple checks come one at a time, and expect answers.
				return false
			}
			taken.Add(1)
			return true
		}}
		c := open(t, addr, x.on, func(o *redis.Options) { o.MinRetryBackoff = -1 })
		fencetest.Test(t, fencetest.Tokens(crowded{guard(t, c), &inside}), effort(t))
		require.Greater(t, taken.Load(), int32(10))
	})
}
