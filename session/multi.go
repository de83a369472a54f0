package session

import (
	"context"
	"errors"

	"github.com/go-zookeeper/zk"
)

// An Op is one operation of a [Session.Multi]. Make one with [Check], [CreateOp], [SetOp] or [DeleteOp].
type Op struct {
	kind    opKind
	path    string
	data    []byte
	version int32
	mode    Mode
	acl     []ACL
}

type opKind int

const (
	kindCheck opKind = iota
	kindCreate
	kindSet
	kindDelete
)

// Check refuses the whole multi unless path exists with that version; [AnyVersion] asks for existence only. It needs the right to read.
func Check(path string, version int32) Op { return Op{kind: kindCheck, path: path, version: version} }

// CreateOp creates a znode. A nil acl is [OpenACL].
func CreateOp(path string, data []byte, mode Mode, acl []ACL) Op {
	return Op{kind: kindCreate, path: path, data: data, mode: mode, acl: acl}
}

// SetOp replaces a znode's data if its version is the given one.
func SetOp(path string, data []byte, version int32) Op {
	return Op{kind: kindSet, path: path, data: data, version: version}
}

// DeleteOp removes a znode if its version is the given one.
func DeleteOp(path string, version int32) Op {
	return Op{kind: kindDelete, path: path, version: version}
}

// A Result is what one operation of a multi did: the path that a create made, the metadata that a set left.
type Result struct {
	Path string
	Stat *Stat
}

// Multi applies all operations in one transaction, or none. A refusal is a [*MultiError], which unwraps to the reason and says which operation it was;
// nothing is applied then. An [ErrUnknownOutcome] leaves open whether all are applied.
func (s *Session) Multi(ctx context.Context, ops ...Op) ([]Result, error) {
	reqs := make([]any, len(ops))
	for i, op := range ops {
		reqs[i] = s.request(op)
	}
	path := ""
	if len(ops) > 0 {
		path = ops[0].path
	}
	return write(ctx, s, "multi", path, func(c *zk.Conn) ([]Result, error) {
		answers, err := c.Multi(reqs...)
		for i, a := range answers {
			if a.Error != nil {
				return nil, &MultiError{Index: i, Err: fromServer(a.Error)}
			}
		}
		if err != nil {
			return nil, err
		}
		results := make([]Result, len(answers))
		for i, a := range answers {
			results[i] = Result{Path: s.rel(a.String), Stat: a.Stat}
		}
		return results, nil
	})
}

func (s *Session) request(op Op) any {
	path := s.abs(op.path)
	switch op.kind {
	case kindCreate:
		acl := op.acl
		if acl == nil {
			acl = OpenACL()
		}
		return &zk.CreateRequest{Path: path, Data: op.data, Acl: acl, Flags: int32(op.mode)}
	case kindSet:
		return &zk.SetDataRequest{Path: path, Data: op.data, Version: op.version}
	case kindDelete:
		return &zk.DeleteRequest{Path: path, Version: op.version}
	default:
		return &zk.CheckVersionRequest{Path: path, Version: op.version}
	}
}

// isRefusal reports whether err is a multi that a server refused.
func isRefusal(err error) bool {
	var m *MultiError
	return errors.As(err, &m)
}
