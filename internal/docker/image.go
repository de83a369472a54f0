package docker

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// An ImageName says where the name of an image comes from, first to last. It is a value, safe for concurrent use; the zero one is of no image.
type ImageName struct {
	Given    string // By the caller.
	Variable string // In the environment.
	Official string
	Built    string // By docker/build.
}

// A MissingError means that an image is neither on the engine nor to be had. It is a value that nobody changes, and so safe for concurrent use.
type MissingError struct {
	// Image is its name.
	Image string
	// Variable is the name in the environment that another one can be given with.
	Variable string
	// Err is why it could not be pulled, nil if that was not tried.
	Err error
}

// Error is one line: what is missing, and what to do.
func (e *MissingError) Error() string {
	why := ""
	if e.Err != nil {
		why = fmt.Sprintf(" and cannot be pulled (%v)", e.Err)
	}
	return fmt.Sprintf("no image %s on the engine%s: docker pull it, build one with docker/build, or name another one in %s", e.Image, why, e.Variable)
}

// Unwrap returns Err.
func (e *MissingError) Unwrap() error { return e.Err }

// Image returns the name of an image that is on the engine, after pulling it if it may be pulled. The error is a [*MissingError], or of the engine.
func (e *Engine) Image(ctx context.Context, n ImageName, pull bool) (string, error) {
	name := cmp.Or(n.Given, os.Getenv(n.Variable))
	candidates := []string{name}
	if name == "" {
		name = n.Official
		candidates = []string{n.Official, n.Built}
	}
	for _, candidate := range candidates {
		_, err := e.ImageInspect(ctx, candidate)
		if err == nil {
			return candidate, nil
		}
		if !errdefs.IsNotFound(err) && !errdefs.IsInvalidArgument(err) {
			return "", Explain(ctx, "looking for the image "+candidate, err)
		}
	}
	missing := &MissingError{Image: name, Variable: n.Variable}
	if pull {
		missing.Err = e.pull(ctx, name)
		if missing.Err == nil {
			return name, nil
		}
		if ctx.Err() != nil {
			return "", Explain(ctx, "pulling the image "+name, missing.Err)
		}
	}
	return "", missing
}

// pull pulls an image, with the credentials that this machine has for its registry, and tries once.
func (e *Engine) pull(ctx context.Context, name string) error {
	var options client.ImagePullOptions
	if _, auth, err := testcontainers.DockerImageAuth(ctx, name); err == nil {
		if encoded, err := authconfig.Encode(auth); err == nil {
			options.RegistryAuth = encoded
		}
	}
	answer, err := e.ImagePull(ctx, name, options)
	if err != nil {
		return &lineError{err}
	}
	if err := answer.Wait(ctx); err != nil {
		return &lineError{err}
	}
	return nil
}
