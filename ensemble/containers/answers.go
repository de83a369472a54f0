package containers

import (
	"context"

	"github.com/moby/moby/client"
)

// Answers returns the version of the Docker engine that Start would use. It starts nothing, and blocks until the engine has answered or ctx ends, for ten
// seconds at most. The error is ErrNoEngine, in one line, or ctx's cause.
func Answers(ctx context.Context) (version string, err error) {
	e, err := connect(ctx)
	if err != nil {
		return "", err
	}
	defer e.close()
	v, err := e.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", explain(ctx, "asking the engine for its version", err)
	}
	return v.Version, nil
}

// Ready returns nil if [Start] with an empty Config has all that it needs: an engine that answers, and both images. It pulls and starts nothing. The error
// is ErrNoEngine or ErrNoImage, in one line, or ctx's cause.
func Ready(ctx context.Context) error {
	e, err := connect(ctx)
	if err != nil {
		return err
	}
	defer e.close()
	for _, name := range []imageName{zooKeeperImage(""), toxiproxyImage("")} {
		if _, err := e.image(ctx, name, false); err != nil {
			return err
		}
	}
	return nil
}
