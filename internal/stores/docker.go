package stores

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	api "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/zkkit/zkkit/internal/child"
	"github.com/zkkit/zkkit/internal/docker"
)

const (
	storesLabel = "zkkit.stores" // What belongs to one Redis or PostgreSQL.
	pollEvery   = 50 * time.Millisecond
	stopSeconds = 10
)

// containers are those of one Redis or PostgreSQL.
type containers struct {
	engine *docker.Engine
	image  string
	id     string
	logger *slog.Logger
	labels map[string]string
}

// newContainers finds an engine and an image, pulls that if it may, and removes what dead processes left behind. missing is what there is none of without an image.
func newContainers(ctx context.Context, missing string, image docker.ImageName, pull bool, logger *slog.Logger) (*containers, error) {
	engine, err := docker.Connect(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, &NotInstalledError{Missing: missing, Hint: err.Error(), Err: err}
	}
	name, err := engine.Image(ctx, image, pull)
	if none, ok := errors.AsType[*docker.MissingError](err); ok {
		err = &NotInstalledError{Missing: missing, Hint: none.Error(), Err: none}
	}
	if err == nil {
		err = engine.Sweep(ctx, logger)
	}
	if err != nil {
		_ = engine.Close()
		return nil, err
	}
	id := strings.ToLower(rand.Text()[:8])
	return &containers{engine: engine, image: name, id: id, logger: logger, labels: docker.Labels(storesLabel, id)}, nil
}

// remove removes all of them, and lets go of the engine.
func (c *containers) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), docker.RemoveTimeout) // Whatever has become of the caller's own.
	defer cancel()
	return errors.Join(c.engine.RemoveAll(ctx, storesLabel+"="+c.id), c.engine.Close())
}

// A contained is a server in a container.
type contained struct {
	of      *containers
	name    string
	inside  int // The port that it listens on.
	env     []string
	command []string
	// probe reports whether the server serves, and its version. An error is one that waiting does not cure.
	probe func(ctx context.Context) (version string, ready bool, err error)

	port    int
	id      string
	version string

	mu      sync.Mutex // Held while something is done to it; guards stopped.
	stopped bool
}

// boot creates and starts the container, on a free port, and waits until it serves. On failure the container may be there.
func (c *contained) boot(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := c.create(ctx)
		if err == nil {
			return c.awaitReady(ctx)
		}
		if attempt == portAttempts || !docker.LostPort(err) || ctx.Err() != nil {
			return docker.Explain(ctx, "starting "+c.name, err)
		}
		if err := c.of.engine.RemoveContainer(ctx, c.id); err != nil {
			return err
		}
	}
}

func (c *contained) create(ctx context.Context) error {
	ports, err := child.FreePorts(1)
	if err != nil {
		return fmt.Errorf("no free port: %w", err)
	}
	c.port = ports[0]
	port := api.MustParsePort(strconv.Itoa(c.inside) + "/tcp")
	c.id, err = c.of.engine.Create(ctx, client.ContainerCreateOptions{
		Name:   "zkkit-" + c.of.id + "-" + c.name,
		Config: &container.Config{Image: c.of.image, Labels: c.of.labels, Env: c.env, Cmd: c.command, ExposedPorts: api.PortSet{port: {}}},
		HostConfig: &container.HostConfig{
			PortBindings: api.PortMap{port: {{HostIP: netip.MustParseAddr(child.Loopback), HostPort: strconv.Itoa(c.port)}}},
		},
	})
	if err != nil {
		return err
	}
	_, err = c.of.engine.ContainerStart(ctx, c.id, client.ContainerStartOptions{})
	return err
}

// awaitReady polls until the server serves.
func (c *contained) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("stores: the container %s does not serve after %v", c.name, startTimeout))
	defer cancel()
	for {
		within, cancel := context.WithTimeout(ctx, probeTimeout)
		version, ready, err := c.probe(within)
		cancel()
		if err != nil {
			return err
		}
		if ready {
			c.version = version
			return nil
		}
		state, err := c.of.engine.State(ctx, c.id)
		switch {
		case err != nil:
			return docker.Explain(ctx, "waiting for "+c.name, err)
		case !state.Running:
			log, _ := c.of.engine.Log(ctx, c.id)
			lines := strings.Split(log, "\n")
			return &ExitError{
				Command: "the container of " + c.of.image, Err: fmt.Errorf("exit status %d", state.ExitCode), Log: lines[max(0, len(lines)-exitLogLines):],
			}
		}
		if docker.Wait(ctx, pollEvery) != nil {
			return context.Cause(ctx)
		}
	}
}

// do does something to the container, in whatever state.
func (c *contained) do(ctx context.Context, what string, f func(state *container.State) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return ErrStopped
	}
	state, err := c.of.engine.State(ctx, c.id)
	if err == nil {
		err = f(state)
	}
	if errors.Is(err, ErrNotRunning) || errors.Is(err, ErrPortTaken) {
		return err
	}
	return docker.Explain(ctx, what+" "+c.name, err)
}

// running is do for a container that must run.
func (c *contained) running(ctx context.Context, what string, f func(state *container.State) error) error {
	return c.do(ctx, what, func(state *container.State) error {
		if !state.Running {
			return ErrNotRunning
		}
		return f(state)
	})
}

func (c *contained) pause(ctx context.Context) error {
	return c.running(ctx, "pausing", func(state *container.State) error { return c.of.engine.Pause(ctx, c.id, state) })
}

func (c *contained) resume(ctx context.Context) error {
	return c.running(ctx, "resuming", func(state *container.State) error { return c.of.engine.Resume(ctx, c.id, state) })
}

func (c *contained) kill(ctx context.Context) error {
	return c.running(ctx, "killing", func(*container.State) error { return c.of.engine.Kill(ctx, c.id) })
}

func (c *contained) restart(ctx context.Context) error {
	return c.do(ctx, "restarting", func(state *container.State) error {
		err := c.of.engine.Restart(ctx, c.id, state, stopSeconds)
		if docker.LostPort(err) {
			return fmt.Errorf("%w: %s: %w", ErrPortTaken, addrOf(c.port), err)
		}
		if err != nil {
			return err
		}
		return c.awaitReady(ctx)
	})
}

// stop refuses what comes later. The containers are removed together.
func (c *contained) stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	return nil
}

// bootContained starts servers in containers, all at once. On failure they are to be removed.
func bootContained(ctx context.Context, all []*contained) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	each(all, func(_ int, c *contained) {
		if err := c.boot(ctx); err != nil {
			giveUp(err) // The others need not go on. The first reason is the one that ctx keeps.
		}
	})
	return context.Cause(ctx)
}

// imageOf names an image.
func imageOf(given, store, official string) docker.ImageName {
	return docker.ImageName{Given: given, Variable: "ZKKIT_" + strings.ToUpper(store) + "_IMAGE", Official: official, Built: "zkkit/" + store + ":latest"}
}
