package child

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Tree is a server that is several processes: one that we started, and children of that one, which may each be in a process group of their own, as those of
// PostgreSQL are. It is paused, resumed and killed as one. [NewTree] makes it. It is safe for concurrent use. The zero Tree is not usable.
type Tree struct {
	*Process

	mu      sync.Mutex // guards release
	release func()     // Ends the watchdog of a pause; nil when there is none.
}

// NewTree returns the tree of which p is the root.
func NewTree(p *Process) *Tree { return &Tree{Process: p} }

// Pause stops all processes where they stand, the root first so that there are no new ones, and blocks until all have stopped. When this process dies meanwhile
// they are resumed, so that what the root was tied with reaches it. The errors are those of [Process.Pause].
func (t *Tree) Pause() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.Process.Pause(); err != nil {
		return err
	}
	pids, err := Children(t.PID())
	if err != nil {
		return fmt.Errorf("cannot pause the children of process %d: %w", t.PID(), err)
	}
	t.letGo()
	t.release, err = watchPaused(append(pids, t.PID()))
	if err != nil {
		return fmt.Errorf("cannot pause process %d: %w", t.PID(), err)
	}
	return all(pids, "pause", stopPID, StateStopped)
}

// Resume lets all processes go on, and blocks until they do. The errors are those of [Process.Resume].
func (t *Tree) Resume() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.letGo()
	pids, err := Children(t.PID())
	if err != nil {
		return fmt.Errorf("cannot resume the children of process %d: %w", t.PID(), err)
	}
	return errors.Join(all(pids, "resume", continuePID, StateRunning), t.Process.Resume())
}

// Kill ends all processes at once, as a machine that loses its power does, and blocks until they are gone. It does nothing to a tree whose root has ended.
func (t *Tree) Kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.letGo()
	_ = t.Process.Pause() // So that it starts no more of them, and does not see them die.
	pids, _ := Children(t.PID())
	for _, pid := range pids {
		killPID(pid)
	}
	t.Process.Kill()
	<-t.done
	for _, pid := range pids {
		awaitGone(pid)
	}
}

// letGo ends the watchdog.
func (t *Tree) letGo() {
	if t.release != nil {
		t.release()
		t.release = nil
	}
}

// all sends a signal to processes, and waits until all threads of each show its effect. One that has ended meanwhile is no error.
func all(pids []int, what string, send func(pid int) error, want ThreadState) error {
	timeout := time.NewTimer(signalTimeout)
	defer timeout.Stop()
	tick := time.NewTicker(signalEvery)
	defer tick.Stop()
	for _, pid := range pids {
		if err := send(pid); err != nil && !isGone(err) {
			return fmt.Errorf("cannot %s process %d: %w", what, pid, err)
		}
	}
	for _, pid := range pids {
		for {
			state, err := Threads(pid)
			if _, alive := Alive(pid); !alive || err == nil && state == want {
				break
			}
			select {
			case <-timeout.C:
				return fmt.Errorf("cannot %s process %d: no effect after %v", what, pid, signalTimeout)
			case <-tick.C:
			}
		}
	}
	return nil
}

// awaitGone waits until a process that was killed is gone.
func awaitGone(pid int) {
	timeout := time.NewTimer(signalTimeout)
	defer timeout.Stop()
	tick := time.NewTicker(signalEvery)
	defer tick.Stop()
	for {
		if _, alive := Alive(pid); !alive {
			return
		}
		select {
		case <-timeout.C:
			return
		case <-tick.C:
		}
	}
}
