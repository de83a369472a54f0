// Package sqlfence lets a database refuse stale holders: the mark of [fence] is a row, compared and held in the transaction that it guards.
//
// It knows database/sql and no driver. [PostgreSQL] and [SQLite] are what it speaks; another database is a [Dialect] of one's own.
//
//	guard := sqlfence.New(db, sqlfence.PostgreSQL{}, "orders", sqlfence.Config{})
//	err := guard.Seal(ctx, hold.Token()) // before the first read
//	err = guard.Do(ctx, hold.Token(), func(tx *sql.Tx) error {
//		_, err := tx.ExecContext(ctx, `UPDATE orders SET state = 'billed' WHERE id = $1`, id)
//		return err
//	})
//
// # Three ways to write
//
//   - [Guard.Do] begins a transaction, checks, runs a function, commits, and says what became of it. It is what most programs want.
//   - [Guard.Exec] executes one statement that has the check in it: one round trip, as without a fence.
//   - [Guard.Check] and [Guard.ExecTx] are for transactions that the caller begins and ends.
//
// A check is not a SELECT. Read without a lock, the mark is compared at one time and the write is committed at a later one, and a new holder seals between the two. So
// the check holds the mark until its transaction ends: shared, so that the writers of one hold run side by side, and Seal waits until those are through.
//
// # The meaning of tokens
//
// It is that of [fence.Mark]: equal is accepted, older is refused with a [*fence.StaleError], newer is accepted and moves the mark. Do and Exec move it by sealing first,
// in a transaction of its own, and not within the one that writes. There it could not be done right: a transaction at REPEATABLE READ goes on reading from a snapshot that may be older than the
// last write of the earlier holder, which the seal has waited for. For the same reason Check does not move the mark, and answers [ErrNotSealed] to a newer token.
//
// # The tables
//
// [Dialect.Migrations] has the statements; the caller runs them. The marks have a table of their own, zkkit_fences, since a mark outlives the rows it protects. Nobody deletes from it or lowers a
// token by hand: who needs to start again, after the restore of a backup, raises the generation of the tokens. A token is kept as a text of fixed width, see [Encode].
//
// # Outcomes
//
// A nil error means committed. An error that matches [fence.ErrUnknown] means that the commit, or the one statement, was sent and not answered; [Guard.Resolve] asks the database what became of a
// transaction, and never guesses. Every other error means that nothing was written. What the database refuses because of other transactions (SQLSTATE 40001 and 40P01, SQLITE_BUSY) is tried
// again by Do, Exec and Seal, a bounded number of times and within ctx, because nothing was applied; in a transaction of the caller's, the caller does. An unknown outcome is never tried again.
//
// # What it does not do
//
// It protects what is written in the same database, in the same transaction. A replica that is promoted without the last commits has lost marks as well as rows: replicate synchronously, or raise the
// generation. A transaction of a holder that was cut off holds its mark until the server gives it up, and the next Seal waits as long: see [PostgreSQL.IdleTimeout].
package sqlfence

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/zkkit/zkkit/fence"
)

// Config says how a guard works. The zero Config is useful.
type Config struct {
	// Isolation is the level of the transactions that Do begins, the database's own if zero. All levels from READ COMMITTED on are safe.
	Isolation sql.IsolationLevel
	// Attempts is how often a transaction is begun that the database refuses because of others, 20 if zero.
	Attempts int
}

// A Guard is one resource in a database. It is safe for concurrent use. There is no useful zero value: [New] returns one.
type Guard struct {
	db       *sql.DB
	dialect  Dialect
	resource string
	config   Config

	mu     sync.Mutex  // guards sealed
	sealed fence.Token // The newest token for which the mark was once seen sealed.
}

// New returns the guard of a resource, whose name is the key of its mark: what one lock protects. It does not touch the database.
func New(db *sql.DB, d Dialect, resource string, c Config) *Guard {
	if c.Attempts <= 0 {
		c.Attempts = 20
	}
	return &Guard{db: db, dialect: d, resource: resource, config: c}
}

// Resource returns the name of the resource.
func (g *Guard) Resource() string { return g.resource }

// Mark returns the greatest token that was seen, the zero Token if there was none, without presenting one. It is for observers.
func (g *Guard) Mark(ctx context.Context) (fence.Token, error) {
	mark, err := g.dialect.Mark(ctx, g.db, g.resource)
	return mark, orCause(ctx, err)
}

// Seal presents the token of a new holder, before its first read or write. It blocks until the transactions of earlier holders are over that were under way when it came: what
// those wrote can be read now, and nothing of them will come any more. Earlier holders that come later are refused meanwhile. Sealing again with one token is cheap and harmless.
//
// It fails with a [*fence.StaleError], [fence.ErrNoToken], the cause of a ctx that has ended, or what the database said, and then nothing has changed. After an error that matches
// [fence.ErrUnknown] the mark may have moved, or may yet, and earlier holders may still be under way: seal again.
func (g *Guard) Seal(ctx context.Context, t fence.Token) error {
	if err := g.admit(ctx, t); err != nil {
		return err
	}
	return g.again(ctx, t, func() error { return g.seal(ctx, t) })
}

// seal is one attempt.
func (g *Guard) seal(ctx context.Context, t fence.Token) error {
	mark, err := g.dialect.Seal(ctx, g.db, g.resource, t)
	if err != nil {
		return g.named(err)
	}
	if t.Less(mark) {
		return g.stale(t, mark)
	}
	g.noteSealed(t)
	return nil
}

// admit refuses what need not be asked of the database.
func (g *Guard) admit(ctx context.Context, t fence.Token) error {
	if t.IsZero() {
		return fence.ErrNoToken
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (g *Guard) stale(have, mark fence.Token) error {
	return &fence.StaleError{Resource: g.resource, Have: have, Max: mark}
}

// named puts the name of the resource into an unknown outcome.
func (g *Guard) named(err error) error {
	if u, ok := errors.AsType[*fence.UnknownError](err); ok {
		u.Resource = g.resource
	}
	return err
}

// noteSealed remembers that the mark was seen sealed with t: since it never goes back, every later answer that it is t holds for the time between.
func (g *Guard) noteSealed(t fence.Token) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sealed.Less(t) {
		g.sealed = t
	}
}

func (g *Guard) wasSealed(t fence.Token) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sealed == t
}
