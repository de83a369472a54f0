package stores

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/child"
)

// sharedMemory returns the number of the piece by which the servers of a cluster exclude each other.
func sharedMemory(t *testing.T, p *Postgres) string {
	t.Helper()
	fields := strings.Fields(p.server.(*localPostgres).cluster.lockFile()[memoryLine])
	require.Len(t, fields, 2)
	require.True(t, hasSharedMemory(t, fields[1]), "it is there while the server runs")
	return fields[1]
}

func hasSharedMemory(t *testing.T, id string) bool {
	t.Helper()
	out, err := exec.Command("ipcs", "-m").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == id {
			return true
		}
	}
	return false
}

// All processes of a server stop, and go on, and one that is killed leaves none, whatever they do. Another server does not notice.
func TestPostgresIsSeveralProcesses(t *testing.T) {
	t.Parallel()
	other, p := RunPostgres(t, PostgresConfig{}), RunPostgres(t, PostgresConfig{})
	require.NotEqual(t, other.DSN(), p.DSN())
	mustQuery(t, p.DSN(), "create table mine (n int)")
	busy(p.DSN())
	server := p.server.(*localPostgres)
	require.NoError(t, p.Pause(t.Context()))
	all := processesOf(server)
	require.Greater(t, len(all), 3)
	states := func(want child.ThreadState) {
		for _, pid := range all {
			state, err := child.Threads(pid)
			require.NoError(t, err)
			require.Equal(t, want, state, pid)
		}
	}
	states(child.StateStopped)
	require.Equal(t, "0", mustQuery(t, other.DSN(), "select count(*) from pg_tables where tablename = 'mine'"))
	require.NoError(t, p.Resume(t.Context()))
	states(child.StateRunning)

	memory := sharedMemory(t, p)
	require.NoError(t, p.Kill(t.Context()))
	for _, pid := range all {
		require.False(t, isAlive(pid), pid)
	}
	require.NoError(t, p.Stop())
	require.NoDirExists(t, server.cluster.dir)
	require.False(t, hasSharedMemory(t, memory))

	memory = sharedMemory(t, other)
	require.NoError(t, other.Stop())
	require.False(t, hasSharedMemory(t, memory))
}

// fakePostgres returns a directory with an initdb and a postgres that are shell scripts, as whom it runs may execute them.
func fakePostgres(t *testing.T, initdb, postgres string) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "bin")
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.Mkdir(dir, 0o755))
	script(t, dir, "initdb", initdb)
	script(t, dir, "postgres", postgres)
	return dir
}

func TestPostgresThatDoesNotStart(t *testing.T) {
	tmp := temporary(t)
	for name, c := range map[string]struct {
		cfg  func(t *testing.T) PostgresConfig
		is   error
		says string
	}{
		"not there": {func(t *testing.T) PostgresConfig { return PostgresConfig{Bin: "/nowhere/bin"} }, fs.ErrNotExist, "/nowhere/bin/initdb"},
		"no cluster": {func(t *testing.T) PostgresConfig {
			return PostgresConfig{Bin: fakePostgres(t, "echo working; echo 'initdb: error: no room' >&2; echo clearing up; exit 1", "")}
		}, ErrExited, "exit status 1; it says: initdb: error: no room"},
		"no server": {func(t *testing.T) PostgresConfig {
			return PostgresConfig{Bin: fakePostgres(t, "exit 0", "echo 'FATAL:  no such thing' >&2; echo 'LOG:  shut down' >&2; exit 2")}
		}, ErrExited, "exit status 2; it says: FATAL:  no such thing"},
		"a setting": {func(t *testing.T) PostgresConfig {
			installedPostgres(t)
			return PostgresConfig{Settings: map[string]string{"no_such_setting": "1"}}
		}, ErrExited, `unrecognized configuration parameter "no_such_setting"`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := c.cfg(t)
			cfg.Kind = Local
			_, err := StartPostgres(within(t, patience), cfg)
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
			requireEmpty(t, tmp)
			require.Empty(t, processesThatName(t, tmp))
		})
	}
}

func TestPostgresPortTaken(t *testing.T) {
	installedPostgres(t)
	tmp := temporary(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	tries := 0
	p, err := startLocalPostgresOn(within(t, patience), PostgresConfig{root: "/", Logger: slog.New(slog.DiscardHandler)}, func(n int) ([]int, error) {
		if tries++; tries == 1 {
			return []int{taken}, nil
		}
		return child.FreePorts(n)
	})
	require.NoError(t, err)
	p.logger = slog.New(slog.DiscardHandler)
	require.Equal(t, 2, tries)
	require.NotContains(t, p.DSN(), strconv.Itoa(taken))

	require.NoError(t, p.Kill(t.Context()))
	at, err := net.Listen("tcp", addrOf(p.server.(*localPostgres).port))
	require.NoError(t, err)
	require.ErrorIs(t, p.Restart(within(t, patience)), ErrPortTaken)
	require.ErrorIs(t, p.Pause(t.Context()), ErrNotRunning)
	require.NoError(t, at.Close())
	require.NoError(t, p.Restart(within(t, patience)))
	require.NoError(t, p.Stop())
	requireEmpty(t, tmp)
}

// ctx ends at several moments of a start. In none of them may a process or a directory be left.
func TestPostgresStartCancelled(t *testing.T) {
	installedPostgres(t)
	tmp := temporary(t)
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 400 * time.Millisecond, time.Second} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, errors.New("changed my mind"))
		p, err := StartPostgres(ctx, PostgresConfig{Kind: Local})
		cancel()
		if err == nil { // A fast machine is ready by then.
			require.NotZero(t, after)
			require.NoError(t, p.Stop())
		} else {
			require.ErrorContains(t, err, "changed my mind")
		}
		requireEmpty(t, tmp)
		require.Empty(t, processesThatName(t, tmp))
	}
}

// The same at two moments where what was started is surely there when ctx ends.
func TestPostgresStartCancelledWhileNotReady(t *testing.T) {
	tmp := temporary(t)
	for name, scripts := range map[string]func(wait string) (initdb, postgres string){
		"initdb":   func(wait string) (string, string) { return wait, "exit 1" },
		"postgres": func(wait string) (string, string) { return "exit 0", wait },
	} {
		t.Run(name, func(t *testing.T) {
			pidFile := filepath.Join(tmp, name)
			require.NoError(t, os.WriteFile(pidFile, nil, 0o666))
			require.NoError(t, os.Chmod(pidFile, 0o666))
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			dull, pid := errors.New("dull"), 0
			go func() {
				for ctx.Err() == nil {
					b, _ := os.ReadFile(pidFile)
					if number, complete := strings.CutSuffix(string(b), "\n"); complete {
						pid, _ = strconv.Atoi(number)
						cancel(dull)
					}
					time.Sleep(time.Millisecond)
				}
			}()
			_, err := StartPostgres(ctx, PostgresConfig{Kind: Local, Bin: fakePostgres(t, first(scripts("echo $$ >"+pidFile+"; exec sleep 600")), second(scripts("echo $$ >"+pidFile+"; exec sleep 600")))})
			require.ErrorIs(t, err, dull)
			require.NotZero(t, pid)
			require.False(t, isAlive(pid))
			requireEmpty(t, tmp)
		})
	}
}

func first(a, _ string) string  { return a }
func second(_, b string) string { return b }

// A parent that is killed takes its server along, busy or paused, and the next start removes its data.
func TestPostgresParentKilled(t *testing.T) {
	installedPostgres(t)
	tmp := temporary(t)
	var dirs []string
	for _, mode := range []string{"postgres", "postgres, paused"} {
		parent, words := helper(t, mode)
		dirs = append(dirs, words[0])
		pids := numbers(t, words[1:])
		require.Equal(t, tmp, filepath.Dir(words[0]))
		require.Greater(t, len(pids), 3)
		for _, pid := range pids {
			require.True(t, isAlive(pid))
		}
		memory := strings.Fields((&cluster{dir: words[0]}).lockFile()[memoryLine])[1]
		require.True(t, hasSharedMemory(t, memory))
		require.NoError(t, parent.Process.Kill())
		_ = parent.Wait()
		requireGone(t, pids...)
		require.Eventually(t, func() bool { return !hasSharedMemory(t, memory) }, patience, 10*time.Millisecond)
		require.DirExists(t, words[0])
	}
	require.NoDirExists(t, dirs[0], "the second one has removed it")
	child.SweepDirs(tmp, postgresDirs, slog.New(slog.DiscardHandler))
	requireEmpty(t, tmp)
}

func TestFindPostgres(t *testing.T) {
	root := elsewhere(t)
	_, err := findPostgres(root)
	require.ErrorIs(t, err, ErrNotInstalled)
	add := func(bin string) string {
		dir := filepath.Join(root, bin)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		script(t, dir, "initdb", "")
		script(t, dir, "postgres", "")
		return dir
	}
	for _, places := range [][]string{ // Each before those that were there, and in each the newest one.
		{""},
		{"home/linuxbrew/.linuxbrew/opt/postgresql/bin"},
		{"opt/homebrew/opt/postgresql@9.6/bin", "opt/homebrew/opt/postgresql@17/bin"},
		{"usr/pgsql-9/bin", "usr/pgsql-16/bin"},
		{"usr/lib/postgresql/9.6/bin", "usr/lib/postgresql/15/bin"},
	} {
		var want string
		for _, place := range places {
			want = add(place)
		}
		found, err := findPostgres(root)
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
	require.NoError(t, os.Remove(filepath.Join(root, "usr/lib/postgresql/15/bin/initdb")))
	found, err := findPostgres(root)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "usr/lib/postgresql/9.6/bin"), found, "one without initdb is of no use")
}
