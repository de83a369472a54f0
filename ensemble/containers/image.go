package containers

import (
	"cmp"
	"context"
	"os"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// An imageName says where the name of an image comes from, first to last.
type imageName struct {
	given    string // In the Config.
	variable string // In the environment.
	official string
	built    string // By docker/build.
}

func zooKeeperImage(given string) imageName {
	return imageName{given, "ZKKIT_ZOOKEEPER_IMAGE", DefaultZooKeeperImage, "zkkit/zookeeper:latest"}
}

func toxiproxyImage(given string) imageName {
	return imageName{given, "ZKKIT_TOXIPROXY_IMAGE", DefaultToxiproxyImage, "zkkit/toxiproxy:latest"}
}

// image returns the name of an image that is on the engine, after pulling it if it may be pulled.
func (e *engine) image(ctx context.Context, n imageName, pull bool) (string, error) {
	name := cmp.Or(n.given, os.Getenv(n.variable))
	candidates := []string{name}
	if name == "" {
		name = n.official
		candidates = []string{n.official, n.built}
	}
	for _, candidate := range candidates {
		_, err := e.ImageInspect(ctx, candidate)
		if err == nil {
			return candidate, nil
		}
		if !errdefs.IsNotFound(err) && !errdefs.IsInvalidArgument(err) {
			return "", explain(ctx, "looking for the image "+candidate, err)
		}
	}
	missing := &NoImageError{Image: name, Variable: n.variable}
	if pull {
		missing.Err = e.pull(ctx, name)
		if missing.Err == nil {
			return name, nil
		}
		if ctx.Err() != nil {
			return "", explain(ctx, "pulling the image "+name, missing.Err)
		}
	}
	return "", missing
}

// pull pulls an image, with the credentials that this machine has for its registry, and tries once.
func (e *engine) pull(ctx context.Context, name string) error {
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
