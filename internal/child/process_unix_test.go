//go:build unix

package child

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThreadStates(t *testing.T) {
	p, err := StartProcess(exec.Command("sleep", "600"), NewLines(1), nil)
	require.NoError(t, err)
	defer func() {
		p.Kill()
		<-p.Done()
		require.ErrorIs(t, p.Pause(), ErrEnded)
	}()
	require.NoError(t, p.Pause())
	state, err := Threads(p.PID())
	require.NoError(t, err)
	require.Equal(t, StateStopped, state)
	require.NoError(t, p.Resume())
	state, err = Threads(p.PID())
	require.NoError(t, err)
	require.Equal(t, StateRunning, state)
}

// A server that ignores SIGTERM is ended by force.
func TestTerminateByForce(t *testing.T) {
	out := NewLines(4)
	p, err := StartProcess(exec.Command("sh", "-c", `trap "" TERM; echo ready; while :; do sleep 0.05; done`), out, nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return out.Total() == 1 }, patience, time.Millisecond)
	p.End(syscall.SIGTERM, 100*time.Millisecond)
	require.True(t, p.Ended())
	require.ErrorContains(t, p.Err(), "killed")
	p.End(syscall.SIGTERM, time.Hour) // Nothing is left to do.
}
