// Package containers starts a real ZooKeeper of one to five servers in containers, with a Toxiproxy beside it: for tests of what only an
// ensemble does, and for faults that a process on the loopback interface cannot have. It needs a Docker engine on this machine.
//
//	func TestMyService(t *testing.T) {
//		zk := containers.Run(t, containers.Config{Servers: 3})
//		link, err := zk.Link(t.Context(), "mine", zk.Servers()[0].Upstream()) // through Toxiproxy: to be cut and healed
//		svc := myservice.New(link.Addr())
//		...
//		leader, err := zk.Leader(t.Context())
//		err = leader.Disconnect(t.Context(), containers.Peers) // The others elect another one; clients still reach this one.
//	}
//
// # Two networks
//
// The servers talk to each other on one network, and to clients and Toxiproxy on another. So a server can be cut off from its peers while clients
// reach it, from its clients while its peers do, or from both. Packets are then lost, those that open a connection included: no reset, no refusal.
//
//	this process ──127.0.0.1──┬───────────────┐
//	                          │           Toxiproxy
//	clients       ──┬─────────┴─────┬─────────┴─────┬──
//	               zk1             zk2             zk3
//	peers         ──┴───────────────┴───────────────┴──
//
// A client of this process that dials [Server.Addr] goes through the engine's own port forwarding, which ends its connections when the server is
// disconnected from its clients. One that goes through a link sees what a client on the network would.
//
// # Images
//
// The official images are the default, and names in the environment replace them: ZKKIT_ZOOKEEPER_IMAGE and ZKKIT_TOXIPROXY_IMAGE. On a machine
// without a registry, docker/build makes both from Debian packages and this source, and what it made is found without any setting.
//
// # What is left behind
//
// [Ensemble.Stop] removes all that Start made: containers, their volumes, networks. What a process that was killed left behind is removed by the
// next [Start] on that machine. The reaper container of testcontainers-go is not needed and not started; where one runs in this process
// anyway, it knows of these containers by their labels, and takes them along when the process dies. Images are never removed.
// All ports are published on the loopback interface only.
package containers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zkkit/zkkit/internal/docker"
	"github.com/zkkit/zkkit/partition"
)

// An Ensemble is a running ZooKeeper and a Toxiproxy, in containers. [Start] makes it, and whoever made it calls Stop.
// It is safe for concurrent use. The zero Ensemble is not usable.
type Ensemble struct {
	cfg      Config
	engine   *docker.Engine
	id       string // Names all that belongs to it.
	labels   map[string]string
	networks [2]network // By Side: Clients and Peers.
	servers  []*Server
	proxy    *toxiproxyContainer

	change  sync.Mutex  // Held by Stop and by who makes a link.
	stopped atomic.Bool // Written with change held.
	stopErr error       // guarded by change
}

// Servers returns the servers, by their number. The slice is the caller's.
func (e *Ensemble) Servers() []*Server { return slices.Clone(e.servers) }

// Addrs returns the client address of each server, host:port on the loopback interface. They stay the same over Restart and Reconnect.
func (e *Ensemble) Addrs() []string {
	addrs := make([]string, len(e.servers))
	for i, s := range e.servers {
		addrs[i] = s.Addr()
	}
	return addrs
}

// ConnectString returns the addresses joined by commas, as ZooKeeper clients take them.
func (e *Ensemble) ConnectString() string { return strings.Join(e.Addrs(), ",") }

// Version returns what the first server said its version is when it started, such as "3.9.5".
func (e *Ensemble) Version() string { return e.servers[0].version }

// ClientNetwork returns the name of the network on which the servers and Toxiproxy have their names (zk1, zk2, ..., toxiproxy), for containers
// of one's own: a service under test, a database. Whoever connects a container to it removes that container before Stop.
func (e *Ensemble) ClientNetwork() string { return e.networks[Clients].name }

// Network returns the network of links through Toxiproxy, to heal all of them, for its timeline, and for its caveats.
func (e *Ensemble) Network() *partition.Network { return e.proxy.network }

// Leader returns the server that leads: it says so, nobody else does, and with those that follow it is a majority; a single server leads
// itself. It blocks until there is one, until ctx ends, or for a minute, and then fails with ErrNoLeader and what each server said.
// A server that is paused, stopped or out of reach says nothing.
func (e *Ensemble) Leader(ctx context.Context) (*Server, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("after %v", startTimeout))
	defer cancel()
	for {
		modes := e.modes(ctx)
		if i, ok := leaderOf(modes); ok {
			return e.servers[i], nil
		}
		if err := docker.Wait(ctx, probeEvery); err != nil {
			said := make([]string, len(modes))
			for i, m := range modes {
				said[i] = e.servers[i].name + ": " + m
			}
			return nil, fmt.Errorf("%w: %s: %w", ErrNoLeader, strings.Join(said, ", "), err)
		}
	}
}

// modes asks all servers at once what they are. Who does not say is "silent".
func (e *Ensemble) modes(ctx context.Context) []string {
	modes := make([]string, len(e.servers))
	var wg sync.WaitGroup
	for i, s := range e.servers {
		wg.Go(func() {
			modes[i] = "silent"
			if mode, err := s.probe(ctx); err == nil {
				modes[i] = mode
			}
		})
	}
	wg.Wait()
	return modes
}

// leaderOf returns which server leads, given what each says it is.
func leaderOf(modes []string) (leader int, ok bool) {
	if len(modes) == 1 {
		return 0, modes[0] == "standalone"
	}
	leader, voices := -1, 0
	for i, m := range modes {
		switch m {
		case "leader":
			if leader >= 0 {
				return 0, false
			}
			leader = i
			voices++
		case "follower":
			voices++
		}
	}
	return leader, leader >= 0 && voices > len(modes)/2
}

// Stop heals and closes the links and removes all that Start made, whatever state it is in. It blocks until that is done, or gives up after two
// minutes, when the engine does not answer: then the error says what is left, and the next Start removes it if this process is no more.
// Stop may be called again, and then returns the same.
func (e *Ensemble) Stop() error {
	e.change.Lock()
	defer e.change.Unlock()
	if e.stopped.Swap(true) {
		return e.stopErr
	}
	var closed error
	if e.proxy != nil && e.proxy.network != nil {
		closed = e.proxy.network.Close()
	}
	e.stopErr = errors.Join(closed, e.remove(context.Background())) // Whatever has become of the caller's own.
	e.cfg.Logger.Info("ZooKeeper stopped", "ensemble", e.id)
	return e.stopErr
}

// remove removes all containers and networks, and lets go of the engine.
func (e *Ensemble) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, docker.RemoveTimeout)
	defer cancel()
	err := e.engine.RemoveAll(ctx, ensembleLabel+"="+e.id)
	_ = e.engine.Close()
	return err
}
