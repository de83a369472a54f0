package containers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

const (
	pingTimeout   = 10 * time.Second // An engine that is there answers in milliseconds; a busy machine takes longer.
	removeTimeout = 2 * time.Minute
	createTimeout = time.Minute
)

// An engine is a Docker engine of this machine. testcontainers-go finds it (DOCKER_HOST, contexts, rootless sockets, its own properties) and knows
// the credentials of registries. It is not asked to run the containers: that would take its reaper, one more image, and it connects a container
// neither to two networks with addresses of its own nor away from one.
type engine struct {
	*client.Client
}

// connect returns the engine, or an error that wraps ErrNoEngine.
func connect(ctx context.Context) (*engine, error) {
	var options []client.Opt
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		options = append(options, client.WithHost(host)) // Where nobody answers there, the library would take another engine.
	}
	c, err := testcontainers.NewDockerClientWithOpts(ctx, options...)
	if err != nil {
		return nil, noEngine(ctx, err)
	}
	e := &engine{c.Client}
	ping, cancel := context.WithTimeoutCause(ctx, pingTimeout, fmt.Errorf("no answer after %v", pingTimeout))
	defer cancel()
	if _, err := e.Ping(ping, client.PingOptions{}); err != nil { // The library remembers an engine that answered once.
		e.close()
		return nil, noEngine(ping, err)
	}
	if host := e.DaemonHost(); !isLocal(host) {
		e.close()
		return nil, fmt.Errorf("%w on this machine: %s is on another one, and ports are published on the loopback interface only: unset DOCKER_HOST", ErrNoEngine, host)
	}
	return e, nil
}

func (e *engine) close() { _ = e.Close() }

// noEngine makes one line of why there is no engine.
func noEngine(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%w: start one, or set DOCKER_HOST (%w)", ErrNoEngine, &lineError{err})
}

// explain wraps ErrNoEngine around an error that means that the engine has gone, and ctx's cause around one that means that ctx has ended.
func explain(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("containers: %s: %w", what, context.Cause(ctx))
	case client.IsErrConnectionFailed(err), errdefs.IsUnavailable(err):
		return fmt.Errorf("%w: %s: %w", ErrNoEngine, what, &lineError{err})
	}
	return fmt.Errorf("containers: %s: %w", what, err)
}

// A lineError is an error in one line.
type lineError struct{ error }

func (e *lineError) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }

// Unwrap returns the error as it was.
func (e *lineError) Unwrap() error { return e.error }

// isLocal reports whether an engine's address is one of this machine.
func isLocal(host string) bool {
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "unix", "npipe":
		return true
	}
	name := u.Hostname()
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}

// removeAll removes the containers that have the label, with their volumes, and then the networks.
func (e *engine) removeAll(ctx context.Context, label string) error {
	filter := make(client.Filters).Add("label", label)
	list, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return explain(ctx, "looking for what is to be removed, "+label, err)
	}
	errs := make([]error, len(list.Items))
	var wg sync.WaitGroup
	for i, c := range list.Items {
		wg.Go(func() { errs[i] = e.removeContainer(ctx, c.ID) })
	}
	wg.Wait()
	networks, err := e.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	errs = append(errs, explain(ctx, "looking for networks to be removed, "+label, err))
	for _, n := range networks.Items {
		_, err := e.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		errs = append(errs, explain(ctx, "removing the network "+n.Name, gone(err)))
	}
	return errors.Join(errs...)
}

// removeContainer removes a container, in whatever state, and waits until somebody else who was about to do so has done it.
func (e *engine) removeContainer(ctx context.Context, id string) error {
	for {
		_, err := e.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if !errdefs.IsConflict(err) || pause(ctx, probeEvery) != nil {
			return explain(ctx, "removing the container "+id, err)
		}
	}
}

// whole returns a context for a request that makes something. It is not cancelled with ctx: the engine might go on with it unseen, and what it
// made would be left behind. Whoever uses it looks at ctx afterwards.
func whole(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(ctx), createTimeout, fmt.Errorf("no answer after %v", createTimeout))
}

// gone returns err, but nil if it says that there is nothing to remove.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// pause waits for d, or returns ctx's cause.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
