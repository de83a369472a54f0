package containers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/moby/moby/api/types/container"

	"github.com/zkkit/zkkit/internal/docker"
)

const (
	clientPort  = 2181
	stopSeconds = 3 // From SIGTERM to SIGKILL.
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
		return s.ensemble.engine.Pause(ctx, s.id, state)
	})
}

// Resume lets a paused server go on. It does nothing to one that runs, and fails with ErrNotRunning for one that does not.
func (s *Server) Resume(ctx context.Context) error {
	return s.do(ctx, "resuming", func(state *container.State) error { return s.ensemble.engine.Resume(ctx, s.id, state) })
}

// Kill ends the server at once (SIGKILL), paused or not, and blocks until it has ended. Its data stays, and Restart brings it back.
// It fails with ErrNotRunning when the server had ended before.
func (s *Server) Kill(ctx context.Context) error {
	return s.do(ctx, "killing", func(*container.State) error { return s.ensemble.engine.Kill(ctx, s.id) })
}

// Restart starts the server again, on the same addresses and with the same data, after ending it gracefully if it runs, paused or not.
// It blocks until the server serves, ctx ends, or a minute has passed: a server that no majority is in reach of does not serve. On failure
// the server may run without serving, its data is there, and Restart may be called again.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, err := s.state(ctx)
	if err == nil {
		err = s.ensemble.engine.Restart(ctx, s.id, state, stopSeconds)
	}
	if err != nil {
		return explain(ctx, "restarting "+s.name, err)
	}
	_, err = s.awaitReady(ctx)
	return err
}

// Log returns the last lines that the server wrote, at most 200, the oldest first.
func (s *Server) Log(ctx context.Context) (string, error) {
	if s.ensemble.stopped.Load() {
		return "", ErrStopped
	}
	return s.ensemble.engine.Log(ctx, s.id)
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
	return explain(ctx, what+" "+s.name, err)
}

// state returns what the engine says about the container; it counts one that is paused as running.
func (s *Server) state(ctx context.Context) (*container.State, error) {
	if s.ensemble.stopped.Load() {
		return nil, ErrStopped
	}
	return s.ensemble.engine.State(ctx, s.id)
}

// explain is docker.Explain for a server, whose container is there until Stop.
func explain(ctx context.Context, what string, err error) error {
	if errors.Is(err, ErrStopped) || errors.Is(err, docker.ErrRemoved) {
		return ErrStopped
	}
	return docker.Explain(ctx, what, err)
}
