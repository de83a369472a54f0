package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
)

// patience bounds what ought to take no time: connecting, queueing, answering.
const patience = 6 * time.Second

// prepare starts what a run needs and learns what session the servers give.
func (r *partitionRun) prepare(ctx context.Context) error {
	c := r.cfg
	var err error
	if r.network, err = partition.New(ctx, partition.Config{}); err != nil {
		return environment(err)
	}
	quorum := r.network
	if !c.Where.amongServers() || c.Where == WhereLeader || c.Engine.Kind == EngineDocker {
		quorum = nil // servers that nobody cuts off need no links between them, and a leader is not isolated by any
	}
	if r.server, err = c.Engine.start(ctx, c.Session, quorum); err != nil {
		return err
	}
	within, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
	defer cancel()
	if err := r.lay(within); err != nil {
		return environment(err)
	}
	if err := r.observe(within); err != nil {
		return r.unreachable(ctx, err)
	}
	r.length = c.For.Of(r.negotiated)
	if r.made, err = r.observer.missing(within, c.LockPath); err != nil {
		return r.unreachable(ctx, err)
	}
	if c.Program != nil {
		return r.prepareInstances(within)
	}
	r.resource = newResource(r.rec, c.Recipe != RecipeStock)
	if r.resourceAddr, err = r.resource.listen(""); err != nil {
		return err
	}
	if r.res, err = r.network.Link(ctx, "holder-resource", r.resourceAddr); err != nil {
		return environment(err)
	}
	return r.connect(within)
}

// observe opens the observer's connection, and learns what session the servers give to those who ask for what the clients ask for.
func (r *partitionRun) observe(ctx context.Context) error {
	client, err := session.Open(ctx, session.Config{Servers: r.far, Timeout: r.cfg.Session})
	if err != nil {
		return err
	}
	s, err := client.Session(ctx)
	if err != nil {
		_ = client.Close()
		return err
	}
	r.negotiated = s.Timeout()
	if r.cfg.Where == WhereLeader {
		_ = client.Close() // whoever watches an election must outlast it
		if client, err = session.Open(ctx, session.Config{Servers: r.far, Timeout: max(r.cfg.Session, longSession)}); err != nil {
			return err
		}
	}
	r.observer = &observer{client: client, rec: r.rec, path: r.cfg.LockPath}
	return nil
}

// longSession outlasts every election.
const longSession = 30 * time.Second

func (r *partitionRun) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return environment(fmt.Errorf("ZooKeeper at %s cannot be used: %w", strings.Join(r.server.addrs, ","), err))
}

// connect opens the clients: the holder by way of the links, the others directly.
func (r *partitionRun) connect(ctx context.Context) error {
	for i := range r.cfg.Clients {
		who, servers, resource := WhoHolder, r.near, r.res.Addr()
		if i > 0 {
			who, servers, resource = WhoWaiter, r.far, r.resourceAddr
		}
		if i > 1 {
			who = fmt.Sprintf("%s-%d", WhoWaiter, i)
		}
		w, err := newWriter(ctx, r.rec, who, resource)
		if err != nil {
			return environment(err)
		}
		renewal := session.RenewByWrites
		if r.cfg.Recipe == RecipePings {
			renewal = session.RenewByPings
		}
		var c client
		if r.cfg.Recipe == RecipeStock {
			c, err = newStock(ctx, r.rec, who, servers, r.cfg.Session, r.cfg.LockPath)
		} else {
			c, err = newOurs(ctx, r.rec, who, servers, r.cfg.Session, r.cfg.LockPath, renewal)
		}
		if err != nil {
			w.close()
			return environment(fmt.Errorf("%s: %w", who, err))
		}
		r.actors = append(r.actors, newActor(who, c, r.rec, w))
	}
	return nil
}

// close gives everything back, in the order in which it can be given back, however far the run came.
func (r *partitionRun) close(ctx context.Context) {
	patience := patience
	if r.cfg.Program != nil {
		patience += r.cfg.Program.Grace
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if r.network != nil {
		if err := r.network.Heal(ctx); err != nil && !errors.Is(err, partition.ErrClosed) {
			r.rec.now(Event{Who: WhoHarness, What: Note, Detail: err.Error()})
		}
	}
	if r.stopAll != nil {
		r.stopAll()
	}
	for _, a := range r.actors {
		a.writer.close()
	}
	r.endInstances()
	r.playing.Wait()
	var wg sync.WaitGroup
	for _, a := range r.actors {
		wg.Go(a.client.close)
	}
	wg.Wait()
	if r.observer != nil {
		r.observer.wg.Wait()
		if r.owners != nil {
			r.owners.remove(ctx)
		}
		r.observer.cleanUp(ctx, r.made)
		_ = r.observer.client.Close()
	}
	if r.network != nil {
		_ = r.network.Close()
	}
	for _, i := range r.instances {
		i.close()
	}
	if r.resource != nil {
		r.resource.close()
	}
	if r.server != nil {
		_ = r.server.stop()
	}
}
