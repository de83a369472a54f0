package containers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

const (
	clientPort  = 2181
	stopSeconds = 3 // From SIGTERM to SIGKILL.
	logLines    = 200
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// A Server is one server of an ensemble. Its faults may be combined, and are undone one by one; all of them end with Stop.
// It is safe for concurrent use; what is done to one server is done one after the other. The zero Server is not usable.
type Server struct {
	ensemble *Ensemble
	number   int
	name     string
	port     int // On the loopback interface.
	id       string
	version  string // When it was first started.

	mu   sync.Mutex // Held while something is done to the server; guards away.
	away [2]bool    // By Side: disconnected from it.
}

// ID returns the server's number in the ensemble, from 1 on.
func (s *Server) ID() int { return s.number }

// Name returns the name that the server has on the network of the clients, such as zk1.
func (s *Server) Name() string { return s.name }

// Addr returns the server's client address on the loopback interface, as host:port. It stays the same over Restart and Reconnect.
func (s *Server) Addr() string { return net.JoinHostPort(loopback.String(), strconv.Itoa(s.port)) }

// Upstream returns the server's client address on the network of the clients, as host:port: what a link leads to.
func (s *Server) Upstream() string { return net.JoinHostPort(s.name, strconv.Itoa(clientPort)) }

// ContainerID returns the engine's name of the server's container, for what this package does not do.
func (s *Server) ContainerID() string { return s.id }

// Pause stops the server's processes where they stand, and blocks until they have stopped. Connections stay open, and nothing is answered.
// It does nothing to a server that is paused, and fails with ErrNotRunning for one that does not run.
func (s *Server) Pause(ctx context.Context) error {
	return s.do(ctx, "pausing", func(state *container.State) error {
		if state.Paused {
			return nil
		}
		_, err := s.ensemble.engine.ContainerPause(ctx, s.id, client.ContainerPauseOptions{})
		return err
	})
}

// Resume lets a paused server go on. It does nothing to one that runs, and fails with ErrNotRunning for one that does not.
func (s *Server) Resume(ctx context.Context) error {
	return s.do(ctx, "resuming", func(state *container.State) error { return s.unpause(ctx, state) })
}

func (s *Server) unpause(ctx context.Context, state *container.State) error {
	if !state.Paused {
		return nil
	}
	_, err := s.ensemble.engine.ContainerUnpause(ctx, s.id, client.ContainerUnpauseOptions{})
	return err
}

// Kill ends the server at once (SIGKILL), paused or not, and blocks until it has ended. Its data stays, and Restart brings it back.
// It fails with ErrNotRunning when the server had ended before.
func (s *Server) Kill(ctx context.Context) error {
	return s.do(ctx, "killing", func(*container.State) error {
		e := s.ensemble.engine
		ctx, cancel := context.WithCancel(ctx) // Ends the wait, whatever happens.
		defer cancel()
		wait := e.ContainerWait(ctx, s.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
		_, err := e.ContainerKill(ctx, s.id, client.ContainerKillOptions{Signal: "KILL"})
		if err != nil {
			return err
		}
		select {
		case <-wait.Result:
			return nil
		case err := <-wait.Error:
			return err
		}
	})
}

// Restart starts the server again, on the same addresses and with the same data, after ending it gracefully if it runs, paused or not.
// It blocks until the server serves, ctx ends, or a minute has passed: a server that no majority is in reach of does not serve. On failure
// the server may run without serving, its data is there, and Restart may be called again.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.ensemble.engine
	state, err := s.state(ctx)
	if err != nil {
		return explain(ctx, "restarting "+s.name, err)
	}
	if state.Running {
		grace := stopSeconds
		err := s.unpause(ctx, state)
		if err == nil {
			_, err = e.ContainerStop(ctx, s.id, client.ContainerStopOptions{Timeout: &grace})
		}
		if err != nil {
			return explain(ctx, "restarting "+s.name, err)
		}
	}
	for attempt := 1; ; attempt++ {
		_, err := e.ContainerStart(ctx, s.id, client.ContainerStartOptions{})
		if err == nil {
			break
		}
		// A client that dials a port of the ephemeral range while nobody listens can hold that very port for a moment.
		if attempt == portAttempts || !lostPort(err) || pause(ctx, 10*probeEvery) != nil {
			return explain(ctx, "restarting "+s.name, err)
		}
	}
	_, err = s.awaitReady(ctx)
	return err
}

// Log returns the last lines that the server wrote, at most 200, the oldest first.
func (s *Server) Log(ctx context.Context) (string, error) {
	if s.ensemble.stopped.Load() {
		return "", ErrStopped
	}
	return s.ensemble.engine.log(ctx, s.id)
}

// log returns the last lines that a container wrote.
func (e *engine) log(ctx context.Context, id string) (string, error) {
	r, err := e.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(logLines)})
	if err != nil {
		return "", explain(ctx, "reading a log", err)
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := stdcopy.StdCopy(&b, &b, r); err != nil {
		return "", explain(ctx, "reading a log", err)
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

// do does something to a server that runs.
func (s *Server) do(ctx context.Context, what string, f func(*container.State) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, err := s.state(ctx)
	if err == nil && !state.Running {
		return fmt.Errorf("%w: %s", ErrNotRunning, s.name)
	}
	if err == nil {
		err = f(state)
	}
	if errors.Is(err, ErrStopped) {
		return err
	}
	return explain(ctx, what+" "+s.name, err)
}

// state returns what the engine says about the container; it counts one that is paused as running.
func (s *Server) state(ctx context.Context) (*container.State, error) {
	if s.ensemble.stopped.Load() {
		return nil, ErrStopped
	}
	c, err := s.ensemble.engine.ContainerInspect(ctx, s.id, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return nil, ErrStopped
	case err != nil:
		return nil, err
	case c.Container.State == nil:
		return nil, errors.New("the engine says nothing of its state")
	}
	return c.Container.State, nil
}
