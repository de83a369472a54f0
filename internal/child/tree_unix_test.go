//go:build unix

package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// household is a command that starts two others, each in a session of its own as PostgreSQL does, tells their numbers, and waits for them. setsid is not everywhere.
const household = `setsid sleep 600 & echo $!; setsid sleep 600 & echo $!; trap "exit 9" QUIT; wait; wait`

// plant starts a household as a tree, and returns it with the numbers of its children.
func plant(t *testing.T, tie Tier) (tree *Tree, pids []int) {
	t.Helper()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("wants the command setsid: apt-get install util-linux")
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	p, err := StartProcess(exec.Command("sh", "-c", household), w, tie)
	require.NoError(t, err)
	tree = NewTree(p)
	t.Cleanup(tree.Kill)
	require.NoError(t, w.Close())
	said := bufio.NewReader(r)
	for range 2 {
		pids = append(pids, number(t, said))
	}
	require.Eventually(t, func() bool { // They are still the shell until then.
		for _, pid := range pids {
			if pgid, err := syscall.Getpgid(pid); err != nil || pgid != pid {
				return false
			}
		}
		return true
	}, patience, 1)
	return tree, pids
}

func TestTree(t *testing.T) {
	tree, pids := plant(t, nil)
	found, err := Children(tree.PID())
	require.NoError(t, err)
	require.ElementsMatch(t, pids, found)
	states := func(want ThreadState) {
		t.Helper()
		for _, pid := range append(pids, tree.PID()) {
			state, err := Threads(pid)
			require.NoError(t, err)
			require.Equal(t, want, state)
		}
	}
	require.NoError(t, tree.Pause())
	states(StateStopped)
	require.NoError(t, tree.Pause())
	states(StateStopped)
	require.NoError(t, tree.Resume())
	states(StateRunning)
	require.NoError(t, tree.Resume())

	require.NoError(t, tree.Pause())
	tree.Kill()
	require.True(t, tree.Ended())
	for _, pid := range pids {
		require.False(t, isAlive(t, pid))
	}
	require.ErrorIs(t, tree.Pause(), ErrEnded)
	require.ErrorIs(t, tree.Resume(), ErrEnded)
	tree.Kill() // Nothing is left to do.
}

// One whose parent dies while it is paused is woken, to be told so by the signal that it was tied with.
func TestTreePausedWhenItsParentDies(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), helperEnv+"=tree")
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	said := bufio.NewReader(out)
	var pids []int
	for range 3 {
		pids = append(pids, number(t, said))
	}
	t.Cleanup(func() {
		for _, pid := range pids[1:] {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	requireGone(t, pids[0])
	for _, pid := range pids[1:] {
		require.Eventually(t, func() bool {
			state, err := Threads(pid)
			return err == nil && state == StateRunning
		}, patience, 1, "it is left, as the signal is for the root, but not stopped")
	}
}

// playTree starts a tree, tied by a signal that a shell can catch, pauses it, and waits to be killed.
func playTree() error {
	p, err := StartProcess(exec.Command("sh", "-c", `sleep 600 & sleep 600 & trap "exit 9" QUIT; wait; wait`), NewLines(1), func(cmd *exec.Cmd) (func(), bool, error) {
		release, err := TieBy(cmd, syscall.SIGQUIT)
		return release, true, err
	})
	if err != nil {
		return err
	}
	tree := NewTree(p)
	var pids []int
	for len(pids) < 2 {
		if pids, err = Children(tree.PID()); err != nil {
			return err
		}
	}
	if err := tree.Pause(); err != nil {
		return err
	}
	fmt.Printf("%d\n%d\n%d\n", tree.PID(), pids[0], pids[1])
	select {}
}
