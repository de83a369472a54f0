package docker

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

const (
	startAttempts = 5
	logLines      = 200
)

// Create creates a container. It is not cancelled with ctx in the middle: see [Whole].
func (e *Engine) Create(ctx context.Context, options client.ContainerCreateOptions) (id string, err error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	request, cancel := Whole(ctx)
	defer cancel()
	made, err := e.ContainerCreate(request, options)
	return made.ID, err
}

// ErrRemoved means that there is no such container any more.
var ErrRemoved = errors.New("docker: the container was removed")

// State returns what the engine says about a container; it counts one that is paused as running.
func (e *Engine) State(ctx context.Context, id string) (*container.State, error) {
	c, err := e.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return nil, ErrRemoved
	case err != nil:
		return nil, err
	case c.Container.State == nil:
		return nil, errors.New("the engine says nothing of its state")
	}
	return c.Container.State, nil
}

// Pause stops all processes of a container in that state, unless they are stopped.
func (e *Engine) Pause(ctx context.Context, id string, state *container.State) error {
	if state.Paused {
		return nil
	}
	_, err := e.ContainerPause(ctx, id, client.ContainerPauseOptions{})
	return err
}

// Resume lets a container in that state go on, if it is paused.
func (e *Engine) Resume(ctx context.Context, id string, state *container.State) error {
	if !state.Paused {
		return nil
	}
	_, err := e.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
	return err
}

// Kill ends all processes of a container that runs (SIGKILL), paused or not, and blocks until they have ended.
func (e *Engine) Kill(ctx context.Context, id string) error {
	ctx, cancel := context.WithCancel(ctx) // Ends the wait, whatever happens.
	defer cancel()
	wait := e.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	_, err := e.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "KILL"})
	if err != nil {
		return err
	}
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		return err
	}
}

// Restart starts a container in that state again, after ending it in order if it runs, paused or not, and by force after so many seconds. It does not wait until
// anything serves.
func (e *Engine) Restart(ctx context.Context, id string, state *container.State, seconds int) error {
	if state.Running {
		err := e.Resume(ctx, id, state)
		if err == nil {
			_, err = e.ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &seconds})
		}
		if err != nil {
			return err
		}
	}
	for attempt := 1; ; attempt++ {
		_, err := e.ContainerStart(ctx, id, client.ContainerStartOptions{})
		// A client that dials a port of the ephemeral range while nobody listens can hold that very port for a moment.
		if attempt == startAttempts || !LostPort(err) || Wait(ctx, 10*retryEvery) != nil {
			return err
		}
	}
}

// LostPort reports whether a container could not be started because its port was taken. The engine has no code for it.
func LostPort(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "port is already allocated") || strings.Contains(err.Error(), "address already in use"))
}

// Log returns the last lines that a container wrote, at most 200.
func (e *Engine) Log(ctx context.Context, id string) (string, error) {
	r, err := e.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(logLines)})
	if err != nil {
		return "", Explain(ctx, "reading a log", err)
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := stdcopy.StdCopy(&b, &b, r); err != nil {
		return "", Explain(ctx, "reading a log", err)
	}
	return strings.TrimRight(b.String(), "\n"), nil
}
