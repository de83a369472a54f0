package scenario

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/zkkit/zkkit/fence"
)

// STAND-IN until fence/sqlfence is here.
type ledgerGuard struct {
	db       *sql.DB
	at       ledgerAt
	resource string
}

func guardSchema(string) []string {
	return []string{"CREATE TABLE fences (resource TEXT PRIMARY KEY, token BIGINT NOT NULL)"}
}

func newLedgerGuard(db *sql.DB, at ledgerAt) *ledgerGuard {
	return &ledgerGuard{db, at, fmt.Sprintf("run-%d", at.Run)}
}

func (g *ledgerGuard) seal(ctx context.Context, t fence.Token) error {
	return g.do(ctx, t, func(*sql.Tx) error { return nil })
}

func (g *ledgerGuard) do(ctx context.Context, t fence.Token, f func(*sql.Tx) error) error {
	tx, err := g.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	res, err := tx.ExecContext(ctx, "INSERT INTO fences VALUES ($1, $2) ON CONFLICT (resource) DO UPDATE SET token = $2 WHERE fences.token <= $2", g.resource, int64(t.ID))
	if err != nil {
		return err
	}
	if n, _ := res.RowsAffected(); n == 0 {
		var max uint64
		if err := tx.QueryRowContext(ctx, "SELECT token FROM fences WHERE resource = $1", g.resource).Scan(&max); err != nil {
			return errors.Join(errors.New("mark"), err)
		}
		return &fence.StaleError{Resource: g.resource, Have: t, Max: fence.Token{ID: max}}
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
