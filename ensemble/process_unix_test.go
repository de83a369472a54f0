//go:build unix

package ensemble

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// playWatchdog is a process with a watchdog over a child that nothing else ties to it.
func playWatchdog() {
	sleep := exec.Command("sleep", "600")
	if err := sleep.Start(); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if _, err := watch(sleep.Process.Pid); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(sleep.Process.Pid, "-")
	select {}
}

// The watchdog is for systems other than Linux; it is tested on all that have a shell.
func TestWatchdogKillsWhenItsParentIsKilled(t *testing.T) {
	parent, pid, _ := helper(t, "watchdog")
	require.True(t, isAlive(pid))
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	requireGone(t, pid)
}

func TestWatchdogReleasedKillsNobody(t *testing.T) {
	sleep := exec.Command("sleep", "600")
	require.NoError(t, sleep.Start())
	release, err := watch(sleep.Process.Pid)
	require.NoError(t, err)
	release()
	time.Sleep(100 * time.Millisecond) // For what must not happen there is no event to wait for.
	require.True(t, isAlive(sleep.Process.Pid))
	require.NoError(t, sleep.Process.Kill())
	require.Error(t, sleep.Wait())
	require.False(t, isAlive(sleep.Process.Pid))
}

func TestThreadStates(t *testing.T) {
	p, err := startProcess(exec.Command("sleep", "600"), newRing(1))
	require.NoError(t, err)
	defer func() {
		p.kill()
		<-p.done
		require.ErrorIs(t, p.pause(), ErrNotRunning)
	}()
	require.NoError(t, p.pause())
	state, err := threads(p.pid())
	require.NoError(t, err)
	require.Equal(t, stateStopped, state)
	require.NoError(t, p.resume())
	state, err = threads(p.pid())
	require.NoError(t, err)
	require.Equal(t, stateRunning, state)
}

// A server that ignores SIGTERM is ended by force.
func TestTerminateByForce(t *testing.T) {
	out := newRing(4)
	p, err := startProcess(exec.Command("sh", "-c", `trap "" TERM; echo ready; while :; do sleep 0.05; done`), out)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return out.total() == 1 }, patience, time.Millisecond)
	p.terminate(100 * time.Millisecond)
	require.True(t, p.ended())
	require.ErrorContains(t, p.err, "killed")
	p.terminate(time.Hour) // Nothing is left to do.
}
