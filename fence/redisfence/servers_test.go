package redisfence_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/fence/redisfence"
	"github.com/zkkit/zkkit/internal/stores"
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{}) // It reports every connection that the tests break.
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// patience bounds hangs and measures nothing.
const patience = 30 * time.Second

// onEach plays on an embedded server, and on a real one.
func onEach(t *testing.T, play func(t *testing.T, addr string)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) { play(t, miniredis.RunT(t).Addr()) })
	t.Run("redis", func(t *testing.T) { play(t, stores.RunRedis(t, stores.RedisConfig{}).Addrs()[0]) })
}

// open returns a client that is closed when the test ends.
func open(t testing.TB, addr string, change ...func(*redis.Options)) *redis.Client {
	t.Helper()
	o := &redis.Options{Addr: addr}
	for _, f := range change {
		f(o)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func guard(t testing.TB, c redis.UniversalClient) *redisfence.Guard {
	t.Helper()
	g, err := redisfence.New(c, redisfence.Config{})
	require.NoError(t, err)
	return g
}
