//go:build unix

package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what should be immediate. It bounds hangs and measures nothing.
const patience = 30 * time.Second

// The test binary, executed again with this variable set, plays a process that is killed.
const helperEnv = "CHILD_TEST_HELPER"

// family is a command that starts another process, tells its number, and waits for it.
const family = `sleep 600 & echo $!; wait`

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) == "tree" {
		fmt.Println(playTree())
		os.Exit(1)
	}
	if os.Getenv(helperEnv) != "" {
		cmd := exec.Command("sh", "-c", family)
		cmd.Stdout = os.Stdout
		if _, err := Start(cmd); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		select {}
	}
	os.Exit(m.Run())
}

func isAlive(t *testing.T, pid int) bool {
	t.Helper()
	out, _ := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	state := strings.TrimSpace(string(out))
	return state != "" && !strings.HasPrefix(state, "Z")
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return !isAlive(t, pid) }, patience, 5*time.Millisecond, "process %d lives on", pid)
}

// begin starts a shell script as a group, and returns it with the number that the script has printed.
func begin(t *testing.T, script string) (*Group, int) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout = w
	g, err := Start(cmd)
	require.NoError(t, err)
	t.Cleanup(func() { g.End(syscall.SIGKILL, 0) })
	require.NoError(t, w.Close())
	return g, number(t, bufio.NewReader(r))
}

func number(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err, line)
	return n
}

// Whoever is killed takes the children of its children along.
func TestGroupDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), helperEnv+"=yes")
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	grandchild := number(t, bufio.NewReader(out))
	require.True(t, isAlive(t, grandchild))
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	requireGone(t, grandchild)
}

func TestEnd(t *testing.T) {
	g, grandchild := begin(t, family)
	require.True(t, isAlive(t, grandchild))
	g.End(syscall.SIGTERM, patience)
	require.Equal(t, "signal: terminated", g.State())
	require.Error(t, g.Err())
	requireGone(t, grandchild)
	g.End(syscall.SIGTERM, time.Hour) // Nothing is left to do.
}

// The signal that comes is the one that was sent, also where the process was stopped.
func TestEndSendsTheSignal(t *testing.T) {
	g, _ := begin(t, `trap "exit 7" INT; echo $$; while :; do sleep 0.01; done`)
	require.NoError(t, syscall.Kill(g.PID(), syscall.SIGSTOP))
	g.End(syscall.SIGINT, patience)
	require.Equal(t, "exit status 7", g.State())
}

// What ignores the signal is ended by force.
func TestEndByForce(t *testing.T) {
	g, grandchild := begin(t, `trap "" TERM; sleep 600 & echo $!; while :; do sleep 0.05; done`)
	g.End(syscall.SIGTERM, 50*time.Millisecond)
	require.Equal(t, "signal: killed", g.State())
	requireGone(t, grandchild)
}

// A command that ends by itself leaves nobody behind.
func TestGroupEndsWithItsCommand(t *testing.T) {
	g, grandchild := begin(t, `sleep 600 & echo $!`)
	select {
	case <-g.Done():
	case <-time.After(patience):
		require.Fail(t, "the command did not end")
	}
	require.NoError(t, g.Err())
	require.Equal(t, "exit status 0", g.State())
	require.True(t, g.Left())
	requireGone(t, grandchild)

	g, _ = begin(t, `echo $$`)
	g.End(syscall.SIGTERM, patience)
	require.False(t, g.Left())
}

func TestStartFails(t *testing.T) {
	_, err := Start(exec.Command("/nowhere/at/all"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// The watchdog is what ties a group where the kernel does not.
func TestWatchReleasedKillsNobody(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	own(cmd)
	require.NoError(t, cmd.Start())
	release, err := Watch(cmd.Process.Pid)
	require.NoError(t, err)
	release()
	time.Sleep(100 * time.Millisecond) // For what must not happen there is no event to wait for.
	require.True(t, isAlive(t, cmd.Process.Pid))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
}
