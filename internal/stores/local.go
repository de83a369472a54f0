package stores

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/zkkit/zkkit/internal/child"
)

const (
	startTimeout = 60 * time.Second // A bound against hangs; a loaded machine takes a few seconds.
	probeEvery   = 5 * time.Millisecond
	probeTimeout = 2 * time.Second
	stopGrace    = 5 * time.Second // From a polite end to one by force.
	portAttempts = 5
	logLines     = 100
	exitLogLines = 10
)

// A local is a server that runs as a process of this machine.
type local struct {
	command func() *exec.Cmd
	tie     child.Tier // Nil means child.Tie.
	port    int
	// probe reports whether the process serves, and its version. An error is one that waiting does not cure.
	probe func(ctx context.Context, pid int) (version string, ready bool, err error)
	// lostPort reports whether a line of the log says that the port is taken.
	lostPort func(line string) bool
	several  bool // It is several processes.
	orderly  os.Signal
	log      *child.Lines

	change sync.Mutex // Held by whatever changes the process.

	mu      sync.Mutex // guards the fields below
	proc    *child.Tree
	version string
	stopped bool
}

func (l *local) current() *child.Tree {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.proc
}

// boot starts the process and waits until it serves. On failure it is gone.
func (l *local) boot(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	since, cmd := l.log.Total(), l.command()
	p, err := child.StartProcess(cmd, l.log, l.tie)
	if err != nil {
		return fmt.Errorf("stores: cannot start %s: %w", cmd.Path, err)
	}
	version, err := l.awaitReady(ctx, p, since)
	if err != nil {
		p.End(l.orderly, stopGrace)
		return err
	}
	l.mu.Lock()
	l.proc, l.version = child.NewTree(p), version
	l.mu.Unlock()
	return nil
}

// awaitReady polls until the process serves, and returns its version.
func (l *local) awaitReady(ctx context.Context, p *child.Process, since int) (version string, err error) {
	path := l.command().Path
	late := fmt.Errorf("stores: %s does not serve after %v", path, startTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, late)
	defer cancel()
	running, release := whileRunning(ctx, p)
	defer release()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.Done():
			return "", l.exited(path, p, since)
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(running, probeTimeout)
		version, ready, err := l.probe(within, p.PID())
		cancel()
		if ready || err != nil {
			return version, err
		}
	}
}

// whileRunning returns a context that ends with the process, so that nobody waits for what another one on its port has to say. release waits for what watches.
func whileRunning(ctx context.Context, p *child.Process) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-p.Done():
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel()
		watch.Wait()
	}
}

// exited says why a process ended that should have served.
func (l *local) exited(path string, p *child.Process, since int) error {
	log := l.log.Since(since)
	exit := &ExitError{Command: path, Err: p.Err(), Log: log[max(0, len(log)-exitLogLines):]}
	taken := !child.IsFree(l.port)
	for _, line := range log {
		taken = taken || l.lostPort(line)
	}
	if taken {
		exit.Err = fmt.Errorf("%w: %s:%d: %w", ErrPortTaken, child.Loopback, l.port, exit.Err)
	}
	return exit
}

// do does something to the process, if it runs.
func (l *local) do(ctx context.Context, f func(p *child.Tree) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.change.Lock()
	defer l.change.Unlock()
	if l.stopped {
		return ErrStopped
	}
	p := l.current()
	if p.Ended() {
		return ErrNotRunning
	}
	err := f(p)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, child.ErrEnded):
		return ErrNotRunning
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w here: %w", ErrNotPossible, err)
	}
	return fmt.Errorf("stores: %w", err)
}

func (l *local) pause(ctx context.Context) error {
	return l.do(ctx, func(p *child.Tree) error {
		if l.several {
			return p.Pause()
		}
		return p.Process.Pause()
	})
}

func (l *local) resume(ctx context.Context) error {
	return l.do(ctx, func(p *child.Tree) error {
		if l.several {
			return p.Resume()
		}
		return p.Process.Resume()
	})
}

func (l *local) kill(ctx context.Context) error {
	return l.do(ctx, func(p *child.Tree) error {
		if l.several {
			p.Kill()
			return nil
		}
		p.Process.Kill()
		<-p.Done()
		return nil
	})
}

// end ends the process by a signal, whatever state it is in.
func (l *local) end(sig os.Signal) {
	p := l.current()
	if p == nil || p.Ended() {
		return
	}
	if l.several {
		_ = p.Resume() // A root that is asked to end waits for its children.
	}
	p.End(sig, stopGrace)
	if l.several {
		p.Kill() // What is left of them, and nothing as a rule.
	}
}

func (l *local) restart(ctx context.Context) error {
	l.change.Lock()
	defer l.change.Unlock()
	if l.stopped {
		return ErrStopped
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.end(l.orderly)
	for attempt := 1; ; attempt++ {
		err := l.boot(ctx)
		if err == nil || attempt == portAttempts || !errors.Is(err, ErrPortTaken) {
			return err
		}
		// A port may be on its way back from a connection that had it.
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * probeEvery):
		}
	}
}

// close ends the process for good, by a signal that may be less orderly.
func (l *local) close(sig os.Signal) {
	l.change.Lock()
	defer l.change.Unlock()
	l.stopped = true
	l.end(sig)
}
