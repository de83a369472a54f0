package containers

import (
	"context"

	"github.com/zkkit/zkkit/internal/docker"
)

// Answers returns the version of the Docker engine that Start would use. It starts nothing, and blocks until the engine has answered or ctx ends, for ten
// seconds at most. The error is ErrNoEngine, in one line, or ctx's cause.
func Answers(ctx context.Context) (version string, err error) { return docker.Answers(ctx) }
