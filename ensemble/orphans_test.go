package ensemble

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
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

// ctx ends at several moments of a start. In none of them may a process or a directory be left.
func TestStartCancelled(t *testing.T) {
	installed(t)
	for _, after := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond, 300 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			ctx, cancel := context.WithTimeoutCause(t.Context(), after, errors.New("changed my mind"))
			defer cancel()
			e, err := Start(ctx, Config{})
			if after >= 100*time.Millisecond && err == nil { // a fast machine is ready by then
				require.NoError(t, e.Stop())
			} else {
				require.ErrorContains(t, err, "changed my mind")
				require.Nil(t, e)
			}
			requireEmpty(t, tmp)
			require.Empty(t, processesThatName(t, tmp))
		})
	}
}

// The same with a server that never gets ready, where the process is surely there when ctx ends.
func TestStartCancelledWhileNotReady(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	dull := errors.New("dull")
	pid := 0
	go func() {
		for ctx.Err() == nil {
			b, _ := os.ReadFile(pidFile)
			if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
				pid = n
				cancel(dull)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := Start(ctx, Config{Installation: fakeJava(t, "echo $$ >"+pidFile+".new; mv "+pidFile+".new "+pidFile+"; exec sleep 600")})
	require.ErrorIs(t, err, dull)
	require.NotZero(t, pid)
	require.False(t, isAlive(pid))
}

// processesThatName returns the processes that have text in their arguments.
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

func TestProcessesThatNameFindsOne(t *testing.T) {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("looks for processes in /proc, which only Linux has: run it there")
	}
	mark := t.TempDir()
	cmd := exec.Command("sh", "-c", "read -r _ # "+mark)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer stdin.Close()
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	require.Eventually(t, func() bool { return len(processesThatName(t, mark)) > 0 }, patience, time.Millisecond)
}

// A parent that is killed takes its server along, and the next start removes its data.
func TestParentKilled(t *testing.T) {
	installed(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	parent, pid, dir := helper(t, "server")
	require.True(t, isAlive(pid))
	require.Equal(t, tmp, filepath.Dir(dir))

	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	child.SweepDirs(tmp, dirKind, logger)
	require.DirExists(t, dir, "its owner lives")
	require.True(t, isAlive(pid))

	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	requireGone(t, pid)
	require.DirExists(t, dir)

	e := Run(t, Config{Logger: logger})
	require.NoDirExists(t, dir)
	require.DirExists(t, e.dir)
	require.Contains(t, log.String(), dir)
}
