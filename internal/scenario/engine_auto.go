package scenario

import (
	"context"
	"time"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/ensemble/containers"
)

// AutoEngine returns the engine that EngineAuto stands for on this machine, given the servers that are named: a real ZooKeeper wherever there is one.
// It starts and pulls nothing. A Docker engine is asked only where no ZooKeeper is installed, for two seconds at most.
func AutoEngine(ctx context.Context, servers []string) string {
	if len(servers) > 0 {
		return EngineConnect
	}
	if kind := realEngine(ctx); kind != "" {
		return kind
	}
	return EngineEmbedded
}

// askDocker bounds the question to an engine that nobody named.
const askDocker = 2 * time.Second

// realEngine returns the engine that starts real servers on this machine, "" if there is none.
func realEngine(ctx context.Context) string {
	if _, err := ensemble.Find(); err == nil {
		return EngineLocal
	}
	ctx, cancel := context.WithTimeout(ctx, askDocker)
	defer cancel()
	containers.Quiet()
	if containers.Ready(ctx) == nil {
		return EngineDocker
	}
	return ""
}

// ofServers settles EngineAuto where servers are to be started that only a real ZooKeeper has.
func (c EngineConfig) ofServers(ctx context.Context) EngineConfig {
	if c.Kind != "" && c.Kind != EngineAuto {
		return c
	}
	c.Kind = realEngine(ctx)
	if c.Kind == "" {
		c.Kind = EngineLocal // Which then says how to get one.
	}
	return c
}
