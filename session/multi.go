package session

import (
	"context"
	"errors"
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
	path := ""
	if len(ops) > 0 {
		path = ops[0].path
	}
	var b jute
	for _, op := range ops {
		s.encode(&b, op)
	}
	multi := newDirect(opMulti, b.i32(-1).flag(true).i32(-1))
	err := s.submit(ctx, multi)
	var r *reading
	if err == nil {
		r, err = s.result(ctx, multi)
	}
	var results []Result
	if err == nil {
		results, err = s.results(r, len(ops))
	}
	if err != nil {
		return nil, &OpError{Op: "multi", Path: path, Err: err}
	}
	return results, nil
}

// encode adds an operation to a multi: a header, and what the request alone would have.
func (s *Session) encode(b *jute, op Op) {
	path := s.abs(op.path)
	switch op.kind {
	case kindCreate:
		acl := op.acl
		if acl == nil {
			acl = OpenACL()
		}
		b.i32(opCreate).flag(false).i32(-1).str(path).data(op.data).acl(acl).i32(int32(op.mode))
	case kindSet:
		b.i32(opSetData).flag(false).i32(-1).str(path).data(op.data).i32(op.version)
	case kindDelete:
		b.i32(opDelete).flag(false).i32(-1).str(path).i32(op.version)
	default:
		b.i32(opCheck).flag(false).i32(-1).str(path).i32(op.version)
	}
}

// results reads the reply to a multi of n operations.
func (s *Session) results(r *reading, n int) ([]Result, error) {
	results := make([]Result, 0, n)
	for {
		op, done, _ := r.i32(), r.flag(), r.i32()
		switch {
		case r.broken || len(results) == n != done:
			return nil, unknown(errFrame)
		case done:
			return results, nil
		}
		var one Result
		switch op {
		case opCreate:
			one.Path = s.rel(r.str())
		case opSetData:
			stat := r.stat()
			one.Stat = &stat
		case opError:
			// Before the one that was refused there are others, with the code 0: they were not applied either.
			if code := r.i32(); code != 0 {
				return nil, &MultiError{Index: len(results), Err: fromServer(errOf(code))}
			}
		}
		results = append(results, one)
	}
}

// isRefusal reports whether err is a multi that a server refused.
func isRefusal(err error) bool {
	var m *MultiError
	return errors.As(err, &m)
}
