package sqlfence_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // The driver that PostgreSQL is tested with.
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // The driver that SQLite is tested with.

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

var (
	six, seven, eight = fence.Token{ID: 6}, fence.Token{ID: 7}, fence.Token{ID: 8}

	pg   = sqlfence.PostgreSQL{}
	lite = sqlfence.SQLite{}
)

// soon fails the test when what should happen soon does not.
const soon = 30 * time.Second

// openSQLite makes a database in a file, and gives it the tables.
func openSQLite(t *testing.T, options string) *sql.DB {
	t.Helper()
	db := open(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "test.db")+options)
	migrate(t, db, lite)
	return db
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	db.SetMaxOpenConns(80)
	db.SetMaxIdleConns(80)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// migrate makes the marks, twice, and the table that they protect in the tests.
func migrate(t *testing.T, db *sql.DB, d sqlfence.Dialect) {
	t.Helper()
	for range 2 {
		for i, m := range d.Migrations() {
			require.Equal(t, i+1, m.Version)
			exec(t, db, m.SQL)
		}
	}
	exec(t, db, `CREATE TABLE things (name varchar(100) PRIMARY KEY, value varchar(1000) NOT NULL)`)
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(context.WithoutCancel(t.Context()), query, args...)
	require.NoError(t, err)
}

// value reads a thing, "" if there is none.
func value(t *testing.T, db *sql.DB, name string) string {
	t.Helper()
	var s string
	err := db.QueryRowContext(t.Context(), look, name).Scan(&s)
	if errors.Is(err, sql.ErrNoRows) {
		return ""
	}
	require.NoError(t, err)
	return s
}

// SQL of the protected table, in words that both databases know: the driver of SQLite takes $1 for ?1.
const (
	put          = `INSERT INTO things (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	look         = `SELECT value FROM things WHERE name = $1`
	remove       = `DELETE FROM things WHERE name = $1`
	putFenced    = `INSERT INTO things (name, value) SELECT $1, $2 FROM fence WHERE true ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	removeFenced = `DELETE FROM things WHERE name = $1 AND EXISTS (SELECT 1 FROM fence)`
)

// put is what f of Do does in most tests.
func putting(ctx context.Context, name, value string) func(tx *sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, put, name, value)
		return err
	}
}

// things is a guard of one row for each resource, by transactions, as a program would write it.
type things struct {
	db      *sql.DB
	dialect sqlfence.Dialect
	config  sqlfence.Config
}

func (g things) guard(resource string) *sqlfence.Guard {
	return sqlfence.New(g.db, g.dialect, resource, g.config)
}

func (g things) Seal(ctx context.Context, resource string, t fence.Token) error {
	return g.guard(resource).Seal(ctx, t)
}

func (g things) Read(ctx context.Context, resource string, t fence.Token) (value string, ok bool, err error) {
	err = g.guard(resource).Do(ctx, t, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, look, resource).Scan(&value)
		if ok = err == nil; errors.Is(err, sql.ErrNoRows) {
			value, err = "", nil
		}
		return err
	})
	return value, ok, err
}

func (g things) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	return g.guard(resource).Do(ctx, t, putting(ctx, resource, value))
}

func (g things) Delete(ctx context.Context, resource string, t fence.Token) error {
	return g.guard(resource).Do(ctx, t, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, remove, resource)
		return err
	})
}

// statements is the same guard by single statements.
type statements struct{ things }

func (g statements) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	n, err := g.guard(resource).Exec(ctx, t, putFenced, resource, value)
	if err == nil && n != 1 {
		return fmt.Errorf("%d rows", n)
	}
	return err
}

func (g statements) Delete(ctx context.Context, resource string, t fence.Token) error {
	_, err := g.guard(resource).Exec(ctx, t, removeFenced, resource)
	return err
}

// ownTx is the same guard in transactions of the caller's, who seals when he is told to.
type ownTx struct{ things }

func (g ownTx) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	return g.within(ctx, resource, t, func(guard *sqlfence.Guard, tx *sql.Tx) error {
		_, err := guard.ExecTx(ctx, tx, t, putFenced, resource, value)
		return err
	})
}

func (g ownTx) Delete(ctx context.Context, resource string, t fence.Token) error {
	return g.within(ctx, resource, t, func(guard *sqlfence.Guard, tx *sql.Tx) error {
		if err := guard.Check(ctx, tx, t); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, remove, resource)
		return err
	})
}

func (g ownTx) within(ctx context.Context, resource string, t fence.Token, f func(*sqlfence.Guard, *sql.Tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	guard := g.guard(resource)
	for {
		err := func() error {
			tx, err := g.db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if err := f(guard, tx); err != nil {
				return err
			}
			return tx.Commit()
		}()
		switch {
		case errors.Is(err, sqlfence.ErrNotSealed):
			if err := guard.Seal(ctx, t); err != nil {
				return err
			}
		case err != nil && g.dialect.Judge(err) == sqlfence.Again:
		default:
			return err
		}
	}
}
