package session

import (
	"context"
	"errors"

	"github.com/go-zookeeper/zk"
)

// The vocabulary of the server, as go-zookeeper names it.
type (
	// Stat is a znode's metadata. Czxid is the transaction that created it, EphemeralOwner the session that it lives in.
	Stat = zk.Stat
	// ACL is one entry of a znode's access control list.
	ACL = zk.ACL
)

// AnyVersion matches every version of a znode.
const AnyVersion int32 = -1

// Mode says how a znode is created.
type Mode int32

// The modes that every server since 3.5 knows.
const (
	Persistent           Mode = zk.FlagPersistent
	Ephemeral            Mode = zk.FlagEphemeral
	PersistentSequential Mode = zk.FlagSequence
	EphemeralSequential  Mode = zk.FlagEphemeralSequential
	Container            Mode = zk.FlagContainer
)

// OpenACL gives everybody every right. It is what a nil ACL means in this package.
func OpenACL() []ACL { return zk.WorldACL(zk.PermAll) }

// DigestACL gives every right to one user of the digest scheme, and none to anybody else.
func DigestACL(user, password string) []ACL { return zk.DigestACL(zk.PermAll, user, password) }

// pending is a request that is on its way.
type pending[T any] struct {
	s    *Session
	done chan struct{}
	v    T
	err  error
}

// start sends a request without waiting for its reply, so that several can be under way at once. It waits only for a connection.
func start[T any](ctx context.Context, s *Session, f func(*zk.Conn) (T, error)) (*pending[T], error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	p := &pending[T]{s: s, done: make(chan struct{})}
	run := func() {
		defer close(p.done)
		p.v, p.err = f(s.conn)
		p.err = s.judge(p.err)
	}
	if !s.goTracked(run) {
		return nil, s.Err()
	}
	return p, nil
}

// wait returns the reply. When ctx or the session ends first, the outcome is unknown, and the request may still be executed, in this session.
func (p *pending[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-p.done:
		return p.v, p.err
	default:
	}
	var zero T
	select {
	case <-p.done:
		return p.v, p.err
	case <-ctx.Done():
		return zero, unknown(context.Cause(ctx))
	case <-p.s.life.Done():
		return zero, unknown(p.s.Err())
	}
}

// judge turns what go-zookeeper returned into what is known: an answer of the server stays what it is, everything else leaves the outcome unknown.
func (s *Session) judge(err error) error {
	err = fromServer(err)
	switch {
	case err == nil || answered(err):
		return err
	case errors.Is(err, zk.ErrSessionExpired):
		s.lose(ErrExpired)
		return s.Err()
	case errors.Is(err, zk.ErrNoServer):
		// Failed out of the queue, which happens at the end of a session only.
		if lost := s.Err(); lost != nil {
			return lost
		}
	}
	return unknown(err)
}

// write sends a request once.
func write[T any](ctx context.Context, s *Session, op, path string, f func(*zk.Conn) (T, error)) (T, error) {
	p, err := start(ctx, s, f)
	var v T
	if err == nil {
		v, err = p.wait(ctx)
	}
	if err != nil {
		return v, &OpError{Op: op, Path: path, Err: err}
	}
	return v, nil
}

// read sends a request, again after each loss of its reply, until ctx or the session ends.
func read[T any](ctx context.Context, s *Session, op, path string, f func(*zk.Conn) (T, error)) (T, error) {
	for {
		p, err := start(ctx, s, f)
		var v T
		if err == nil {
			v, err = p.wait(ctx)
		}
		switch {
		case err == nil:
			return v, nil
		case errors.Is(err, ErrUnknownOutcome) && ctx.Err() == nil && s.Err() == nil:
			continue
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case s.Err() != nil:
			err = s.Err()
		}
		return v, &OpError{Op: op, Path: path, Err: err}
	}
}

// node is what one read of a znode yields.
type node struct {
	data     []byte
	children []string
	stat     *Stat
	exists   bool
}

// Get returns a znode's data and metadata. It is repeated over reconnects until ctx or the session ends.
// As with every read of ZooKeeper, the server may lag behind: call [Session.Sync] first where that matters.
func (s *Session) Get(ctx context.Context, path string) ([]byte, *Stat, error) {
	err := validPath(path)
	for err == nil {
		var b jute
		get := newDirect(opGetData, b.str(s.abs(path)).flag(false))
		if err = s.submit(ctx, get); err != nil {
			break
		}
		r, rerr := s.result(ctx, get)
		if rerr == nil {
			data, stat := r.data(), r.stat()
			if !r.broken {
				return data, &stat, nil
			}
			rerr = errFrame
		}
		if again, why := s.again(ctx, rerr); !again {
			err = why
		}
	}
	return nil, nil, &OpError{Op: "get", Path: path, Err: err}
}

func (s *Session) get(ctx context.Context, path string, f func(*zk.Conn, string) ([]byte, *Stat, error)) (node, error) {
	return read(ctx, s, "get", path, func(c *zk.Conn) (node, error) {
		data, stat, err := f(c, s.abs(path))
		return node{data: data, stat: stat}, err
	})
}

// Exists returns a znode's metadata, or nil when it does not exist. It is repeated as Get is.
func (s *Session) Exists(ctx context.Context, path string) (*Stat, error) {
	n, err := read(ctx, s, "exists", path, func(c *zk.Conn) (node, error) {
		ok, stat, err := c.Exists(s.abs(path))
		return node{exists: ok, stat: stat}, err
	})
	if err != nil || !n.exists {
		return nil, err
	}
	return n.stat, nil
}

// Sync makes the server that this session talks to catch up with the leader. It is no proof of a quorum: a leader answers without one.
func (s *Session) Sync(ctx context.Context, path string) error {
	_, err := read(ctx, s, "sync", path, func(c *zk.Conn) (string, error) { return c.Sync(s.abs(path)) })
	return err
}

// Create creates a znode and returns its path, to which a sequential mode has added ten digits. A nil acl is [OpenACL].
// An [ErrUnknownOutcome] leaves open whether the znode exists: see [Session.CreateProtected] for one that can be found.
func (s *Session) Create(ctx context.Context, path string, data []byte, mode Mode, acl []ACL) (string, error) {
	if acl == nil {
		acl = OpenACL()
	}
	created, err := write(ctx, s, "create", path, func(c *zk.Conn) (string, error) {
		if mode == Container {
			return c.CreateContainer(s.abs(path), data, int32(mode), acl)
		}
		return c.Create(s.abs(path), data, int32(mode), acl)
	})
	return s.rel(created), err
}

// Set replaces a znode's data if its version is the given one, and returns the new metadata.
func (s *Session) Set(ctx context.Context, path string, data []byte, version int32) (*Stat, error) {
	err := validPath(path)
	if err == nil {
		var b jute
		set := newDirect(opSetData, b.str(s.abs(path)).data(data).i32(version))
		if err = s.submit(ctx, set); err == nil {
			var r *reading
			if r, err = s.result(ctx, set); err == nil {
				stat := r.stat()
				if !r.broken {
					return &stat, nil
				}
				err = unknown(errFrame)
			}
		}
	}
	return nil, &OpError{Op: "set", Path: path, Err: err}
}

// Remove deletes a znode whose name is never used twice. It is repeated over reconnects until the znode is surely gone, and returns nil then, also when
// somebody else deleted it. It fails when ctx or the session ends first, or when a server refuses.
func (s *Session) Remove(ctx context.Context, path string) error {
	for {
		err := s.Delete(ctx, path, AnyVersion)
		switch {
		case err == nil || errors.Is(err, ErrNoNode):
			return nil
		case ctx.Err() != nil || !errors.Is(err, ErrUnknownOutcome) || s.Err() != nil:
			return err
		}
	}
}

// RemoveDetached is Remove in the background, for as long as the session lives, whatever happens to the caller's context. Its result goes to done,
// exactly once; done may be nil, and must not block.
func (s *Session) RemoveDetached(path string, done func(error)) {
	if done == nil {
		done = func(error) {}
	}
	if !s.goTracked(func() { done(s.Remove(s.life, path)) }) {
		done(&OpError{Op: "delete", Path: path, Err: s.Err()})
	}
}

// EnsureContainers creates path and what is missing above it, as containers, which the servers remove some time after their last child went;
// as persistent znodes where the servers know no containers. A nil acl is [OpenACL].
func (s *Session) EnsureContainers(ctx context.Context, path string, acl []ACL) error {
	mode := Container
	for {
		_, err := s.Create(ctx, path, nil, mode, acl)
		switch {
		case err == nil || errors.Is(err, ErrNodeExists):
			return nil
		case errors.Is(err, ErrUnimplemented) && mode == Container:
			mode = Persistent
		case errors.Is(err, ErrNoNode):
			parent := Parent(path)
			if parent == "/" {
				return err // a chroot that does not exist
			}
			if err := s.EnsureContainers(ctx, parent, acl); err != nil {
				return err
			}
		case errors.Is(err, ErrUnknownOutcome) && ctx.Err() == nil && s.Err() == nil:
		default:
			return err
		}
	}
}
