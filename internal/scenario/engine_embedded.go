package scenario

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/zkkit/zkkit/zktest"
)

// embed starts a server in this process, behind a port, so that links can be laid to it as to any other.
func (c EngineConfig) embed(ctx context.Context, session time.Duration) (*server, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	zk := zktest.Start(zktest.Config{Tick: c.Tick, MaxSession: c.maxSession(session), Logger: c.Logger})
	if err := zk.Listen(net.JoinHostPort("127.0.0.1", "0")); err != nil {
		_ = zk.Close()
		return nil, environment(fmt.Errorf("no port for zktest: %w", err))
	}
	return &server{engine: Engine{Kind: EngineEmbedded, Version: zk.Version()}, addrs: []string{zk.Addr()}, tick: c.Tick, stop: zk.Close}, nil
}
