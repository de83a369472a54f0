package cas

import (
	"context"
	"time"
)

// Stats is what an update took. It is a value.
type Stats struct {
	// Attempts is how many writes were sent for this update, the one that was applied included. Those that were sent again because their outcome was not known count once.
	Attempts int
	// Combined is how many updates shared the write, this one included.
	Combined int
	// Resolved is how often the reply to a write was lost, and the node itself showed what had become of it.
	Resolved int
	// Promoted is whether the update took the lock of [Promotion].
	Promoted bool
	// Took is the time from the call to the result.
	Took time.Duration
}

// Update replaces the value of a node by what f makes of it, and returns that. A node that is not there, or that holds no value, is V's zero value to f; it is made. It blocks until the
// value is written, until it has lost [Config.Attempts] times, or until ctx ends.
//
// Its effect is that of one write at one moment, exactly once, whatever happened to connections and sessions in the meantime. f may be called several
// times, in other goroutines, and also with values that are never written; only its last result counts. It must do nothing but compute, and must not call this package.
//
// When Update fails, nothing of it was written, and nothing will be; the only exception is an [*UnknownError]. It fails with f's own error, which was true of the value at one moment during
// the call; a [*PanicError]; a [*SizeError] if the value becomes too large; a [*ContendedError]; a [*FormatError]; what [Promotion.Lock] or a server said; the cause of ctx; or
// [ErrClosed]. When ctx ends while a write is under way, that is an UnknownError. When it ends while f runs, Update returns and f is left to itself.
//
// Updates of one store that want the same node at the same time are applied one after the other, in the order in which they came, and written at once. Each has its own result, and
// one that fails has no effect on the others; one whose function takes its time keeps them waiting for a moment only.
//
// At most one codec may be given; without one, bytes are stored as they are and everything else as JSON. All who use a node must use the same.
func Update[V any](ctx context.Context, s *Store, path string, f func(V) (V, error), codec ...Codec[V]) (V, Stats, error) {
	c := codecOf(codec)
	began := time.Now()
	r := &request{began: began, done: make(chan reply, 1), apply: func(e *envelope) (any, []byte, error) {
		v, err := valueOf(e, c)
		if err != nil {
			return nil, nil, &FormatError{Path: path, Err: err}
		}
		if v, err = f(v); err != nil {
			return nil, nil, err
		}
		data, err := c.Encode(v)
		if err != nil {
			return nil, nil, err
		}
		return v, data, nil
	}}
	got := s.do(ctx, path, r)
	got.stats.Took = time.Since(began)
	v, _ := got.value.(V)
	return v, got.stats, got.err
}

// do has a request served, and returns what became of it.
func (s *Store) do(ctx context.Context, path string, r *request) reply {
	if ctx.Err() != nil {
		return reply{err: context.Cause(ctx)}
	}
	l, err := s.lane(path)
	if err != nil {
		return reply{err: err}
	}
	defer s.release(l)
	return l.do(ctx, r)
}

// Get returns the value of a node, as it was at one moment during the call. It fails with [ErrAbsent] when there is none, with a [*FormatError], with what a server said, or with the
// cause of ctx. It asks the server to catch up with the leader first, which is as near to the newest value as ZooKeeper reads come: a leader that was deposed and does not
// know it yet can still tell an older one.
func Get[V any](ctx context.Context, s *Store, path string, codec ...Codec[V]) (V, error) {
	var zero V
	if err := checkPath(path); err != nil {
		return zero, err
	}
	now, err := s.read(ctx, path, true)
	if err != nil {
		return zero, err
	}
	if !now.present {
		return zero, &absentError{path: path}
	}
	v, err := valueOf(&now.envelope, codecOf(codec))
	if err != nil {
		return zero, &FormatError{Path: path, Err: err}
	}
	return v, nil
}

// absentError is a node without a value.
type absentError struct{ path string }

func (e *absentError) Error() string        { return "cas: " + e.path + ": no value yet" }
func (e *absentError) Is(target error) bool { return target == ErrAbsent }

func valueOf[V any](e *envelope, c Codec[V]) (V, error) {
	if !e.present {
		var zero V
		return zero, nil
	}
	return c.Decode(e.value)
}

// read reads a node.
func (s *Store) read(ctx context.Context, path string, fresh bool) (state, error) {
	r, err := s.reg.Read(ctx, path, fresh)
	if err != nil {
		return state{}, err
	}
	e, err := decode(r.Data)
	if err != nil {
		return state{}, &FormatError{Path: path, Err: err}
	}
	return state{envelope: e, version: r.Version}, nil
}
