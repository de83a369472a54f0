package stores

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

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
		if binary, err = findRedis(cfg.root); err != nil {
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
				again, _ = pick(1) // Without another one it is the one that was taken which the caller must hear of.
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
		cmd := exec.Command(binary, append([]string{"--port", strconv.Itoa(l.port), "--bind", child.Loopback, "--dir", home}, redisArgs(cfg, "yes")...)...)
		cmd.Dir = home
		return cmd
	}
	l.probe = func(ctx context.Context, pid int) (string, bool, error) { return probeRedis(ctx, addrOf(l.port), pid) }
	return l
}

// redisArgs returns what every redis-server of ours is told.
func redisArgs(cfg RedisConfig, protected string) []string {
	args := []string{"--protected-mode", protected, "--daemonize", "no", "--save", "", "--auto-aof-rewrite-percentage", "0"}
	if cfg.AppendOnly {
		args = append(args, "--appendonly", "yes", "--appendfsync", "always")
	}
	return append(args, cfg.Args...)
}

// A localRedisNode is a process.
type localRedisNode struct{ *local }

func (n *localRedisNode) stop() error {
	n.close(syscall.SIGTERM)
	return nil
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
