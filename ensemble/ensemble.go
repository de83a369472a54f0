// Package ensemble starts a real ZooKeeper as a local process: for a test, an experiment, or a first look, on a machine without Docker.
//
// It needs a ZooKeeper installation and a Java runtime ([Find] says where it looks), and it brings up a server in about a second, on a free
// port of the loopback interface, with its data in a directory of its own:
//
//	func TestMyService(t *testing.T) {
//		zk := ensemble.Run(t, ensemble.Config{})
//		svc := myservice.New(zk.ConnectString())
//		...
//		zk.Pause() // What does the service do while ZooKeeper stands still?
//	}
//
// What it starts goes away again: with [Ensemble.Stop], and also when the process that started it ends in any other way, SIGKILL included.
// Data that such a process left behind is removed by the next [Start] on that machine. A Ctrl-C on the terminal does not reach the server, so
// that whoever started it can put things in order first. On Windows a server outlives a killed parent and cannot be paused; the rest works.
package ensemble

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const stopGrace = 3 * time.Second // From SIGTERM to SIGKILL.

// An Ensemble is a running ZooKeeper: one server, until more are supported. [Start] makes it, and whoever made it calls Stop.
// It is safe for concurrent use. The zero Ensemble is not usable.
type Ensemble struct {
	cfg     Config
	inst    Installation
	dir     string // Holds one directory for each server.
	ownsDir bool
	port    int
	log     *ring

	change sync.Mutex // Held while the process is replaced or ended, by Restart and Stop; taken before mu.

	mu      sync.Mutex // guards the fields below
	proc    *process
	version string
	stopped bool
	stopErr error
}

func (e *Ensemble) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(e.port)) }

// Addrs returns the client address of each server, as host:port. They stay the same over a Restart.
func (e *Ensemble) Addrs() []string { return []string{e.addr()} }

// ConnectString returns the addresses joined by commas, as ZooKeeper clients take them.
func (e *Ensemble) ConnectString() string { return strings.Join(e.Addrs(), ",") }

// Version returns what the server said its version is when it was last started, such as "3.8.0".
func (e *Ensemble) Version() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// Mode asks the server for its mode, "standalone" for a single one. It blocks until the answer, until ctx ends, or for 10 s.
func (e *Ensemble) Mode(ctx context.Context) (string, error) {
	srvr, err := FourLetter(ctx, e.addr(), "srvr")
	if err != nil {
		return "", err
	}
	if mode := modeOf(srvr); mode != "" {
		return mode, nil
	}
	return "", fmt.Errorf("ensemble: %s does not serve: %s", e.addr(), firstLine(srvr))
}

// PID returns the process id of the server, 0 when it does not run.
func (e *Ensemble) PID() int {
	p := e.current()
	if p == nil || p.ended() {
		return 0
	}
	return p.pid()
}

// Done returns a channel that is closed when the server's process has ended, for whatever reason. After a Restart it is another channel.
func (e *Ensemble) Done() <-chan struct{} { return e.current().done }

// Log returns the last lines that the server wrote, at most 200, the oldest first.
func (e *Ensemble) Log() string { return strings.Join(e.log.since(0), "\n") }

func (e *Ensemble) current() *process {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.proc
}

// Pause stops the process where it stands (SIGSTOP) and blocks until every thread of it has stopped, as a rule for less than a millisecond.
// Connections stay open, and nothing is answered. It fails with ErrNotRunning when the process has ended, and with [errors.ErrUnsupported]
// where there is no such signal; then nothing has changed.
func (e *Ensemble) Pause() error { return e.current().pause() }

// Resume lets a paused process go on (SIGCONT) and blocks until it does. It does nothing to one that runs.
// It fails with ErrNotRunning when the process has ended.
func (e *Ensemble) Resume() error { return e.current().resume() }

// Kill ends the process at once (SIGKILL), paused or not, and blocks until it is gone. Its data stays, and Restart brings it back.
// It fails with ErrNotRunning when the process had ended before.
func (e *Ensemble) Kill() error {
	p := e.current()
	if p.ended() {
		return ErrNotRunning
	}
	p.kill()
	<-p.done
	return nil
}

// Restart starts the server again, on the same port and with the same data, after ending it gracefully if it runs.
// It blocks until the server serves, ctx ends, or a minute has passed. On failure the server does not run, its data is still there, and
// Restart may be called again. The errors are those of Start, and ErrStopped after Stop.
func (e *Ensemble) Restart(ctx context.Context) error {
	e.change.Lock()
	defer e.change.Unlock()
	if e.isStopped() {
		return ErrStopped
	}
	e.current().terminate(stopGrace)
	for attempt := 1; ; attempt++ {
		err := e.boot(ctx)
		if err == nil || attempt == portAttempts || !errors.Is(err, errPortTaken) {
			return err
		}
		// A client that dials a port of the ephemeral range while nobody listens can hold that very port for a moment.
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * probeEvery):
		}
	}
}

func (e *Ensemble) isStopped() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopped
}

// Stop ends the server (SIGTERM, and SIGKILL after 3 s), waits until its process is gone and removes the data, unless that is in a
// Config.DataDir. It waits for a Restart under way. A server that has ended before is no error. The error is about the data: what could not
// be removed is left behind. Stop may be called again, and then returns the same.
func (e *Ensemble) Stop() error {
	e.change.Lock()
	defer e.change.Unlock()
	if e.isStopped() {
		return e.stopErr
	}
	e.current().terminate(stopGrace)
	var err error
	if e.ownsDir {
		if err = os.RemoveAll(e.dir); err != nil {
			err = fmt.Errorf("ensemble: data directory: %w", err)
		}
	}
	e.mu.Lock()
	e.stopped, e.stopErr = true, err
	e.mu.Unlock()
	e.cfg.Logger.Info("ZooKeeper stopped", "addr", e.addr())
	return err
}
