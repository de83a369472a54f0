package scenario

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/zkkit/zkkit/session"
)

// observer reads the truth from ZooKeeper, on a connection of its own that is never cut.
type observer struct {
	client *session.Client
	rec    *recorder
	path   string
	wg     sync.WaitGroup
}

// child is a node in the lock's directory.
type child struct {
	path  string
	token uint64
}

// queue returns the nodes in the lock's directory, the oldest first, as the leader has them. A directory that is not there is an empty one.
func (o *observer) queue(ctx context.Context) ([]child, error) {
	s, err := o.client.Session(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Sync(ctx, "/"); err != nil {
		return nil, err
	}
	names, _, err := s.Children(ctx, o.path)
	if err != nil && !errors.Is(err, session.ErrNoNode) {
		return nil, err
	}
	var all []child
	for _, name := range names {
		path := session.Join(o.path, name)
		stat, err := s.Exists(ctx, path)
		if err != nil {
			return nil, err
		}
		if stat != nil {
			all = append(all, child{path, uint64(stat.Czxid)})
		}
	}
	sortChildren(all)
	return all, nil
}

// waitFor waits until n contenders are in the queue.
func (o *observer) waitFor(ctx context.Context, n int) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		all, err := o.queue(ctx)
		if err != nil {
			return err
		}
		if len(all) >= n {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lookEvery is the pause between two looks at the holder's node; what the observer says is known to that and the time of a look.
const lookEvery = 5 * time.Millisecond

// watch follows one node to its end, in the background, until ctx ends.
func (o *observer) watch(ctx context.Context, node child) {
	o.wg.Go(func() {
		seen, gone, err := o.follow(ctx, node.path)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			o.rec.now(Event{Who: WhoObserver, What: ObserverLost, Detail: err.Error()})
		default:
			o.rec.add(seen, Event{Who: WhoObserver, What: NodeSeen, Token: node.token})
			o.rec.add(gone, Event{Who: WhoObserver, What: NodeGone, Token: node.token, Zxid: o.lastChange(ctx, node.token)})
		}
	})
}

// follow returns when the node was last known to exist, as the beginning of the last reading that found it, and when it was first known to be gone. It
// fails when the node is not there to begin with.
func (o *observer) follow(ctx context.Context, path string) (seen, gone time.Time, err error) {
	s, err := o.client.Session(ctx)
	if err != nil {
		return seen, gone, err
	}
	poll := time.NewTicker(lookEvery)
	defer poll.Stop()
	seen = time.Now()
	stat, deleted, err := s.ExistsW(ctx, path)
	if err != nil || stat == nil {
		return seen, gone, errors.Join(err, errors.New("the holder's node was not there to begin with"))
	}
	for {
		began := time.Now()
		if err := s.Sync(ctx, path); err != nil {
			return seen, gone, err
		}
		stat, err := s.Exists(ctx, path)
		if err != nil {
			return seen, gone, err
		}
		if stat == nil {
			return seen, time.Now(), nil
		}
		seen = began
		select {
		case ev := <-deleted.C:
			if ev.Type == session.Deleted {
				return seen, time.Now(), nil
			}
			if _, deleted, err = s.ExistsW(ctx, path); err != nil {
				return seen, gone, err
			}
		case <-poll.C:
		case <-ctx.Done():
			return seen, gone, context.Cause(ctx)
		}
	}
}

// lastChange returns the zxid of the newest creation or deletion in the lock's directory, 0 if that cannot be the deletion of what had the token.
func (o *observer) lastChange(ctx context.Context, token uint64) uint64 {
	s, err := o.client.Session(ctx)
	if err != nil {
		return 0
	}
	stat, err := s.Exists(ctx, o.path)
	if err != nil || stat == nil || uint64(stat.Pzxid) <= token {
		return 0
	}
	return uint64(stat.Pzxid)
}

// cleanUp removes the lock's directory, and what stands above it and was made for it, as far as nobody else uses it.
func (o *observer) cleanUp(ctx context.Context, made []string) {
	s, err := o.client.Session(ctx)
	if err != nil {
		return
	}
	for _, path := range made {
		if err := s.Delete(ctx, path, session.AnyVersion); err != nil && !errors.Is(err, session.ErrNoNode) {
			return
		}
	}
}

// missing returns which of path and what stands above it do not exist, the deepest first.
func (o *observer) missing(ctx context.Context, path string) ([]string, error) {
	s, err := o.client.Session(ctx)
	if err != nil {
		return nil, err
	}
	var made []string
	for ; path != "/"; path = session.Parent(path) {
		stat, err := s.Exists(ctx, path)
		if err != nil {
			return nil, err
		}
		if stat == nil {
			made = append(made, path)
		}
	}
	return made, nil
}

func sortChildren(all []child) {
	slices.SortFunc(all, func(a, b child) int { return cmp.Compare(a.token, b.token) })
}
