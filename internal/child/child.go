// Package child starts processes that do not outlive this one, however it dies.
//
// There are two strengths of it. [Tie] is for a process that starts no others, such as a server: on Linux the kernel itself kills it.
// [Start] is for any command, with whatever that starts in turn: a [Group] is signalled and ended as a whole, and a watchdog ends it when this process was
// killed. A process that leaves its group, as a daemon does, is beyond the reach of both.
package child

import (
	"os"
	"os/exec"
	"runtime"
	"time"
)

// A Group is a command that was started, and all processes that it starts and that stay in its process group. It is safe for concurrent use. There is no
// useful zero value: [Start] returns one.
type Group struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the command has ended and what it left in its group was killed
	err  error         // how it ended; read after done
	left bool          // something of its group was still there then; read after done
}

// Start starts cmd in a process group of its own. Its Stdout and Stderr should be files: then nothing is waited for but the command itself.
// It fails with what the system says, and then nothing was started. On success the caller calls [Group.End], or waits for [Group.Done].
func Start(cmd *exec.Cmd) (*Group, error) {
	g := &Group{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // See Tie.
		defer runtime.UnlockOSThread()
		release, err := tieGroup(cmd)
		started <- err
		if err != nil {
			return
		}
		g.err = cmd.Wait()
		g.left = killGroup(cmd.Process)
		release()
		close(g.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return g, nil
}

// PID returns the number of the command's process, and of its group.
func (g *Group) PID() int { return g.cmd.Process.Pid }

// Done is closed when the command has ended. What was left of its group has been killed then.
func (g *Group) Done() <-chan struct{} { return g.done }

// State says how the command ended, as in "exit status 1" or "signal: killed". It is to be asked after [Group.Done].
func (g *Group) State() string { return g.cmd.ProcessState.String() }

// Left reports whether the command left processes behind in its group, which were killed. It is to be asked after [Group.Done].
func (g *Group) Left() bool { return g.left }

// Err returns nil for a command that ended with status 0. It is to be asked after [Group.Done].
func (g *Group) Err() error { return g.err }

// End sends a signal to all of the group, waits until the command has ended, but no longer than grace, and then kills all of the group. It returns when the
// command has ended. Where there are no signals it kills at once.
func (g *Group) End(sig os.Signal, grace time.Duration) {
	select {
	case <-g.done:
		return
	default:
	}
	signalGroup(g.cmd.Process, sig)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-g.done:
		return
	case <-t.C:
	}
	killGroup(g.cmd.Process)
	<-g.done
}
