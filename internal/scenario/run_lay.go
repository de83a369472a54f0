package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zkkit/zkkit/ensemble"
)

// lay lays the links that the fault is injected into, and says who connects to which servers.
func (r *partitionRun) lay(ctx context.Context) error {
	if r.cfg.Where.amongServers() {
		return r.divide(ctx)
	}
	r.far = r.server.addrs
	if r.cfg.Program != nil {
		return nil // instances have links of their own
	}
	for i, addr := range r.server.addrs {
		name := "holder-zk"
		if i > 0 {
			name = fmt.Sprintf("holder-zk-%d", i+1)
		}
		link, err := r.network.Link(ctx, name, addr)
		if err != nil {
			return err
		}
		r.cut, r.near = append(r.cut, link), append(r.near, link.Addr())
	}
	return nil
}

// divide takes as many servers as are to be cut off from the others, the leader or followers. The holder knows the first of them only, and everybody else knows those that stay.
func (r *partitionRun) divide(ctx context.Context) error {
	leader, err := leaderOf(ctx, r.server.ensemble)
	if err != nil {
		return err
	}
	var apart, stay []*ensemble.Server
	for _, s := range r.server.ensemble.Servers() {
		if (s == leader) == (r.cfg.Where == WhereLeader) && len(apart) < r.cfg.Where.spared(len(r.server.addrs)) {
			apart = append(apart, s)
			continue
		}
		stay = append(stay, s)
		r.far = append(r.far, s.Addr())
	}
	r.near = []string{apart[0].Addr()}
	r.rec.now(Event{Who: WhoHarness, What: Note, Detail: fmt.Sprintf("%s leads, the holder talks to %s only", leader.Name(), apart[0].Name())})
	if r.cfg.Where == WhereLeader {
		r.isolated = leader
		return nil
	}
	for _, a := range apart {
		for _, b := range stay {
			r.cut = append(r.cut, r.server.ensemble.Links(a.Number(), b.Number())...)
		}
	}
	return nil
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
