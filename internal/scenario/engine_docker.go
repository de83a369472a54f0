package scenario

import (
	"context"
	"time"

	"github.com/zkkit/zkkit/ensemble/containers"
)

// contain starts the servers in containers. The clients of a run reach them through ports on the loopback interface, by links of this process as always.
func (c EngineConfig) contain(ctx context.Context, session time.Duration) (*server, error) {
	containers.Quiet()
	e, err := containers.Start(ctx, containers.Config{
		Servers: c.Ensemble, Tick: c.Tick, MaxSession: c.maxSession(session), SyncLimit: c.syncLimit, Logger: c.Logger,
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, environment(err)
	}
	return &server{
		engine: Engine{Kind: EngineDocker, Version: e.Version()}, addrs: e.Addrs(), tick: c.Tick, stop: e.Stop, fleet: containerFleet(e), syncLimit: c.syncLimit,
	}, nil
}
