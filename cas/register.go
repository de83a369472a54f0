package cas

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zkkit/zkkit/session"
)

// A Version tells two states of a node apart. Only a register makes one out of numbers; to everybody else it is equal to another one, or not.
type Version struct {
	// Birth is another one when the node was deleted and made again.
	Birth int64
	// Count is another one after each write.
	Count int64
}

// A Record is a node as it was read.
type Record struct {
	Data    []byte
	Version Version
}

// A Register is where the nodes are: what this package needs of a store. [NewStore] brings its own, for ZooKeeper; another one can be any store with a conditional
// write. It is safe for concurrent use, keeps to ctx, and does not keep the data that it is given.
type Register interface {
	// Read returns a node, or an error that matches ErrAbsent. With fresh it is at least as new as the call; without, it may lag behind. It is
	// repeated until an answer comes.
	Read(ctx context.Context, path string, fresh bool) (Record, error)
	// Create makes a node, and what is missing above it. It returns nil also when somebody else has made it. When it cannot tell, the error matches ErrUnknown.
	Create(ctx context.Context, path string, data []byte) error
	// Write replaces the data of a node of that version, once, and returns its next version. When the node has another version or is gone, the error matches
	// ErrConflict. When it cannot tell whether it was applied, or may be later on, the error matches ErrUnknown. With every other error it was not applied and never will be.
	Write(ctx context.Context, path string, data []byte, old Version) (Version, error)
	// Queued reports whether anybody holds a lock, or waits for it, given what Hold.Path has above its last element.
	Queued(ctx context.Context, lock string) (bool, error)
}

// A Write is one part of a transaction.
type Write struct {
	Path string
	Data []byte
	Old  Version
	// Check means that the node is not written: its version is to be the old one still. Data is what it holds.
	Check bool
}

// A Transactor is a register that can do transactions.
type Transactor interface {
	Register
	// WriteAll applies all writes, or none of them. Its errors are those of Register.Write.
	WriteAll(ctx context.Context, writes []Write) error
}

// ZooKeeper returns the register that [NewStore] uses, for somebody who wants to put something in between. Each node is a znode with the given ACL. What it does it
// does in whatever session the client has: which session that was does not matter to a write that names a version.
func ZooKeeper(client *session.Client, acl []session.ACL) Transactor {
	return &zooKeeper{client: client, acl: acl}
}

// zooKeeper keeps nodes as znodes.
type zooKeeper struct {
	client *session.Client
	acl    []session.ACL
}

// in runs f in the live session, and again in the next one for as long as f did nothing because its session was lost.
func (z *zooKeeper) in(ctx context.Context, f func(s *session.Session) error) error {
	for {
		s, err := z.client.Session(ctx)
		if err != nil {
			return err
		}
		err = f(s)
		if err == nil || ctx.Err() != nil || !errors.Is(err, session.ErrLost) || errors.Is(err, session.ErrUnknownOutcome) || errors.Is(err, session.ErrClosed) {
			return err
		}
	}
}

func (z *zooKeeper) Read(ctx context.Context, path string, fresh bool) (Record, error) {
	var r Record
	err := z.in(ctx, func(s *session.Session) error {
		if fresh {
			if err := s.Sync(ctx, path); err != nil {
				return err
			}
		}
		data, stat, err := s.Get(ctx, path)
		if err == nil {
			r = Record{Data: data, Version: versionOf(stat)}
		}
		return err
	})
	if errors.Is(err, session.ErrNoNode) {
		err = fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return r, err
}

func versionOf(stat *session.Stat) Version {
	return Version{Birth: stat.Czxid, Count: int64(stat.Version)}
}

func (z *zooKeeper) Create(ctx context.Context, path string, data []byte) error {
	return outcome(z.in(ctx, func(s *session.Session) error {
		_, err := s.Create(ctx, path, data, session.Persistent, z.acl)
		if errors.Is(err, session.ErrNoNode) {
			if parent := session.Parent(path); parent != "/" {
				if err = s.EnsureContainers(ctx, parent, z.acl); err == nil {
					_, err = s.Create(ctx, path, data, session.Persistent, z.acl)
				}
			}
		}
		if errors.Is(err, session.ErrNodeExists) {
			return nil
		}
		return err
	}))
}

// Write never sends a bare -1, which servers take for any version.
//
// A znode's version has 32 bits. Servers before 3.9.2 count through -1 when it has come round, and a znode that stands at -1 cannot be written on a condition: neither a
// set nor a check can name that version. But a multi can look at what it has just done itself. It sets the data whatever the version, and checks that the
// version is now 0, which it can only be if it was -1 before; otherwise all of it is refused.
func (z *zooKeeper) Write(ctx context.Context, path string, data []byte, old Version) (Version, error) {
	next := Version{Birth: old.Birth}
	err := z.in(ctx, func(s *session.Session) error {
		if old.Count == int64(session.AnyVersion) {
			_, err := s.Multi(ctx, atMinusOne(path, data)...)
			return err
		}
		stat, err := s.Set(ctx, path, data, int32(old.Count))
		if err == nil {
			next.Count = int64(stat.Version)
		}
		return err
	})
	return next, outcome(err)
}

// atMinusOne writes a znode of version -1, and no other.
func atMinusOne(path string, data []byte) []session.Op {
	return []session.Op{session.SetOp(path, data, session.AnyVersion), session.Check(path, 0)}
}

func (z *zooKeeper) WriteAll(ctx context.Context, writes []Write) error {
	ops := make([]session.Op, 0, len(writes))
	for _, w := range writes {
		switch version := int32(w.Old.Count); {
		case version == session.AnyVersion: // No check can name it: it is written, with what it holds.
			ops = append(ops, atMinusOne(w.Path, w.Data)...)
		case w.Check:
			ops = append(ops, session.Check(w.Path, version))
		default:
			ops = append(ops, session.SetOp(w.Path, w.Data, version))
		}
	}
	return outcome(z.in(ctx, func(s *session.Session) error {
		_, err := s.Multi(ctx, ops...)
		return err
	}))
}

// outcome says of the error of a write what this package wants to know of it.
func outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, session.ErrUnknownOutcome):
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	case errors.Is(err, session.ErrBadVersion) || errors.Is(err, session.ErrNoNode):
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}

func (z *zooKeeper) Queued(ctx context.Context, lock string) (bool, error) {
	queued := false
	err := z.in(ctx, func(s *session.Session) error {
		names, _, err := s.Children(ctx, lock)
		queued = len(names) > 0
		return err
	})
	if errors.Is(err, session.ErrNoNode) {
		return false, nil
	}
	return queued, err
}

// checkPath says what is wrong with the path of a node.
func checkPath(path string) error {
	wrong := ""
	switch {
	case !strings.HasPrefix(path, "/"):
		wrong = "it must begin with /"
	case path == "/":
		wrong = "the root holds no value"
	case strings.HasSuffix(path, "/") || strings.Contains(path, "//"):
		wrong = "an element is empty"
	case strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../"):
		wrong = "it must not be relative"
	default:
		return nil
	}
	return fmt.Errorf("cas: path %q: %s", path, wrong)
}
