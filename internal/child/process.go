package child

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

const (
	signalTimeout = 5 * time.Second // A thread in an uninterruptible wait takes a signal only when that ends.
	signalEvery   = time.Millisecond
)

// ErrEnded means that a process has ended, so that nothing more can be done to it.
var ErrEnded = errors.New("the process has ended")

// A Process is one that was started, and does not outlive this one. [StartProcess] makes it. It is safe for concurrent use. The zero Process is not usable.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended and was waited for
	err  error         // how it ended; read after done
}

// A Tier starts a command so that it does not outlive this process, on a thread that is locked until the command has ended, as [Tie] does. It reports whether
// that thread is where it was before; else it ends with the command.
type Tier func(cmd *exec.Cmd) (release func(), home bool, err error)

// StartProcess starts cmd with its output going to out, tied to the life of this process by tie, where nil stands for [Tie].
// It fails with what the system says, and then nothing was started. On success the caller ends the process, or waits for [Process.Done].
//
// The kernel sends the signal of a dying parent when the *thread* dies that forked the child. So the fork happens on a goroutine that stays
// locked to its thread until the child has ended.
func StartProcess(cmd *exec.Cmd, out io.Writer, tie Tier) (*Process, error) {
	if tie == nil {
		tie = func(cmd *exec.Cmd) (func(), bool, error) {
			release, err := Tie(cmd)
			return release, true, err
		}
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = signalTimeout // Should anything inherit the output and hold it open.
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		release, home, err := tie(cmd)
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			release()
			close(p.done)
		}
		if home {
			runtime.UnlockOSThread()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and was waited for.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended, nil for status 0. It is to be asked after [Process.Done].
func (p *Process) Err() error { return p.err }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Kill ends the process at once, if it has not ended already. It does not wait.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() }

// End ends the process and waits until it is gone: by the signal first, even where it is paused, and by force after grace. Where there are no signals it is by
// force at once.
func (p *Process) End(sig os.Signal, grace time.Duration) {
	if p.Ended() {
		return
	}
	askToEnd(p.cmd.Process, sig)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return
	case <-t.C:
	}
	p.Kill()
	<-p.done
}

// Pause stops the process where it stands (SIGSTOP) and blocks until every thread of it has stopped, as a rule for less than a millisecond. It fails with
// [ErrEnded], and with [errors.ErrUnsupported] where there is no such signal; then nothing has changed.
func (p *Process) Pause() error { return p.signalUntil("pause", sendStop, StateStopped) }

// Resume lets a paused process go on (SIGCONT) and blocks until it does. It does nothing to one that runs. It fails with [ErrEnded].
func (p *Process) Resume() error { return p.signalUntil("resume", sendContinue, StateRunning) }

// signalUntil sends a signal and waits until all threads of the process show its effect.
func (p *Process) signalUntil(what string, send func(*os.Process) error, want ThreadState) error {
	if p.Ended() {
		return ErrEnded
	}
	if err := send(p.cmd.Process); err != nil {
		if p.Ended() || isGone(err) {
			return ErrEnded
		}
		return fmt.Errorf("cannot %s process %d: %w", what, p.PID(), err)
	}
	tick := time.NewTicker(signalEvery)
	defer tick.Stop()
	timeout := time.NewTimer(signalTimeout)
	defer timeout.Stop()
	for {
		state, err := Threads(p.PID())
		if errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("cannot %s process %d: %w", what, p.PID(), err)
		}
		if err == nil && state == want {
			return nil
		}
		select {
		case <-p.done:
			return ErrEnded
		case <-timeout.C:
			return fmt.Errorf("cannot %s process %d: no effect after %v", what, p.PID(), signalTimeout)
		case <-tick.C:
		}
	}
}

// A ThreadState says what the threads of a process do. It is a value, safe for concurrent use; the zero one is StateMixed.
type ThreadState int

// What they do.
const (
	StateMixed   ThreadState = iota // Some are stopped and some are not.
	StateRunning                    // None is stopped.
	StateStopped                    // All are.
)
