// Package zklock holds lock recipes on ZooKeeper's ephemeral sequential znodes, in which every hold carries a fencing token.
//
//	client, err := session.Open(ctx, session.Config{Servers: servers, Timeout: 5 * time.Second})
//	m, err := zklock.NewMutex(client, "/locks/orders", zklock.Config{})
//	hold, err := m.Lock(ctx)
//	defer hold.Unlock(ctx)
//	held, cancel := hold.Context(ctx)
//	defer cancel()
//	work(held, hold.Token())
//
// # What a lock promises
//
// A [Hold] that says that it is held is right, within the assumptions of package session: it ends, locally, before the servers can give the lock to
// somebody else. And each hold has a greater [fence.Token] than every hold of the same lock before it.
//
// # What a lock does not promise
//
// Between the last look at a hold and the effect of a write there is room for any pause: of the scheduler, of a garbage collector, of a virtual machine, of the
// network. Only the resource itself can refuse a write that comes too late, by comparing tokens: see package fence, and [Hold.Guard] for data in ZooKeeper itself.
// A side effect that cannot compare a token, such as a mail or a card payment, needs an idempotency key. What is done under a lock is executed at
// least once; its effects are exactly once where the fence and a unique key are in the same transaction as the effect.
//
// # Format
//
// A lock is a directory, and a contender an ephemeral sequential child named _c_<UUID>-lock-<10 digits>. That is the format of Apache Curator's
// InterProcessMutex, so Go and Java share a lock with no configuration. Python's kazoo joins in with Lock(client, path, extra_lock_patterns=['-lock-']);
// without that argument kazoo takes no notice of the others, and both would hold. The lowest number holds. Nothing else belongs into the directory.
package zklock

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
)

// A Config describes how a lock is taken. Its zero value is useful.
type Config struct {
	// Label is shown to people who look who holds and who waits. It may be empty.
	Label string
	// ACL is put on the contender's node, and on directories that are created; nil means that everybody has every right.
	// Contenders must be able to read each other's nodes and to create in the directory.
	ACL []session.ACL
	// Generation goes into every token. Raise it when the ensemble is replaced, or restored from an old snapshot: tokens go on rising then.
	Generation uint32
	// Logger receives, at level Warn, what an operator should look at; nil means silence.
	Logger *slog.Logger
}

// A Mutex is a lock that one contender at a time holds, first come, first served. It is not reentrant: a goroutine that locks it twice waits for itself.
// The same Mutex may be locked by many goroutines, each of which is a contender of its own.
//
// A Mutex is safe for concurrent use. There is no useful zero value: use [NewMutex].
type Mutex struct {
	client *session.Client
	path   string
	cfg    Config
	owner  Owner
	now    func() time.Time
	warned sync.Once
}

// NewMutex returns the lock at path, which is made with what is missing above it when the lock is first taken. It does no I/O. It fails when path is not
// an absolute path below the root.
func NewMutex(client *session.Client, path string, cfg Config) (*Mutex, error) {
	if wrong := validPath(path); wrong != "" {
		return nil, fmt.Errorf("zklock: path %q: %s", path, wrong)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Mutex{client: client, path: path, cfg: cfg, owner: self(cfg.Label), now: time.Now}, nil
}

// Path returns the lock's directory.
func (m *Mutex) Path() string { return m.path }

// Lock takes the lock. It blocks until it is this contender's turn, and returns a hold.
//
// It fails with the cause of ctx; with a [*LostError] when the place in the queue is lost, because the session was or because somebody deleted the node; with
// a [*SequenceError]; or with a server's answer. Nothing is held then, and the node that waited is removed: in the background, on a context of its own, as long
// as its session lives, and with the session otherwise.
func (m *Mutex) Lock(ctx context.Context) (*Hold, error) {
	w, err := m.join(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.await(ctx); err != nil {
		err = w.because(ctx, err)
		w.leave()
		return nil, err
	}
	return w.hold(), nil
}

// TryLock takes the lock if nobody holds it and nobody waits for it. Otherwise it returns a [*HeldError] that names the holder, once its own node is gone.
// It blocks for round trips only, and else fails as Lock does.
func (m *Mutex) TryLock(ctx context.Context) (*Hold, error) {
	w, err := m.join(ctx)
	if err != nil {
		return nil, err
	}
	if len(w.place.ahead) == 0 {
		err = w.lease.Hold(ctx)
		if err == nil {
			return w.hold(), nil
		}
		err = w.because(ctx, err)
		w.leave()
		return nil, err
	}
	removed := w.leave()
	held := &HeldError{Path: m.path}
	holder := w.place.ahead[0]
	if data, stat, err := w.s.Get(ctx, session.Join(m.path, holder.name)); err == nil {
		held.Owner, held.Token = decodeOwner(data), m.token(stat.Czxid)
	}
	select {
	case <-removed:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return nil, held
}

// Do takes the lock, runs f, and gives the lock back, also when f panics. The context that f is given ends with ctx or with the hold. Do returns
// the error of Lock or of f; or, when f returned nil, that of Unlock: a loss that f did not notice is an error.
func (m *Mutex) Do(ctx context.Context, f func(ctx context.Context, h *Hold) error) (err error) {
	h, err := m.Lock(ctx)
	if err != nil {
		return err
	}
	inner, cancel := h.Context(ctx)
	defer func() {
		cancel()
		if uerr := h.Unlock(context.WithoutCancel(ctx)); err == nil {
			err = uerr
		}
	}()
	return f(inner, h)
}

func (m *Mutex) token(czxid int64) fence.Token {
	return fence.Token{Generation: m.cfg.Generation, ID: uint64(czxid)}
}

// mention warns, once, of children that take no part: they stop Curator for ever if they sort before a digit.
func (m *Mutex) mention(foreign []string) {
	if len(foreign) == 0 {
		return
	}
	m.warned.Do(func() {
		m.cfg.Logger.Warn("a lock's directory holds children that are no contenders; they are ignored", "path", m.path, "child", foreign[0], "count", len(foreign))
	})
}
