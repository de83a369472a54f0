package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// NewGUID returns a random UUID in lower case with dashes, the form that Curator recognises in a protected name.
func NewGUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: it would end the program
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Made is a znode that this session created.
type Made struct {
	// Path ends in the ten digits that the servers added.
	Path string
	// Stat is its metadata. Czxid orders it among everything that the ensemble ever created.
	Stat Stat
}

// CreateProtected creates an ephemeral sequential znode under dir, named _c_<GUID>-<name><10 digits>. Because the GUID is known
// beforehand, a lost reply is no riddle: the znode is looked for on the next connection of this session, and created again only if it is surely not there.
// A nil acl is [OpenACL].
//
// It fails with the cause of ctx, with the session's loss, or with a server's answer, such as [ErrNoNode] when dir is missing. No znode is left behind
// then, or it goes soon: what was created and not handed over is removed in the background, as long as this session lives, and goes with it otherwise.
//
// The scheme is that of Curator's ProtectedMode.
func (s *Session) CreateProtected(ctx context.Context, dir, name string, data []byte, acl []ACL) (Made, error) {
	made, _, err := s.protected(ctx, dir, name, data, acl, false)
	return made, err
}

// Enqueue is CreateProtected, and returns the names of dir's children right after as well. Both are asked for at once, in one round trip: the servers answer
// in the order of the requests.
func (s *Session) Enqueue(ctx context.Context, dir, name string, data []byte, acl []ACL) (Made, []string, error) {
	made, names, err := s.protected(ctx, dir, name, data, acl, true)
	if err != nil || names != nil {
		return made, names, err
	}
	names, _, err = s.Children(ctx, dir)
	if err != nil {
		s.RemoveDetached(made.Path, nil)
		return Made{}, nil, err
	}
	return made, names, nil
}

// protected creates, and lists if that is wanted and comes with it.
func (s *Session) protected(ctx context.Context, dir, name string, data []byte, acl []ACL, list bool) (Made, []string, error) {
	prefix := "_c_" + NewGUID() + "-"
	path := Join(dir, prefix+name)
	if err := validPath(dir); err != nil {
		return Made{}, nil, &OpError{Op: "create", Path: path, Err: err}
	}
	for {
		create := s.newCreate(path, data, EphemeralSequential, acl)
		reqs := []*direct{create}
		if list {
			reqs = append(reqs, s.newList(dir))
		}
		if err := s.submit(ctx, reqs...); err != nil { // not sent
			return Made{}, nil, &OpError{Op: "create", Path: path, Err: err}
		}
		made, err := s.made(ctx, create)
		switch {
		case err == nil && list:
			names, _, lerr := s.listed(ctx, reqs[1])
			if lerr != nil {
				names = nil
			}
			return made, names, nil
		case err == nil:
			return made, nil, nil
		case errors.Is(err, ErrUnimplemented) && create.op == opCreate2:
			s.mu.Lock()
			s.noStat = true
			s.mu.Unlock()
			continue
		case !errors.Is(err, ErrUnknownOutcome):
			return Made{}, nil, &OpError{Op: "create", Path: path, Err: err}
		case ctx.Err() == nil && s.Err() == nil:
			var found *Made
			if found, err = s.find(ctx, dir, prefix); err == nil && found != nil {
				return *found, nil, nil
			}
			if err == nil {
				continue // it was not created
			}
		}
		s.abandon(dir, prefix, create)
		return Made{}, nil, &OpError{Op: "create", Path: path, Err: err}
	}
}

// newCreate asks for create2, whose reply tells the metadata of the new znode, where the servers know it: since 3.5.
func (s *Session) newCreate(path string, data []byte, mode Mode, acl []ACL) *direct {
	if acl == nil {
		acl = OpenACL()
	}
	s.mu.Lock()
	op := int32(opCreate2)
	if s.noStat {
		op = opCreate
	}
	s.mu.Unlock()
	var b jute
	return newDirect(op, b.str(s.abs(path)).str(string(data)).acl(acl).i32(int32(mode)))
}

// made reads the reply to a create. It asks for the metadata where that did not come with it.
func (s *Session) made(ctx context.Context, create *direct) (Made, error) {
	r, err := s.result(ctx, create)
	if err != nil {
		return Made{}, err
	}
	m := Made{Path: s.rel(r.str())}
	if create.op == opCreate2 {
		m.Stat = r.stat()
	} else {
		stat, err := s.Exists(ctx, m.Path)
		if err != nil {
			return Made{}, unknown(err)
		}
		if stat == nil {
			return Made{}, ErrNodeGone
		}
		m.Stat = *stat
	}
	if r.broken {
		return Made{}, unknown(errFrame)
	}
	if m.Stat.EphemeralOwner != s.ID() {
		return Made{}, unknown(fmt.Errorf("%w: %#x", ErrNotOwner, uint64(m.Stat.EphemeralOwner)))
	}
	return m, nil
}

// find returns the child of dir that begins with prefix and belongs to this session, or nil when there surely is none.
func (s *Session) find(ctx context.Context, dir, prefix string) (*Made, error) {
	if err := s.Sync(ctx, dir); err != nil {
		return nil, err
	}
	names, _, err := s.Children(ctx, dir)
	if err != nil && !errors.Is(err, ErrNoNode) {
		return nil, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		stat, err := s.Exists(ctx, Join(dir, name))
		if err != nil {
			return nil, err
		}
		if stat != nil && stat.EphemeralOwner == s.ID() {
			return &Made{Path: Join(dir, name), Stat: *stat}, nil
		}
	}
	return nil, nil //nolint:nilnil // surely none is an answer, and no error
}

// abandon removes, in the background, the znode that a create made or may still make and that nobody wants any more.
func (s *Session) abandon(dir, prefix string, create *direct) {
	s.goTracked(func() {
		made, err := s.made(s.life, create)
		if err == nil {
			_ = s.Remove(s.life, made.Path)
			return
		}
		if !errors.Is(err, ErrUnknownOutcome) {
			return // refused: there is no znode
		}
		for s.Err() == nil { // an ephemeral znode goes with its session
			found, err := s.find(s.life, dir, prefix)
			if err == nil && found != nil {
				err = s.Remove(s.life, found.Path)
			}
			if err == nil || answered(err) {
				return
			}
		}
	})
}
