package sqlfence_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

// contended says that a transaction lost against others too often, which is a failure that did nothing.
func contended(err error) bool { return errors.Is(err, sqlfence.ErrContended) }

func postgresConforms(t *testing.T, s *server) {
	db := s.fresh(t)
	few := fencetest.Options{Failed: contended, Rounds: 2, Handovers: 8}
	t.Run("read committed", func(t *testing.T) {
		o := fencetest.Options{Failed: contended}
		fencetest.Test(t, fencetest.Tokens(things{db, pg, sqlfence.Config{Isolation: sql.LevelReadCommitted}}), o)
	})
	t.Run("repeatable read", func(t *testing.T) {
		fencetest.Test(t, fencetest.Tokens(things{db, pg, sqlfence.Config{Isolation: sql.LevelRepeatableRead}}), few)
	})
	t.Run("serializable", func(t *testing.T) {
		fencetest.Test(t, fencetest.Tokens(things{db, pg, sqlfence.Config{Isolation: sql.LevelSerializable}}), few)
	})
	t.Run("statements", func(t *testing.T) {
		fencetest.Test(t, fencetest.Tokens(statements{things{db, pg, sqlfence.Config{}}}), few)
	})
	t.Run("transactions of the caller's", func(t *testing.T) {
		fencetest.Test(t, fencetest.Tokens(ownTx{things{db, pg, sqlfence.Config{}}}), few)
	})
	t.Run("a server that is serializable by itself", func(t *testing.T) {
		fresh := open(t, "pgx", s.dsn(t, "", map[string]string{"default_transaction_isolation": "serializable", "synchronous_commit": "off"}))
		fencetest.Test(t, fencetest.Tokens(statements{things{fresh, pg, sqlfence.Config{}}}), few)
	})
}

func TestSQLiteConforms(t *testing.T) {
	few := fencetest.Options{Failed: contended, Rounds: 2, Handovers: 4}
	t.Run("as a program would", func(t *testing.T) {
		db := openSQLite(t, "?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
		fencetest.Test(t, fencetest.Tokens(things{db, lite, sqlfence.Config{}}), few)
	})
	t.Run("no settings", func(t *testing.T) {
		o := few
		o.Handovers = 2
		fencetest.Test(t, fencetest.Tokens(things{openSQLite(t, ""), lite, sqlfence.Config{}}), o)
	})
	t.Run("statements", func(t *testing.T) {
		db := openSQLite(t, "?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
		fencetest.Test(t, fencetest.Tokens(statements{things{db, lite, sqlfence.Config{}}}), few)
	})
	t.Run("transactions of the caller's", func(t *testing.T) {
		db := openSQLite(t, "?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_txlock=immediate")
		fencetest.Test(t, fencetest.Tokens(ownTx{things{db, lite, sqlfence.Config{}}}), few)
	})
	t.Run("one connection", func(t *testing.T) {
		db := openSQLite(t, "")
		db.SetMaxOpenConns(1)
		fencetest.Test(t, fencetest.Tokens(things{db, lite, sqlfence.Config{}}), few)
	})
}

// The controls, which must be caught. Each is what somebody has written in good faith.

// plain compares with a SELECT that holds nothing.
type plain struct{ things }

func (g plain) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	return g.check(ctx, resource, t, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, put, resource, value)
		return err
	})
}

func (g plain) check(ctx context.Context, resource string, t fence.Token, f func(tx *sql.Tx) error) error {
	if err := g.Seal(ctx, resource, t); err != nil {
		return err
	}
	tx, err := g.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var text string
	if err := tx.QueryRowContext(ctx, `SELECT token FROM zkkit_fences WHERE resource = $1`, resource).Scan(&text); err != nil {
		return err
	}
	switch mark, err := sqlfence.Decode(text); {
	case err != nil:
		return err
	case t.Less(mark):
		return &fence.StaleError{Resource: resource, Have: t, Max: mark}
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// before checks before the transaction. Within it, in SQLite, a plain SELECT would do: a transaction whose snapshot is old cannot write.
type before struct{ things }

func (g before) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	if err := g.Seal(ctx, resource, t); err != nil {
		return err
	}
	_, err := g.db.ExecContext(ctx, put, resource, value)
	return err
}

// forgetful keeps its mark in the row that it protects.
type forgetful struct{ things }

func (g forgetful) Delete(ctx context.Context, resource string, t fence.Token) error {
	return g.guard(resource).Do(ctx, t, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, remove, resource); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM zkkit_fences WHERE resource = $1`, resource)
		return err
	})
}

const (
	onTheWay = "writes on their way are seen by the next holder or refused"
	outlives = "the mark outlives the value"
)

func postgresControls(t *testing.T, s *server) {
	db := s.fresh(t)
	t.Run("a plain SELECT is caught", func(t *testing.T) {
		err := fencetest.Check(t.Context(), fencetest.Tokens(plain{things{db, pg, sqlfence.Config{}}}), fencetest.Options{Handovers: 64, Rounds: 1})
		require.ErrorContains(t, err, onTheWay)
	})
	t.Run("a mark that is deleted with the row is caught", func(t *testing.T) {
		err := fencetest.Check(t.Context(), fencetest.Tokens(forgetful{things{db, pg, sqlfence.Config{}}}), fencetest.Options{Handovers: 1, Rounds: 1})
		require.ErrorContains(t, err, outlives)
	})
	one := things{db, oneStep{pg}, sqlfence.Config{}}
	t.Run("a seal that waits for nobody is caught", func(t *testing.T) {
		exec(t, db, `ALTER TABLE zkkit_fences DROP CONSTRAINT zkkit_fences_pkey`) // Then sealed is no key, and its change no matter for FOR KEY SHARE.
		err := fencetest.Check(t.Context(), fencetest.Tokens(one), fencetest.Options{Handovers: 64, Rounds: 1})
		require.ErrorContains(t, err, onTheWay)
		require.ErrorContains(t, err, "was changed by an earlier one")
	})
	t.Run("and is not begun with", func(t *testing.T) {
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		require.NoError(t, guard.Seal(t.Context(), six))
		require.ErrorContains(t, guard.Seal(t.Context(), seven), "the column sealed is in no unique key")
		exec(t, db, `ALTER TABLE zkkit_fences ADD PRIMARY KEY (resource, sealed)`)
		require.NoError(t, guard.Seal(t.Context(), seven))
	})
}

// oneStep seals in one step.
type oneStep struct{ sqlfence.PostgreSQL }

func (d oneStep) Seal(ctx context.Context, db *sql.DB, resource string, t fence.Token) (fence.Token, error) {
	for {
		if _, err := db.ExecContext(ctx, `INSERT INTO zkkit_fences (resource, token, sealed) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING`, resource, sqlfence.Encode(t)); err != nil {
			return fence.Token{}, err
		}
		_, err := db.ExecContext(ctx, `UPDATE zkkit_fences SET token = $2, sealed = $2 WHERE resource = $1 AND token < $2`, resource, sqlfence.Encode(t))
		if err == nil {
			return d.Mark(ctx, db, resource)
		}
		if d.Judge(err) != sqlfence.Again {
			return fence.Token{}, err
		}
	}
}

func TestSQLiteControls(t *testing.T) {
	t.Run("a check before the transaction is caught", func(t *testing.T) {
		db := openSQLite(t, "?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(off)")
		err := fencetest.Check(t.Context(), fencetest.Tokens(before{things{db, lite, sqlfence.Config{}}}), fencetest.Options{Handovers: 64, Rounds: 1})
		require.ErrorContains(t, err, onTheWay)
	})
	t.Run("a mark that is deleted with the row is caught", func(t *testing.T) {
		db := openSQLite(t, "?_pragma=busy_timeout(10000)")
		err := fencetest.Check(t.Context(), fencetest.Tokens(forgetful{things{db, lite, sqlfence.Config{}}}), fencetest.Options{Handovers: 1, Rounds: 1})
		require.ErrorContains(t, err, outlives)
	})
}
