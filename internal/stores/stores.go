// Package stores starts a Redis or a PostgreSQL to experiment on: a real one when there is one, and it always says which one it is.
//
//	redis, err := stores.StartRedis(ctx, stores.RedisConfig{Nodes: 5})
//	...
//	defer redis.Stop()
//	fmt.Println(redis) // redis-server 7.0.15, 5 local processes
//	err = redis.Node(0).Pause(ctx) // It hangs, as a machine does that swaps.
//
// # Engines
//
//   - local: processes of what is installed here, on random ports of the loopback interface, their data in a temporary directory;
//   - docker: containers, from official images, or from what docker/build made on a machine without a registry;
//   - embedded: for Redis only, miniredis in this process, with a clock that runs. It is not a real Redis, and whoever prints a result says so;
//   - connect: for PostgreSQL only, a server that somebody else runs.
//
// Auto is the first of these that this machine has. It never pulls an image: that is done only where docker is asked for.
//
// # Nothing is left
//
// What is started goes away with Stop, and also when this process ends in any other way, SIGKILL included. What a process that was killed left behind, data
// or containers, is removed by the next start.
package stores

import (
	"context"
	"log/slog"
)

// The engines, by their names.
const (
	Auto     = "auto"
	Local    = "local"
	Docker   = "docker"
	Embedded = "embedded"
	Connect  = "connect"
)

// A server is one Redis or PostgreSQL, of some engine.
type server interface {
	pause(ctx context.Context) error
	resume(ctx context.Context) error
	kill(ctx context.Context) error
	restart(ctx context.Context) error // Blocks until it serves again.
	stop() error                       // For good. It is called once.
}

func orDiscard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
