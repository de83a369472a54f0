package stores

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/internal/child"
)

// patience is how long a test waits for what should be immediate. It bounds hangs and measures nothing.
const patience = 60 * time.Second

// The test binary, executed again with this variable set, plays another process, mostly one that is killed.
const helperEnv = "STORES_TEST_HELPER"

func TestMain(m *testing.M) {
	play, found := map[string]func() error{
		"":                   nil,
		"redis":              playRedis,
		"postgres":           func() error { return playPostgres(false) },
		"postgres, paused":   func() error { return playPostgres(true) },
		"docker":             playDocker,
		"run without Docker": playRunWithoutDocker,
	}[os.Getenv(helperEnv)]
	logging.Disable() // It says on the standard error what each test is about.
	switch {
	case !found:
		fmt.Println("error: no such play")
		os.Exit(1)
	case play == nil:
		goleak.VerifyTestMain(m)
	default:
		if err := play(); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
}

// playRedis starts nodes, says which processes and directory they are, and waits to be killed.
func playRedis() error {
	r, err := StartRedis(context.Background(), RedisConfig{Kind: Local, Nodes: 2})
	if err != nil {
		return err
	}
	if err := r.Node(1).Pause(context.Background()); err != nil {
		return err
	}
	first, second := r.Node(0).server.(*localRedisNode), r.Node(1).server.(*localRedisNode)
	fmt.Println(filepath.Dir(first.command().Dir), first.current().PID(), second.current().PID())
	select {}
}

// playPostgres does the same with a PostgreSQL that is in the middle of something.
func playPostgres(paused bool) error {
	p, err := StartPostgres(context.Background(), PostgresConfig{Kind: Local})
	if err != nil {
		return err
	}
	busy(p.DSN())
	server := p.server.(*localPostgres)
	if paused {
		if err := p.Pause(context.Background()); err != nil {
			return err
		}
	}
	said := []any{server.cluster.dir}
	for _, pid := range processesOf(server) {
		said = append(said, pid)
	}
	fmt.Println(said...)
	select {}
}

// playRunWithoutDocker says what becomes of a test that wants containers where no engine answers.
func playRunWithoutDocker() error {
	var onRedis, onPostgres recorder
	RunRedis(&onRedis, RedisConfig{Kind: Docker})
	RunPostgres(&onPostgres, PostgresConfig{Kind: Docker})
	return json.NewEncoder(os.Stdout).Encode([]string{onRedis.skipped, onRedis.failed, onPostgres.skipped, onPostgres.failed})
}

// helper runs this binary as a process that does what mode says, and returns it with the words that it printed first.
func helper(t *testing.T, mode string, env ...string) (cmd *exec.Cmd, words []string) {
	t.Helper()
	cmd, line := says(t, mode, env...)
	require.NotContains(t, line, "error")
	return cmd, strings.Fields(line)
}

// says is helper with all of the first line.
func says(t *testing.T, mode string, env ...string) (cmd *exec.Cmd, line string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), helperEnv+"="+mode), env...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, line
}

func numbers(t *testing.T, words []string) (n []int) {
	t.Helper()
	for _, w := range words {
		i, err := strconv.Atoi(w)
		require.NoError(t, err)
		n = append(n, i)
	}
	return n
}

func isAlive(pid int) bool {
	_, alive := child.Alive(pid)
	return alive
}

func requireGone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		require.Eventually(t, func() bool { return !isAlive(pid) }, patience, 5*time.Millisecond, "process %d lives on", pid)
	}
}

// open returns a temporary directory that anybody may enter.
func open(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o711))
	return dir
}

// temporary gives this process a directory for temporary files that anybody may enter.
func temporary(t *testing.T) string {
	t.Helper()
	tmp := open(t)
	t.Setenv("TMPDIR", tmp)
	return tmp
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), "zkkit-")
	}
}

// processesThatName returns the processes that have text in their arguments. It is for Linux; elsewhere it finds none.
func processesThatName(t *testing.T, text string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	var found []string
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), text) {
			found = append(found, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return found
}

// elsewhere is a machine on which nothing is installed and no Docker engine answers.
func elsewhere(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	t.Setenv("PATH", root)
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(root, "nobody.sock"))
	t.Setenv(PostgresVariable, "")
	return root
}

// script makes a program of a shell script, and returns its path.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return path
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// dial returns a client that tries everything once.
func dial(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// recorder is a test that only notes what is done to it.
type recorder struct {
	skipped, failed string
	cleanups        []func()
}

func (r *recorder) Helper()                        {}
func (r *recorder) Logf(string, ...any)            {}
func (r *recorder) Cleanup(f func())               { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Skipf(format string, a ...any)  { r.skipped = fmt.Sprintf(format, a...) }
func (r *recorder) Fatalf(format string, a ...any) { r.failed = fmt.Sprintf(format, a...) }

var _ TB = testing.TB(nil)

// installedRedis skips a test that calls StartRedis itself where RunRedis would.
func installedRedis(t *testing.T) {
	t.Helper()
	_, err := FindRedis()
	if errors.Is(err, ErrNotInstalled) && !required("redis") {
		t.Skip(err)
	}
	require.NoError(t, err)
}

// installedPostgres skips a test that calls StartPostgres itself where RunPostgres would.
func installedPostgres(t *testing.T) {
	t.Helper()
	_, err := FindPostgres()
	if errors.Is(err, ErrNotInstalled) && !required("postgres") {
		t.Skip(err)
	}
	require.NoError(t, err)
}
