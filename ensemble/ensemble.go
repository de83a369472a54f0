// Package ensemble starts a real ZooKeeper as local processes, 1 to 5 servers: for a test, an experiment, or a first look, on a machine without Docker.
//
// It needs a ZooKeeper installation and a Java runtime ([Find] says where it looks). It brings up one server in about a second and five in a few, on free
// ports of the loopback interface, each with its data in a directory of its own:
//
//	func TestMyService(t *testing.T) {
//		zk := ensemble.Run(t, ensemble.Config{Servers: 3})
//		svc := myservice.New(zk.ConnectString())
//		...
//		leader, err := zk.Leader(ctx)
//		...
//		leader.Pause() // What does the service do while the leader stands still?
//	}
//
// # Cutting servers off from each other
//
// With [Config.Network] a follower can be cut off from its leader, and with [Config.Namespaces] any servers from any others, the leader among them, and from clients. The first
// needs no privileges, the second Linux and root:
//
//	zk := ensemble.Run(t, ensemble.Config{Servers: 3, Namespaces: true})
//	leader, err := zk.Leader(ctx)
//	...
//	err = zk.Isolate(ctx, leader) // Its clients reach it, its followers do not.
//	...
//	err = zk.Heal(ctx)
//
// A leader that is isolated serves reads, and answers pings, until it has heard nothing of its followers for [Config.SyncLimit]. The others elect another meanwhile, and that one
// gives every session a whole timeout from then on. Measured with a syncLimit of 3 s, a session of 4 s and ticks of 200 ms on ZooKeeper 3.8.0: another leads 3.4 s
// after the cut, and what a client on the isolated side held is deleted after 7.4 s.
//
// # Nothing is left
//
// What it starts goes away again: with [Ensemble.Stop], and also when the process that started it ends in any other way, SIGKILL included.
// Data that such a process left behind is removed by the next [Start] on that machine. A Ctrl-C on the terminal does not reach the servers, so
// that whoever started them can put things in order first. On Windows a server outlives a killed parent and cannot be paused; the rest works.
package ensemble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// An Ensemble is a running ZooKeeper of one or more servers. [Start] makes it, and whoever made it calls Stop.
// It is safe for concurrent use. The zero Ensemble is not usable.
type Ensemble struct {
	cfg     Config
	inst    Installation
	dir     string // Holds one directory for each server.
	ownsDir bool
	servers []*Server
	links   *links  // Nil without Config.Network.
	fabric  *fabric // Nil without Config.Namespaces.

	stopping chan struct{} // Closed when Stop begins, and ends what is under way.

	stop    sync.Once
	stopErr error // Written by stop.
}

// Servers returns the servers in the order of their numbers. They are the same ones for the life of the ensemble, whether they run or not. The slice is the caller's.
func (e *Ensemble) Servers() []*Server { return slices.Clone(e.servers) }

// Addrs returns the client address of each server, as host:port, in the order of their numbers. They stay the same over a Restart.
func (e *Ensemble) Addrs() []string {
	addrs := make([]string, len(e.servers))
	for i, s := range e.servers {
		addrs[i] = s.Addr()
	}
	return addrs
}

// ConnectString returns the addresses joined by commas, as ZooKeeper clients take them.
func (e *Ensemble) ConnectString() string { return strings.Join(e.Addrs(), ",") }

// Version returns what the first server said its version is when it was last started, such as "3.8.0". All are of the same installation.
func (e *Ensemble) Version() string { return e.servers[0].lastVersion() }

// Stop ends all servers at the same time (SIGTERM, and SIGKILL after 3 s), waits until their processes are gone and removes the network between them, and the data unless that is in a
// Config.DataDir. A Restart under way fails with ErrStopped. A server that has ended before is no error. The error is about what could not be removed, and is left behind. Stop may be called again, and then returns the same.
func (e *Ensemble) Stop() error {
	e.stop.Do(func() {
		close(e.stopping)
		e.each((*Server).end)
		e.stopErr = e.unlink()
		if e.fabric != nil {
			e.fabric.close()
		}
		if e.ownsDir {
			if err := os.RemoveAll(e.dir); err != nil {
				e.stopErr = errors.Join(e.stopErr, fmt.Errorf("ensemble: data directory: %w", err))
			}
		}
		e.cfg.Logger.Info("ZooKeeper stopped", "addrs", e.ConnectString())
	})
	return e.stopErr
}

func (e *Ensemble) isStopped() bool {
	select {
	case <-e.stopping:
		return true
	default:
		return false
	}
}

// untilStop returns a context that ends with ErrStopped when Stop begins. release waits for what watches.
func (e *Ensemble) untilStop(ctx context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-e.stopping:
			cancel(ErrStopped)
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel(nil)
		watch.Wait()
	}
}

// each does something with all servers at once, and returns when it is done with all.
func (e *Ensemble) each(do func(*Server)) {
	var wg sync.WaitGroup
	for _, s := range e.servers {
		wg.Go(func() { do(s) })
	}
	wg.Wait()
}
