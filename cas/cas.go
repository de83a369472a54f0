// Package cas updates values in ZooKeeper that many want to change, without a lock: read, compute, and write if nobody else has written meanwhile, each update exactly once.
//
//	store, err := cas.NewStore(client, cas.Config{})
//	profile, _, err := cas.Update(ctx, store, "/profiles/42", func(p Profile) (Profile, error) {
//		p.Visits++
//		return p, nil
//	})
//
// [Counter] and [Stock] are made of it, for the two most common cases; [Txn] changes several nodes at once.
//
// # Exactly once
//
// When a connection ends between a write and its answer, nobody has told the client whether it was applied. To write again may do it twice, to give up may lose it. So each write
// leaves a trace in the node, next to the value: who wrote, and which of his operations it was. A client that has heard nothing reads the node and knows. Of each client the newest trace is kept, and of a bounded
// number of clients, those that wrote last: see [Config.Traces]. If that many others have written before one can look, an [*UnknownError] says that nobody knows. It is never guessed.
//
// # Many at once
//
// Updates of one [Store] that want the same node at the same time are combined: one write applies all of them, and each caller has its own result. That is what makes the difference where many
// want one node. Between stores, those who would be in each other's way take turns, by the order that the traces show: see [TakeTurns]. One who keeps losing all the same, because he is far away or takes
// long to compute, can be promoted: he takes a fair lock, during which nobody else writes. See [Promotion].
//
// # When not to
//
// If a value depends on more than the node, or if something is to be done and not only written, it takes a lock: see package zklock. If all of it is in an SQL database, one conditional
// statement there does what Stock does. docs/cas-or-lock.md compares them, with figures.
//
// # Format
//
// What is in a znode is described at the type envelope. Who changes a node must use this package: a write by anything else is noticed, and ends in [ErrFormat] or in [ErrUnknown]. A node may be
// made beforehand with no data.
package cas

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zkkit/zkkit/session"
)

// The limits of [Config].
const (
	// DefaultAttempts is how often an update may lose where a zero [Config.Attempts] is given.
	DefaultAttempts = 64
	// DefaultTraces is what a zero [Config.Traces] means.
	DefaultTraces = 128
	// MostTraces is the most that [Config.Traces] may be.
	MostTraces = 1024
	// DefaultMaxValue is what a zero [Config.MaxValue] means. A stock server refuses requests of 1,048,575 bytes, by closing the connection.
	DefaultMaxValue = 1_000_000
)

// A Config says how values are updated. Its zero value is useful.
type Config struct {
	// Attempts is how often an update may lose against others before it fails with a [*ContendedError]. 0 means DefaultAttempts.
	Attempts int
	// Backoff is what an update does that has lost; the default is TakeTurns.
	Backoff Backoff
	// Promotion says when an update takes a lock instead. The zero value: never.
	Promotion Promotion
	// Alone gives each update a write of its own. Otherwise those of one store that want the same node at the same time share one.
	Alone bool
	// Traces is how many clients a node remembers, of those that wrote it last; 0 means DefaultTraces. When the reply to a write is lost, and that many others have written
	// before this client can look, its outcome is unknown for good. Each takes about 12 bytes of the node. All who write a node should agree: the least counts.
	Traces int
	// MaxValue is how many bytes a value may have, encoded; 0 means DefaultMaxValue.
	MaxValue int
	// ACL is put on nodes that are created; nil means that everybody has every right.
	ACL []session.ACL
}

// A Promotion is how an update that keeps losing becomes one that cannot lose: it takes a fair lock, and writes the lock's name into the node. As long as it is
// there nobody writes the node but under that lock. The lock's holder takes it out with its own write. Should it die before, its place in the lock goes with its session, and
// the name has no effect any more once nobody holds that lock or waits for it.
type Promotion struct {
	// After is how often an update loses before that; 0 means 8.
	After int
	// Lock takes the lock that belongs to a node, and returns a hold of it. Nil: updates are never promoted. It must be the same lock for all who write the node.
	//
	//	func(ctx context.Context, path string) (cas.Hold, error) {
	//		m, err := zklock.NewMutex(client, path+"-lock", zklock.Config{})
	//		if err != nil {
	//			return nil, err
	//		}
	//		return m.Lock(ctx)
	//	}
	Lock func(ctx context.Context, path string) (Hold, error)
}

// A Hold is a lock that is held; *zklock.Hold is one.
type Hold interface {
	// Path names a node that is there while the lock is held: a child of the lock's directory.
	Path() string
	// Err returns nil while it is held, as far as that is known here.
	Err() error
	// Unlock gives the lock back. What it cannot finish within ctx it goes on with in the background.
	Unlock(ctx context.Context) error
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Attempts < 0 || c.Promotion.After < 0 || c.MaxValue < 0:
		return c, errors.New("cas: a negative number in Config")
	case c.Traces < 0 || c.Traces > MostTraces:
		return c, fmt.Errorf("cas: %d traces: from 1 to %d, or 0 for %d", c.Traces, MostTraces, DefaultTraces)
	case c.Backoff < TakeTurns || c.Backoff > AtOnce:
		return c, fmt.Errorf("cas: no such backoff: %d", c.Backoff)
	}
	c.Attempts = or(c.Attempts, DefaultAttempts)
	c.Traces = or(c.Traces, DefaultTraces)
	c.MaxValue = or(c.MaxValue, DefaultMaxValue)
	c.Promotion.After = or(c.Promotion.After, 8)
	return c, nil
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// A Store is a client of the nodes: what [Update] and [Get] work on. One for each process is enough, and better than several: updates of one store do not get in each other's way.
//
// A Store is safe for concurrent use. There is no useful zero value: use [NewStore].
type Store struct {
	reg    Register
	cfg    Config
	client uint64 // in traces
	began  time.Time
	op     atomic.Uint64 // the newest operation
	life   context.Context
	end    context.CancelCauseFunc
	wg     sync.WaitGroup // of lanes, and of functions that run

	mu     sync.Mutex // guards below
	closed bool
	lanes  map[string]*lane
}

// NewStore returns a store of nodes in ZooKeeper. It does no I/O, and fails when the configuration makes no sense. The client stays the caller's, and is to be closed after the store.
func NewStore(client *session.Client, cfg Config) (*Store, error) {
	return NewStoreOn(ZooKeeper(client, cfg.ACL), cfg)
}

// NewStoreOn is NewStore for the nodes of any register. [Config.ACL] means nothing there.
func NewStoreOn(r Register, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	var id [8]byte
	rand.Read(id[:]) // never fails: it would end the program
	s := &Store{reg: r, cfg: cfg, client: binary.BigEndian.Uint64(id[:]), began: time.Now(), lanes: make(map[string]*lane)}
	s.life, s.end = context.WithCancelCause(context.Background())
	return s, nil
}

// Close ends all updates: those that are not written yet fail with [ErrClosed], and those whose write is under way with an [*UnknownError]. It returns nil when
// nothing of the store runs any more, and so waits for functions of callers that have not returned. It is idempotent.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end(ErrClosed)
	s.wg.Wait()
	return nil
}

// now is the time since the store began, on the monotonic clock.
func (s *Store) now() time.Duration { return time.Since(s.began) }

// remembered is how many nodes a store keeps in mind while nobody updates them.
const remembered = 1024

// lane returns the one lane of a node, for a caller that gives it back with release. It fails when the store is closed.
func (s *Store) lane(path string) (*lane, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	l := s.lanes[path]
	if l == nil {
		if len(s.lanes) >= remembered {
			s.forgetLocked()
		}
		l = &lane{s: s, path: path, turn: make(chan struct{}, 1)}
		s.lanes[path] = l
	}
	l.users++
	return l, nil
}

// forgetLocked drops one lane that nobody uses, if there is one. Which one does not matter much.
func (s *Store) forgetLocked() {
	for path, l := range s.lanes {
		if l.users == 0 {
			delete(s.lanes, path)
			return
		}
	}
}

func (s *Store) release(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.users--
}

// spawn runs f in a goroutine that Close waits for. It reports whether it does, which it does not once the store is closed.
func (s *Store) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Go(f)
	return true
}
