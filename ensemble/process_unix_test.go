//go:build unix

package ensemble

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThreadStates(t *testing.T) {
	p, err := startProcess(exec.Command("sleep", "600"), nil, newRing(1))
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
	p, err := startProcess(exec.Command("sh", "-c", `trap "" TERM; echo ready; while :; do sleep 0.05; done`), nil, out)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return out.total() == 1 }, patience, time.Millisecond)
	p.terminate(100 * time.Millisecond)
	require.True(t, p.ended())
	require.ErrorContains(t, p.err, "killed")
	p.terminate(time.Hour) // Nothing is left to do.
}
