package ensemble

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"
)

const (
	signalTimeout = 5 * time.Second // A thread in an uninterruptible wait takes a signal only when that ends.
	signalEvery   = time.Millisecond
)

// A process is one run of a server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // Closed when the process has ended and was waited for.
	err  error         // How it ended; read after done.
}

// startProcess starts cmd, in a namespace if that is not nil, tied to the life of this process, with its output going to out.
//
// The kernel sends the signal of a dying parent when the *thread* dies that forked the child. So the fork happens on a goroutine that stays
// locked to its thread until the child has ended.
func startProcess(cmd *exec.Cmd, ns *namespace, out io.Writer) (*process, error) {
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = signalTimeout // Should anything inherit the output and hold it open.
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		release, home, err := startIn(ns, cmd)
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

// startIn is startTied in a namespace, if that is not nil. It reports whether the thread is where it was before; else it must end.
func startIn(ns *namespace, cmd *exec.Cmd) (release func(), home bool, err error) {
	if ns == nil {
		release, err = startTied(cmd)
		return release, true, err
	}
	before, err := currentNamespace()
	if err != nil {
		return nil, true, err
	}
	defer before.close()
	if err := ns.enter(); err != nil {
		return nil, true, err
	}
	release, err = startTied(cmd)
	return release, before.enter() == nil, err
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process at once, if it has not ended already. It does not wait.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// terminate ends the process and waits until it is gone: politely first, by force after grace.
func (p *process) terminate(grace time.Duration) {
	if p.ended() {
		return
	}
	askToEnd(p.cmd.Process)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return
	case <-t.C:
	}
	p.kill()
	<-p.done
}

func (p *process) pause() error { return p.signalUntil("pause", sendStop, stateStopped) }

func (p *process) resume() error { return p.signalUntil("resume", sendContinue, stateRunning) }

// signalUntil sends a signal and waits until all threads of the process show its effect.
func (p *process) signalUntil(what string, send func(*process) error, want threadState) error {
	if p.ended() {
		return ErrNotRunning
	}
	if err := send(p); err != nil {
		if p.ended() || isGone(err) {
			return ErrNotRunning
		}
		return fmt.Errorf("ensemble: cannot %s process %d: %w", what, p.pid(), err)
	}
	tick := time.NewTicker(signalEvery)
	defer tick.Stop()
	timeout := time.NewTimer(signalTimeout)
	defer timeout.Stop()
	for {
		state, err := threads(p.pid())
		if errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("ensemble: cannot %s process %d: %w", what, p.pid(), err)
		}
		if err == nil && state == want {
			return nil
		}
		select {
		case <-p.done:
			return ErrNotRunning
		case <-timeout.C:
			return fmt.Errorf("ensemble: cannot %s process %d: no effect after %v", what, p.pid(), signalTimeout)
		case <-tick.C:
		}
	}
}

// A threadState says what the threads of a process do.
type threadState int

const (
	stateMixed   threadState = iota // Some are stopped and some are not.
	stateRunning                    // None is stopped.
	stateStopped                    // All are.
)
