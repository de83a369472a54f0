package containers

import (
	"context"

	"github.com/zkkit/zkkit/internal/docker"
)

// Answers returns the version of the Docker engine that Start would use. It starts nothing, and blocks until the engine has answered or ctx ends, for ten
// seconds at most. The error is ErrNoEngine, in one line, or ctx's cause.
func Answers(ctx context.Context) (version string, err error) { return docker.Answers(ctx) }

// Ready returns nil if [Start] with an empty Config has all that it needs: an engine that answers, and both images. It pulls and starts nothing. The error
// is ErrNoEngine or ErrNoImage, in one line, or ctx's cause.
func Ready(ctx context.Context) error {
	e, err := docker.Connect(ctx)
	if err != nil {
		return err
	}
	defer e.Close()
	for _, name := range []docker.ImageName{zooKeeperImage(""), toxiproxyImage("")} {
		if _, err := image(ctx, e, name, false); err != nil {
			return err
		}
	}
	return nil
}
