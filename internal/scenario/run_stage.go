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
	if r.server, err = c.Engine.start(ctx, c.Session); err != nil {
		return err
	}
	within, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
	defer cancel()
	// The observer asks for the same session as the clients, so what it gets is what they get.
	client, err := session.Open(within, session.Config{Servers: r.server.addrs, Timeout: c.Session})
	if err != nil {
		return r.unreachable(ctx, err)
	}
	r.observer = &observer{client: client, rec: r.rec, path: c.LockPath}
	s, err := client.Session(within)
	if err != nil {
		return r.unreachable(ctx, err)
	}
	r.negotiated = s.Timeout()
	r.length = c.For.Of(r.negotiated)
	if r.made, err = r.observer.missing(within, c.LockPath); err != nil {
		return r.unreachable(ctx, err)
	}
	if r.resource, err = newResource(r.rec, c.Recipe == RecipeZklock); err != nil {
		return err
	}
	if r.network, err = partition.New(ctx, partition.Config{}); err != nil {
		return environment(err)
	}
	for i, addr := range r.server.addrs {
		name := "holder-zk"
		if i > 0 {
			name = fmt.Sprintf("holder-zk-%d", i+1)
		}
		link, err := r.network.Link(ctx, name, addr)
		if err != nil {
			return environment(err)
		}
		r.zk = append(r.zk, link)
	}
	if r.res, err = r.network.Link(ctx, "holder-resource", r.resource.addr()); err != nil {
		return environment(err)
	}
	return r.connect(within)
}

func (r *partitionRun) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return environment(fmt.Errorf("ZooKeeper at %s cannot be used: %w", strings.Join(r.server.addrs, ","), err))
}

// connect opens the clients: the holder by way of the links, the others directly.
func (r *partitionRun) connect(ctx context.Context) error {
	links := make([]string, len(r.zk))
	for i, l := range r.zk {
		links[i] = l.Addr()
	}
	for i := range r.cfg.Clients {
		who, servers, resource := WhoHolder, links, r.res.Addr()
		if i > 0 {
			who, servers, resource = WhoWaiter, r.server.addrs, r.resource.addr()
		}
		if i > 1 {
			who = fmt.Sprintf("%s-%d", WhoWaiter, i)
		}
		w, err := newWriter(ctx, r.rec, who, resource)
		if err != nil {
			return environment(err)
		}
		var c client
		if r.cfg.Recipe == RecipeStock {
			c, err = newStock(ctx, r.rec, who, servers, r.cfg.Session, r.cfg.LockPath)
		} else {
			c, err = newOurs(ctx, r.rec, who, servers, r.cfg.Session, r.cfg.LockPath)
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
	r.playing.Wait()
	var wg sync.WaitGroup
	for _, a := range r.actors {
		wg.Go(a.client.close)
	}
	wg.Wait()
	if r.observer != nil {
		r.observer.wg.Wait()
		r.observer.cleanUp(ctx, r.made)
		_ = r.observer.client.Close()
	}
	if r.network != nil {
		_ = r.network.Close()
	}
	if r.resource != nil {
		r.resource.close()
	}
	if r.server != nil {
		_ = r.server.stop()
	}
}
