package containers

import (
	"context"
	"errors"

	"github.com/zkkit/zkkit/internal/docker"
)

func zooKeeperImage(given string) docker.ImageName {
	return docker.ImageName{Given: given, Variable: "ZKKIT_ZOOKEEPER_IMAGE", Official: DefaultZooKeeperImage, Built: "zkkit/zookeeper:latest"}
}

func toxiproxyImage(given string) docker.ImageName {
	return docker.ImageName{Given: given, Variable: "ZKKIT_TOXIPROXY_IMAGE", Official: DefaultToxiproxyImage, Built: "zkkit/toxiproxy:latest"}
}

// image returns the name of an image that is on the engine, after pulling it if it may be pulled, or a [*NoImageError].
func image(ctx context.Context, e *docker.Engine, n docker.ImageName, pull bool) (string, error) {
	name, err := e.Image(ctx, n, pull)
	if missing, ok := errors.AsType[*docker.MissingError](err); ok {
		err = (*NoImageError)(missing)
	}
	return name, err
}
