package session

import (
	"context"
	"errors"
	"math"

	"github.com/go-zookeeper/zk"
)

// Children returns the names of a znode's children, in no order, and its own metadata. It is repeated as Get is.
func (s *Session) Children(ctx context.Context, path string) ([]string, *Stat, error) {
	err := validPath(path)
	for err == nil {
		list := s.newList(path)
		if err = s.submit(ctx, list); err != nil {
			break
		}
		names, stat, lerr := s.listed(ctx, list)
		if lerr == nil {
			return names, stat, nil
		}
		if again, why := s.again(ctx, lerr); !again {
			err = why
		}
	}
	return nil, nil, &OpError{Op: "children", Path: path, Err: err}
}

// again reports whether a read whose reply was lost is to be sent again, and why not.
func (s *Session) again(ctx context.Context, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case s.Err() != nil:
		return false, s.Err()
	}
	return errors.Is(err, ErrUnknownOutcome), err
}

func (s *Session) newList(path string) *direct {
	var b jute
	return newDirect(opGetChildren2, b.str(s.abs(path)).flag(false))
}

func (s *Session) listed(ctx context.Context, list *direct) ([]string, *Stat, error) {
	r, err := s.result(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	names, stat := r.names(), r.stat()
	if r.broken {
		return nil, nil, errFrame
	}
	return names, &stat, nil
}

// Delete removes a znode without children if its version is the given one.
func (s *Session) Delete(ctx context.Context, path string, version int32) error {
	err := validPath(path)
	if err == nil {
		var b jute
		del := newDirect(opDelete, b.str(s.abs(path)).i32(version))
		if err = s.submit(ctx, del); err == nil {
			_, err = s.result(ctx, del)
		}
	}
	if err != nil {
		return &OpError{Op: "delete", Path: path, Err: err}
	}
	return nil
}

// WatchAll watches znodes for their deletion or change, in one round trip. The watches are in the order of the paths, and the servers answer in that order: of a
// znode that does not exist, [Deleted] is delivered at once, before WatchAll returns. They end with their connection: see [Unsettled]. It is repeated as Get is.
//
// It is the request with which a client restores its watches on a new connection.
func (s *Session) WatchAll(ctx context.Context, paths ...string) ([]*Watch, error) {
	watches, err := s.watchAll(ctx, paths, func(path string) *Watch {
		w := s.newWatch(path, watchData)
		w.direct = true
		return w
	})
	return watches, err
}

func (s *Session) watchAll(ctx context.Context, paths []string, create func(path string) *Watch) ([]*Watch, error) {
	if len(paths) == 0 {
		return nil, s.enter(ctx)
	}
	for {
		watches, err := s.tryWatchAll(ctx, paths, create)
		if err == nil {
			return watches, nil
		}
		if again, why := s.again(ctx, err); !again {
			return nil, &OpError{Op: "watch", Path: paths[0], Err: why}
		}
	}
}

// fromNow is a zxid that no change has reached: what a watch tells of comes after it was set.
const fromNow = math.MaxInt64

func (s *Session) tryWatchAll(ctx context.Context, paths []string, create func(path string) *Watch) (watches []*Watch, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	var b jute
	b.i64(fromNow).i32(int32(len(paths)))
	watches = make([]*Watch, len(paths))
	for i, path := range paths {
		watches[i] = create(path)
		s.expect(watches[i]) // before the request leaves: the event may come before its reply is seen
		b.str(s.abs(path))
	}
	b.i32(0).i32(0) // no watches on the absence of a znode, none on children
	req := newDirect(opSetWatches, &b)
	if err = s.submit(ctx, req); err == nil {
		_, err = s.result(ctx, req)
	}
	for _, w := range watches {
		s.settle(w, watchData, err)
	}
	return watches, err
}

// validPath reports whether a server would take path for one.
func validPath(path string) error {
	if len(path) == 0 || path[0] != '/' || len(path) > 1 && path[len(path)-1] == '/' {
		return zk.ErrInvalidPath
	}
	return nil
}
