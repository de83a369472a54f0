package stores

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/child"
)

func TestTwoRedisesAtOnce(t *testing.T) {
	t.Parallel()
	a, b := RunRedis(t, RedisConfig{}), RunRedis(t, RedisConfig{})
	require.NotEqual(t, a.Addrs(), b.Addrs())
	require.NoError(t, dial(t, a.Addrs()[0]).Set(t.Context(), "a", "b", 0).Err())
	require.Zero(t, dial(t, b.Addrs()[0]).Exists(t.Context(), "a").Val())
	require.NoError(t, a.Stop())
	require.NoError(t, dial(t, b.Addrs()[0]).Ping(t.Context()).Err())
}

func TestRedisIsForThisMachineOnly(t *testing.T) {
	t.Parallel()
	r := RunRedis(t, RedisConfig{Args: []string{"--maxmemory", "64mb"}})
	config := dial(t, r.Addrs()[0]).ConfigGet(t.Context(), "*").Val()
	require.Equal(t, "127.0.0.1", config["bind"])
	require.Equal(t, "yes", config["protected-mode"])
	require.Empty(t, config["save"])
	require.Equal(t, "no", config["appendonly"])
	require.Equal(t, strconv.Itoa(64<<20), config["maxmemory"])
	require.Contains(t, config["dir"], "zkkit-redis-")

	r = RunRedis(t, RedisConfig{AppendOnly: true})
	config = dial(t, r.Addrs()[0]).ConfigGet(t.Context(), "append*").Val()
	require.Equal(t, "yes", config["appendonly"])
	require.Equal(t, "always", config["appendfsync"])
}

func TestRedisThatDoesNotStart(t *testing.T) {
	tmp := temporary(t)
	bin := t.TempDir()
	for name, c := range map[string]struct {
		cfg  RedisConfig
		is   error
		says string
	}{
		"not there":   {RedisConfig{Binary: "/nowhere/redis-server"}, fs.ErrNotExist, "cannot start /nowhere/redis-server"},
		"no program":  {RedisConfig{Binary: os.Args[0] + ".go"}, fs.ErrNotExist, "cannot start"},
		"no Redis":    {RedisConfig{Binary: script(t, bin, "a", "echo Error: this is no Redis >&2; exit 3")}, ErrExited, "exit status 3; it says: Error: this is no Redis"},
		"silent":      {RedisConfig{Binary: script(t, bin, "b", "exit 4")}, ErrExited, "exit status 4; it wrote nothing"},
		"an argument": {RedisConfig{Args: []string{"--no-such-directive", "1"}}, ErrExited, "it says: "},
		"a password":  {RedisConfig{Args: []string{"--requirepass", "secret"}}, ErrConfig, "wants a password: NOAUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.cfg.Binary == "" {
				installedRedis(t)
			}
			c.cfg.Kind, c.cfg.Nodes = Local, 2
			_, err := StartRedis(within(t, patience), c.cfg)
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
			requireEmpty(t, tmp)
			require.Empty(t, processesThatName(t, tmp))
		})
	}
}

// Something that answers as no Redis does is not taken for one, and another Redis is not taken for ours.
func TestRedisPortTaken(t *testing.T) {
	installedRedis(t)
	tmp := temporary(t)
	other := RunRedis(t, RedisConfig{})
	_, port, err := net.SplitHostPort(other.Addrs()[0])
	require.NoError(t, err)
	taken, err := strconv.Atoi(port)
	require.NoError(t, err)

	cfg, err := RedisConfig{Nodes: 2}.withDefaults()
	require.NoError(t, err)
	tries := 0
	r, err := startLocalRedisOn(within(t, patience), cfg, func(n int) ([]int, error) {
		ports, err := child.FreePorts(n)
		if tries++; tries == 1 {
			ports[1] = taken
		}
		return ports, err
	})
	require.NoError(t, err)
	r.logger = cfg.Logger
	require.Equal(t, 2, tries)
	require.NotContains(t, r.Addrs(), other.Addrs()[0])
	require.NoError(t, r.Stop())

	tries = 0
	cfg.Nodes = 1
	_, err = startLocalRedisOn(within(t, patience), cfg, func(int) ([]int, error) { tries++; return []int{taken}, nil })
	require.ErrorIs(t, err, ErrPortTaken)
	require.ErrorIs(t, err, ErrExited)
	require.ErrorContains(t, err, other.Addrs()[0])
	require.Equal(t, portAttempts, tries)

	none := errors.New("none left")
	_, err = startLocalRedisOn(within(t, patience), cfg, func(int) ([]int, error) { return nil, none })
	require.ErrorIs(t, err, none)
	require.NoError(t, other.Stop())
	requireEmpty(t, tmp)
}

func TestRedisPortTakenBeforeARestart(t *testing.T) {
	t.Parallel()
	onEach(t, RedisConfig{}, func(t *testing.T, r *Redis) {
		n := r.Node(0)
		require.NoError(t, n.Kill(t.Context()))
		l, err := net.Listen("tcp", n.Addr())
		require.NoError(t, err)
		defer l.Close()
		require.ErrorIs(t, n.Restart(within(t, patience)), ErrPortTaken)
		require.ErrorIs(t, n.Pause(t.Context()), ErrNotRunning)
		require.NoError(t, l.Close())
		require.NoError(t, n.Restart(within(t, patience)))
	})
}

// ctx ends at several moments of a start. In none of them may a process or a directory be left.
func TestRedisStartCancelled(t *testing.T) {
	installedRedis(t)
	tmp := temporary(t)
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, errors.New("changed my mind"))
		r, err := StartRedis(ctx, RedisConfig{Kind: Local, Nodes: 3})
		cancel()
		if err == nil { // A fast machine is ready by then.
			require.NotZero(t, after)
			require.NoError(t, r.Stop())
		} else {
			require.ErrorContains(t, err, "changed my mind")
		}
		requireEmpty(t, tmp)
		require.Empty(t, processesThatName(t, tmp))
	}
}

// The same with one that never serves, where the process is surely there when ctx ends.
func TestRedisStartCancelledWhileNotReady(t *testing.T) {
	tmp := temporary(t)
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	binary := script(t, dir, "redis-server", "echo $$ >"+pidFile+".new; mv "+pidFile+".new "+pidFile+"; exec sleep 600")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	dull, pid := errors.New("dull"), 0
	go func() {
		for ctx.Err() == nil {
			b, _ := os.ReadFile(pidFile)
			if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
				pid = n
				cancel(dull)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := StartRedis(ctx, RedisConfig{Binary: binary})
	require.ErrorIs(t, err, dull)
	require.NotZero(t, pid)
	require.False(t, isAlive(pid))
	requireEmpty(t, tmp)
}

// A parent that is killed takes its nodes along, a paused one too, and the next start removes their data.
func TestRedisParentKilled(t *testing.T) {
	installedRedis(t)
	tmp := temporary(t)
	parent, words := helper(t, "redis")
	dir, pids := words[0], numbers(t, words[1:])
	require.Equal(t, tmp, filepath.Dir(dir))
	for _, pid := range pids {
		require.True(t, isAlive(pid))
	}
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	requireGone(t, pids...)
	require.DirExists(t, dir)

	var log bytes.Buffer
	r, err := StartRedis(within(t, patience), RedisConfig{Kind: Local, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.NoError(t, r.Stop())
	require.NoDirExists(t, dir)
	require.Contains(t, log.String(), dir)
	requireEmpty(t, tmp)
}

func TestFindRedis(t *testing.T) {
	root := elsewhere(t)
	_, err := findRedis(root)
	require.ErrorIs(t, err, ErrNotInstalled)
	require.EqualError(t, err, "no Redis found: "+getRedis)
	for _, place := range []string{
		"home/linuxbrew/.linuxbrew/opt/redis/bin", "home/linuxbrew/.linuxbrew/bin", "usr/local/bin", "opt/homebrew/opt/redis/bin", "opt/homebrew/bin", "usr/bin", "",
	} { // Each one before those that were there.
		require.NoError(t, os.MkdirAll(filepath.Join(root, place), 0o755))
		want := script(t, filepath.Join(root, place), "redis-server", "")
		found, err := findRedis(root)
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
}
