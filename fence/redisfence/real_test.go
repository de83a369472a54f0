package redisfence_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
	"github.com/zkkit/zkkit/fence/redisfence"
	"github.com/zkkit/zkkit/internal/stores"
)

func quick(o *redis.Options) { o.ReadTimeout = 50 * time.Millisecond }

// A server that is stopped has the write in its socket, and carries it out when it goes on: nobody waits for the answer any more. Only a later token ends that.
func TestAWriteThatNobodyWaitsForComesLater(t *testing.T) {
	ctx := t.Context()
	r := stores.RunRedis(t, stores.RedisConfig{})
	g, impatient := guard(t, open(t, r.Addrs()[0])), guard(t, open(t, r.Addrs()[0], quick))
	require.NoError(t, impatient.Write(ctx, "orders", six, "one"))

	require.NoError(t, r.Node(0).Pause(ctx))
	require.ErrorIs(t, impatient.Write(ctx, "orders", six, "two"), fence.ErrUnknown)
	require.NoError(t, r.Node(0).Resume(ctx))
	require.Eventually(t, func() bool {
		v, _, err := g.Read(ctx, "orders", six)
		return err == nil && v == "two"
	}, patience, time.Millisecond)

	_, err := impatient.Peek(ctx, "orders") // it needs a connection to send on
	require.NoError(t, err)
	require.NoError(t, r.Node(0).Pause(ctx))
	require.ErrorIs(t, impatient.Write(ctx, "orders", six, "three"), fence.ErrUnknown)
	require.NoError(t, r.Node(0).Resume(ctx))
	settled, _, err := g.Read(ctx, "orders", seven)
	require.NoError(t, err)
	require.Contains(t, []string{"two", "three"}, settled)
	for range 20 {
		time.Sleep(time.Millisecond)
		v, _, err := g.Read(ctx, "orders", seven)
		require.NoError(t, err)
		require.Equal(t, settled, v, "it is settled")
	}
}

// The mark is as durable as Redis makes it: with a disk that is waited for it survives a kill, and without one it does not, which the package comment says.
func TestMarksAndRestarts(t *testing.T) {
	for _, durable := range []bool{true, false} {
		t.Run(fmt.Sprint("append only ", durable), func(t *testing.T) {
			ctx := t.Context()
			r := stores.RunRedis(t, stores.RedisConfig{AppendOnly: durable})
			g := guard(t, open(t, r.Addrs()[0]))
			require.NoError(t, g.Write(ctx, "orders", seven, "kept"))
			require.NoError(t, r.Node(0).Kill(ctx))
			require.NoError(t, r.Node(0).Restart(ctx))
			late := g.Write(ctx, "orders", six, "late")
			for errors.Is(late, fence.ErrUnknown) { // a connection from before
				late = g.Write(ctx, "orders", six, "late")
			}
			if durable {
				require.ErrorIs(t, late, fence.ErrStale)
				e, err := g.Peek(ctx, "orders")
				require.NoError(t, err)
				require.Equal(t, fence.Entry[string]{Value: "kept", Exists: true, Written: seven, Max: seven}, e)
				return
			}
			require.NoError(t, late, "the limit of this guard")
		})
	}
}

// On a cluster a script may use the keys of one hash slot only, and every server has scripts of its own.
func TestOnACluster(t *testing.T) {
	ctx := t.Context()
	const nodes = 3
	r := stores.RunRedis(t, stores.RedisConfig{Nodes: nodes, Args: []string{"--cluster-enabled", "yes"}})
	for i, addr := range r.Addrs() {
		c := open(t, addr)
		const slots = 16384
		require.NoError(t, c.ClusterAddSlotsRange(ctx, i*slots/nodes, (i+1)*slots/nodes-1).Err())
		if i > 0 {
			host, port, err := net.SplitHostPort(r.Addrs()[0])
			require.NoError(t, err)
			require.NoError(t, c.ClusterMeet(ctx, host, port).Err())
		}
	}
	for _, addr := range r.Addrs() {
		c := open(t, addr)
		require.Eventually(t, func() bool {
			info, err := c.ClusterInfo(ctx).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", nodes))
		}, patience, 10*time.Millisecond)
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: r.Addrs()})
	defer func() { require.NoError(t, c.Close()) }()
	g := guard(t, c)
	t.Run("conformance", func(t *testing.T) { fencetest.Test(t, fencetest.Tokens(g), fencetest.Options{}) })
	t.Run("a batch over all servers, which have forgotten their scripts", func(t *testing.T) {
		effect := redisfence.NewEffect(push)
		for range 2 {
			require.NoError(t, c.ScriptFlush(ctx).Err())
			b := g.Batch()
			for i := range 60 {
				resource := fmt.Sprint("many-", i%20)
				b.Do(resource, six, effect, []string{g.Key(resource, "list")}, i/20)
			}
			require.NoError(t, b.Exec(ctx))
		}
		for i := range 20 {
			require.Equal(t, []string{"0", "1", "2", "0", "1", "2"}, c.LRange(ctx, g.Key(fmt.Sprint("many-", i), "list"), 0, -1).Val())
		}
	})
}

// A server orders text as its locale does, and in Danish "aa" is a letter after "z": tokens in hexadecimal would be out of order there.
func TestUnderADanishLocale(t *testing.T) {
	if !strings.Contains(os.Getenv("ZKKIT_REQUIRE"), "redis") {
		t.Skip("making a locale takes seconds: ZKKIT_REQUIRE=redis has it made")
	}
	localedef, err := exec.LookPath("localedef")
	if err != nil {
		t.Skip("no localedef to make a locale with: apt-get install locales")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), localedef, "-i", "da_DK", "-f", "UTF-8", filepath.Join(dir, "da_DK.UTF-8")).CombinedOutput(); err != nil {
		t.Skipf("localedef has no da_DK: apt-get install locales: %s", out)
	}
	t.Setenv("LOCPATH", dir)
	t.Setenv("LC_ALL", "da_DK.UTF-8")
	r := stores.RunRedis(t, stores.RedisConfig{})
	c := open(t, r.Addrs()[0])
	danish, err := c.Eval(t.Context(), `return 'aa' > 'ab'`, nil).Bool()
	if err != nil || !danish {
		t.Skip("this redis-server takes no notice of the locale")
	}
	g := guard(t, c)
	older, newer := fence.Token{ID: 0xaa}, fence.Token{ID: 0xab}
	require.NoError(t, g.Seal(t.Context(), "orders", older))
	require.NoError(t, g.Seal(t.Context(), "orders", newer))
	require.ErrorIs(t, g.Seal(t.Context(), "orders", older), fence.ErrStale)
	fencetest.Test(t, fencetest.Tokens(g), fencetest.Options{Rounds: 1})
}
