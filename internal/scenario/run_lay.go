package scenario

import (
	"context"
	"fmt"
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
	f := r.server.fleet
	leader, err := f.leads(ctx)
	if err != nil {
		return err
	}
	var stay []int
	for i, addr := range r.server.addrs {
		if (i == leader) == (r.cfg.Where == WhereLeader) && len(r.apart) < r.cfg.Where.spared(len(r.server.addrs)) {
			r.apart = append(r.apart, i)
			continue
		}
		stay = append(stay, i)
		r.far = append(r.far, addr)
	}
	r.near = []string{r.server.addrs[r.apart[0]]}
	r.rec.now(Event{Who: WhoHarness, What: Note, Detail: fmt.Sprintf("%s leads, the holder talks to %s only", f.names[leader], f.names[r.apart[0]])})
	if f.links == nil {
		return nil
	}
	for _, i := range r.apart {
		for _, j := range stay {
			r.cut = append(r.cut, f.links(i, j)...)
		}
	}
	return nil
}
