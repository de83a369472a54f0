package sqlfence

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/zkkit/zkkit/fence"
)

// Check compares within the caller's transaction, and holds the mark until that ends. It comes first in the transaction, before the first read: at READ COMMITTED what was
// read before may be older than the check, and in SQLite a transaction that has read cannot always become one that writes. The caller rolls back when it fails.
//
// It fails with a [*fence.StaleError], [fence.ErrNoToken], the cause of a ctx that has ended, or what the database said. To a token that is newer than the mark, or for which the seal was not yet
// complete when the transaction took its snapshot, it answers with a [*NotSealedError]. Nothing has changed then.
//
// Who commits must tell apart a commit that failed and one of which the answer was lost: [Guard.Do] does that.
func (g *Guard) Check(ctx context.Context, tx *sql.Tx, t fence.Token) error {
	if err := g.admit(ctx, t); err != nil {
		return err
	}
	_, err := g.hold(ctx, tx, t)
	return err
}

// hold is Check of a token that was admitted.
func (g *Guard) hold(ctx context.Context, tx *sql.Tx, t fence.Token) (Held, error) {
	held, err := g.dialect.Hold(ctx, tx, g.resource, t)
	switch {
	case err != nil:
		return held, fmt.Errorf("sqlfence: check of %q: %w", g.resource, orCause(ctx, err))
	case t.Less(held.Mark):
		return held, g.stale(t, held.Mark)
	case held.Mark != t || !held.Sealed:
		return held, &NotSealedError{Resource: g.resource, Token: t, Max: held.Mark}
	}
	g.noteSealed(t)
	return held, nil
}
