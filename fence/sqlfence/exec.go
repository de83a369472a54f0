package sqlfence

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/zkkit/zkkit/fence"
)

// Exec executes one statement with the check in it, in a transaction of its own, and returns how many rows it changed. It costs the database one row lock and no round trip.
// The statement must use the relation fence, which has one row while the mark is t, with the columns resource and token, and none otherwise, so that without it nothing happens:
//
//	INSERT INTO charges (id, amount, token) SELECT $1, $2, token FROM fence
//	UPDATE accounts SET balance = balance - $2 WHERE id = $1 AND EXISTS (SELECT FROM fence)
//
// Placeholders are numbered: $1 in PostgreSQL, ?1 in SQLite (where it is EXISTS (SELECT 1 FROM fence)). When the statement changes no row, Exec finds out whether
// it was refused, sealing where t is the newest token, and may execute it once more. So a statement that changes no row has no effect of another kind.
//
// It fails with a [*fence.StaleError], [fence.ErrNoToken], [ErrNoFence], the cause of a ctx that has ended, a [*ContendedError], or what the database said. Then nothing is written; the
// mark may have moved up to t. An error that matches [fence.ErrUnknown] leaves open whether it is written, and it may come later still: only finding it, or not finding it after the next
// holder has sealed, is an answer. A statement with a unique key of the caller's can be looked for; [Guard.Do] is for those who need the answer from the database.
func (g *Guard) Exec(ctx context.Context, t fence.Token, query string, args ...any) (rows int64, err error) {
	if err := g.admitStatement(ctx, t, query); err != nil {
		return 0, err
	}
	folded, all := g.dialect.Fold(query, args, g.resource, t)
	err = g.again(ctx, t, func() (err error) {
		rows, err = g.execOnce(ctx, t, folded, all)
		return err
	})
	return rows, err
}

// execOnce executes until it is known what no changed row means.
func (g *Guard) execOnce(ctx context.Context, t fence.Token, folded string, all []any) (int64, error) {
	for {
		sealed := g.wasSealed(t)
		rows, err := g.execAlone(ctx, t, folded, all)
		if err != nil || rows > 0 {
			return rows, err
		}
		mark, err := g.Mark(ctx)
		switch {
		case err != nil:
			return 0, err
		case t.Less(mark):
			return 0, g.stale(t, mark)
		case mark == t && sealed:
			return 0, nil // It was t before and is t after: the statement was not refused, it found nothing to change.
		}
		if err := g.seal(ctx, t); err != nil {
			return 0, err
		}
	}
}

// execAlone executes in a transaction of its own.
func (g *Guard) execAlone(ctx context.Context, t fence.Token, folded string, all []any) (rows int64, err error) {
	sent := false             // So that it may have been committed.
	if g.dialect.Embedded() { // A statement on its own that is interrupted does not say what it did.
		sent, err = transact(ctx, g.db, g.dialect, sql.LevelDefault, func(ctx context.Context, tx *sql.Tx) (err error) {
			rows, err = execOn(ctx, tx, folded, all)
			return orCause(ctx, err)
		})
	} else {
		conn, refused := g.db.Conn(ctx)
		if refused != nil {
			return 0, fmt.Errorf("sqlfence: no connection: %w", orCause(ctx, refused))
		}
		defer func() { _ = conn.Close() }()
		rows, err = execOn(ctx, conn, folded, all)
		sent = !errors.Is(err, driver.ErrBadConn)
	}
	switch {
	case err != nil && sent && g.dialect.Judge(err) == Unclear:
		ask := "look for what it wrote, after the next seal if it is not there"
		return 0, &fence.UnknownError{Resource: g.resource, Token: t, Ask: ask, Err: err}
	case err != nil:
		return 0, fmt.Errorf("sqlfence: %w", err)
	case rows > 0:
		g.noteSealed(t)
	}
	return rows, nil
}

// execOn returns how many rows a statement changed.
func execOn(ctx context.Context, on interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, query string, args []any) (int64, error) {
	result, err := on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// ExecTx is Exec as the first statement of the caller's transaction: a check that costs no round trip. Once it has returned nil, the mark is held until the transaction ends.
//
// It fails as [Guard.Check] does, with [ErrNoFence], or with what the database said of the statement. The caller rolls back when it fails.
func (g *Guard) ExecTx(ctx context.Context, tx *sql.Tx, t fence.Token, query string, args ...any) (rows int64, err error) {
	if err := g.admitStatement(ctx, t, query); err != nil {
		return 0, err
	}
	folded, all := g.dialect.Fold(query, args, g.resource, t)
	for held := false; ; held = true {
		if rows, err = execOn(ctx, tx, folded, all); err != nil {
			return 0, fmt.Errorf("sqlfence: %w", err)
		}
		if rows > 0 || held {
			return rows, nil
		}
		if _, err := g.hold(ctx, tx, t); err != nil {
			return 0, err
		}
	}
}

// usesFence finds the relation. It is not there to outwit anybody: it catches the statement that somebody forgot to change.
func usesFence(query string) bool { return findFence(query) >= 0 }

// findFence returns where the word is, in any case, or -1.
func findFence(query string) int {
	const word = "fence"
	letter := func(i int) bool {
		if i < 0 || i >= len(query) {
			return false
		}
		c := query[i]
		return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
	}
	for i := 0; i+len(word) <= len(query); i++ {
		if query[i]|0x20 == 'f' && strings.EqualFold(query[i:i+len(word)], word) && !letter(i-1) && !letter(i+len(word)) {
			return i
		}
	}
	return -1
}

func (g *Guard) admitStatement(ctx context.Context, t fence.Token, query string) error {
	if !usesFence(query) {
		return fmt.Errorf("%w: %s", ErrNoFence, query)
	}
	return g.admit(ctx, t)
}

// Resolve finds out whether what Do returned an unknown outcome for was written after all. It takes that error, asks the database, and blocks until the transaction is decided there or ctx ends.
// It returns true if everything is written, and false if nothing is and never will be. Otherwise the error says why there is no answer, and matches [fence.ErrUnknown] again.
func (g *Guard) Resolve(ctx context.Context, unknown error) (applied bool, err error) {
	u, ok := errors.AsType[*fence.UnknownError](unknown)
	if !ok {
		return false, fmt.Errorf("sqlfence: nothing to resolve: %w", unknown)
	}
	c, ok := errors.AsType[*CommitError](unknown)
	if !ok || c.ID == "" {
		return false, unknown
	}
	applied, err = g.dialect.Outcome(ctx, g.db, c.ID)
	if err != nil {
		return false, &fence.UnknownError{Resource: u.Resource, Token: u.Token, Ask: u.Ask, Err: &CommitError{ID: c.ID, Err: err}}
	}
	return applied, nil
}
