package stores

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/internal/child"
)

const (
	redisDirs = "redis" // The kind of its temporary directories.
	getRedis  = "apt-get install redis-server, or brew install redis"
)

var brewPrefixes = []string{"opt/homebrew", "usr/local", "home/linuxbrew/.linuxbrew"}

// FindRedis returns the path of the redis-server of this machine: in PATH, or where Debian and Homebrew put it. It runs nothing.
// The error is a [*NotInstalledError].
func FindRedis() (string, error) { return findRedis("/") }

// findRedis is FindRedis on a machine whose files are under root.
func findRedis(root string) (string, error) {
	candidates := []string{"redis-server", filepath.Join(root, "usr/bin/redis-server")}
	for _, prefix := range brewPrefixes {
		candidates = append(candidates, filepath.Join(root, prefix, "bin/redis-server"), filepath.Join(root, prefix, "opt/redis/bin/redis-server"))
	}
	for _, c := range candidates {
		if path, err := exec.LookPath(c); err == nil {
			return filepath.Abs(path) // It runs in a directory of its own.
		}
	}
	return "", &NotInstalledError{Missing: "Redis", Hint: getRedis}
}

// startLocalRedis starts nodes as processes.
func startLocalRedis(ctx context.Context, cfg RedisConfig) (*Redis, error) {
	return startLocalRedisOn(ctx, cfg, child.FreePorts)
}

// startLocalRedisOn is startLocalRedis with a source of ports, so that a test can lose the race for one.
func startLocalRedisOn(ctx context.Context, cfg RedisConfig, pick func(n int) ([]int, error)) (_ *Redis, err error) {
	binary := cfg.Binary
	if binary == "" {
		if binary, err = FindRedis(); err != nil {
			return nil, err
		}
	}
	child.SweepDirs(os.TempDir(), redisDirs, cfg.Logger)
	dir, err := child.MakeDir(os.TempDir(), redisDirs)
	if err != nil {
		return nil, fmt.Errorf("stores: data directory: %w", err)
	}
	r := &Redis{kind: Local, cleanup: func() error { return removeDir(dir) }}
	defer func() {
		if err != nil {
			_ = removeDir(dir) // The failure itself is what the caller must hear of.
		}
	}()
	locals := make([]*local, cfg.Nodes)
	for i := range locals {
		home := filepath.Join(dir, strconv.Itoa(i+1))
		if err := os.Mkdir(home, 0o700); err != nil {
			return nil, fmt.Errorf("stores: data directory: %w", err)
		}
		locals[i] = localRedis(cfg, binary, home)
	}
	if err := bootAll(ctx, locals, pick); err != nil {
		return nil, err
	}
	for _, l := range locals {
		r.nodes = append(r.nodes, &RedisNode{addr: addrOf(l.port), server: &localRedisNode{l}})
	}
	r.version = locals[0].version
	r.about = fmt.Sprintf("redis-server %s, %s", r.version, count(cfg.Nodes, "local process", "local processes"))
	return r, nil
}

// bootAll starts servers on free ports, all at once, and again with other ports where one was lost. On failure no process is left.
func bootAll(ctx context.Context, all []*local, pick func(n int) ([]int, error)) error {
	ports, err := pick(len(all))
	if err != nil {
		return fmt.Errorf("stores: no free port: %w", err)
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	errs := make([]error, len(all))
	each(all, func(i int, l *local) {
		l.port = ports[i]
		for attempt := 1; ; attempt++ {
			errs[i] = l.boot(ctx)
			if errs[i] == nil {
				return
			}
			var again []int
			if attempt < portAttempts && errors.Is(errs[i], ErrPortTaken) {
				again, err = pick(1)
			}
			if len(again) == 0 {
				giveUp(errs[i]) // The others need not go on. The first reason is the one that ctx keeps.
				return
			}
			l.port = again[0]
		}
	})
	cause := context.Cause(ctx)
	if cause == nil {
		return nil
	}
	each(all, func(_ int, l *local) { l.close(l.orderly) })
	return cause
}

// localRedis returns a node that does not run yet.
func localRedis(cfg RedisConfig, binary, home string) *local {
	l := &local{log: child.NewLines(logLines), orderly: syscall.SIGTERM}
	l.lostPort = func(line string) bool { return strings.Contains(line, "Address already in use") }
	l.command = func() *exec.Cmd {
		cmd := exec.Command(binary, append([]string{"--port", strconv.Itoa(l.port), "--bind", child.Loopback, "--dir", home}, redisArgs(cfg)...)...)
		cmd.Dir = home
		return cmd
	}
	l.probe = func(ctx context.Context, pid int) (string, bool, error) { return probeRedis(ctx, addrOf(l.port), pid) }
	return l
}

// redisArgs returns what every redis-server of ours is told.
func redisArgs(cfg RedisConfig) []string {
	args := []string{"--protected-mode", "yes", "--daemonize", "no", "--save", "", "--appendonly", "no"}
	if cfg.AppendOnly {
		args[len(args)-1] = "yes"
		args = append(args, "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
	}
	return append(args, cfg.Args...)
}

// A localRedisNode is a process.
type localRedisNode struct{ *local }

func (n *localRedisNode) stop() error {
	n.close(syscall.SIGTERM)
	return nil
}

var (
	redisVersion = regexp.MustCompile(`(?m)^redis_version:(\S+)`)
	redisProcess = regexp.MustCompile(`(?m)^process_id:(\d+)`)
)

// probeRedis reports whether a Redis answers, and its version. It must be the process of that number, unless that is 0: another one that has the port is not ours.
func probeRedis(ctx context.Context, addr string, pid int) (version string, ready bool, err error) {
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, Protocol: 2, DisableIdentity: true, PoolSize: 1})
	defer c.Close()
	info, err := c.Info(ctx, "server").Result()
	switch {
	case err != nil && (strings.HasPrefix(err.Error(), "NOAUTH") || strings.HasPrefix(err.Error(), "NOPERM")):
		return "", false, fmt.Errorf("%w: the Redis wants a password: %w", ErrConfig, err)
	case err != nil:
		return "", false, nil // Not yet.
	}
	if m := redisProcess.FindStringSubmatch(info); pid != 0 && (m == nil || m[1] != strconv.Itoa(pid)) {
		return "", false, nil // Ours will end for want of a port.
	}
	m := redisVersion.FindStringSubmatch(info)
	if m == nil {
		return "", false, fmt.Errorf("stores: what answers at %s is no Redis", addr)
	}
	return m[1], c.Ping(ctx).Err() == nil, nil
}

func addrOf(port int) string { return net.JoinHostPort(child.Loopback, strconv.Itoa(port)) }

func count(n int, one, many string) string {
	if n == 1 {
		return "a " + one
	}
	return strconv.Itoa(n) + " " + many
}

func removeDir(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("stores: data directory: %w", err)
	}
	return nil
}
