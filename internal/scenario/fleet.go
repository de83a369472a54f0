package scenario

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/ensemble/containers"
	"github.com/zkkit/zkkit/partition"
)

// A fleet is the servers of a run, where they can be cut off from each other. Servers are named by their place in names.
type fleet struct {
	names []string
	// leads waits until one of them leads, and returns which.
	leads func(ctx context.Context) (int, error)
	// links returns the links between two of them; nil where it is the network that is cut, by the other two.
	links   func(i, j int) []*partition.Link
	isolate func(ctx context.Context, apart []int) error
	heal    func(ctx context.Context, apart []int) error
}

// localFleet is of processes of this machine: on links, or in namespaces.
func localFleet(e *ensemble.Ensemble, namespaces bool) *fleet {
	servers := e.Servers()
	f := &fleet{leads: func(ctx context.Context) (int, error) {
		leader, err := leaderOf(ctx, e)
		return slices.Index(servers, leader), err
	}}
	for _, s := range servers {
		f.names = append(f.names, s.Name())
	}
	if !namespaces {
		f.links = func(i, j int) []*partition.Link { return e.Links(servers[i].Number(), servers[j].Number()) }
		return f
	}
	f.isolate = func(ctx context.Context, apart []int) error {
		var some []*ensemble.Server
		for _, i := range apart {
			some = append(some, servers[i])
		}
		return e.Isolate(ctx, some...)
	}
	f.heal = func(ctx context.Context, _ []int) error { return e.Heal(ctx) }
	return f
}

// leaderOf waits until somebody leads.
func leaderOf(ctx context.Context, e *ensemble.Ensemble) (*ensemble.Server, error) {
	for {
		leader, err := e.Leader(ctx)
		if !errors.Is(err, ensemble.ErrNoLeader) {
			return leader, err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// containerFleet is of containers, whose peers are on a network of their own.
func containerFleet(e *containers.Ensemble) *fleet {
	servers := e.Servers()
	each := func(apart []int, do func(*containers.Server) error) error {
		var errs []error
		for _, i := range apart {
			errs = append(errs, do(servers[i]))
		}
		return errors.Join(errs...)
	}
	f := &fleet{
		leads: func(ctx context.Context) (int, error) {
			leader, err := e.Leader(ctx)
			return slices.Index(servers, leader), err
		},
		isolate: func(ctx context.Context, apart []int) error {
			return each(apart, func(s *containers.Server) error { return s.Disconnect(ctx, containers.Peers) })
		},
		heal: func(ctx context.Context, apart []int) error {
			return each(apart, func(s *containers.Server) error { return s.Reconnect(ctx, containers.Peers) })
		},
	}
	for _, s := range servers {
		f.names = append(f.names, s.Name())
	}
	return f
}
