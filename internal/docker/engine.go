// Package docker finds the Docker engine of this machine, and marks what is made on it, so that nothing is left there.
package docker

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
	createTimeout = time.Minute
	retryEvery    = 50 * time.Millisecond

	// RemoveTimeout is what removing anything takes at most, however busy the machine is.
	RemoveTimeout = 2 * time.Minute
)

// ErrNoEngine means that no Docker engine of this machine answers, or no longer.
var ErrNoEngine = errors.New("docker: no engine answers")

// An Engine is a Docker engine of this machine, with all that its client does. [Connect] makes it, and whoever made it calls Close. It is safe for concurrent use. The zero
// Engine is not usable.
//
// testcontainers-go finds it (DOCKER_HOST, contexts, rootless sockets, its own properties) and knows
// the credentials of registries. It is not asked to run the containers: that would take its reaper, one more image, and it connects a container
// neither to two networks with addresses of its own nor away from one.
type Engine struct {
	*client.Client
}

// Connect returns the engine, or an error that wraps ErrNoEngine, in one line, or ctx's cause. It blocks for ten seconds at most.
func Connect(ctx context.Context) (*Engine, error) {
	var options []client.Opt
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		options = append(options, client.WithHost(host)) // Where nobody answers there, the library would take another engine.
	}
	c, err := testcontainers.NewDockerClientWithOpts(ctx, options...)
	if err != nil {
		return nil, noEngine(ctx, err)
	}
	e := &Engine{c.Client}
	ping, cancel := context.WithTimeoutCause(ctx, pingTimeout, fmt.Errorf("no answer after %v", pingTimeout))
	defer cancel()
	if _, err := e.Ping(ping, client.PingOptions{}); err != nil { // The library remembers an engine that answered once.
		_ = e.Close()
		return nil, noEngine(ping, err)
	}
	if host := e.DaemonHost(); !isLocal(host) {
		_ = e.Close()
		return nil, fmt.Errorf("%w on this machine: %s is on another one, and ports are published on the loopback interface only: unset DOCKER_HOST", ErrNoEngine, host)
	}
	return e, nil
}

// noEngine makes one line of why there is no engine.
func noEngine(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%w: start one, or set DOCKER_HOST (%w)", ErrNoEngine, &lineError{err})
}

// Explain wraps ErrNoEngine around an error that means that the engine has gone, and ctx's cause around one that means that ctx has ended.
func Explain(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("docker: %s: %w", what, context.Cause(ctx))
	case client.IsErrConnectionFailed(err), errdefs.IsUnavailable(err):
		return fmt.Errorf("%w: %s: %w", ErrNoEngine, what, &lineError{err})
	}
	return fmt.Errorf("docker: %s: %w", what, err)
}

// Answers returns the version of the engine. It starts nothing. The error is ErrNoEngine, in one line, or ctx's cause.
func Answers(ctx context.Context) (version string, err error) {
	e, err := Connect(ctx)
	if err != nil {
		return "", err
	}
	defer e.Close()
	v, err := e.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", Explain(ctx, "asking the engine for its version", err)
	}
	return v.Version, nil
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

// RemoveAll removes the containers that have the label, with their volumes, and then the networks.
func (e *Engine) RemoveAll(ctx context.Context, label string) error {
	filter := make(client.Filters).Add("label", label)
	list, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return Explain(ctx, "looking for what is to be removed, "+label, err)
	}
	errs := make([]error, len(list.Items))
	var wg sync.WaitGroup
	for i, c := range list.Items {
		wg.Go(func() { errs[i] = e.RemoveContainer(ctx, c.ID) })
	}
	wg.Wait()
	networks, err := e.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	errs = append(errs, Explain(ctx, "looking for networks to be removed, "+label, err))
	for _, n := range networks.Items {
		_, err := e.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		errs = append(errs, Explain(ctx, "removing the network "+n.Name, gone(err)))
	}
	return errors.Join(errs...)
}

// RemoveContainer removes a container, in whatever state, and waits until somebody else who was about to do so has done it.
func (e *Engine) RemoveContainer(ctx context.Context, id string) error {
	for {
		_, err := e.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if !errdefs.IsConflict(err) || Wait(ctx, retryEvery) != nil {
			return Explain(ctx, "removing the container "+id, err)
		}
	}
}

// Whole returns a context for a request that makes something. It is not cancelled with ctx: the engine might go on with it unseen, and what it
// made would be left behind. Whoever uses it looks at ctx afterwards.
func Whole(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(ctx), createTimeout, fmt.Errorf("no answer after %v", createTimeout))
}

// gone returns err, but nil if it says that there is nothing to remove.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// Wait waits for d, or returns ctx's cause.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
