package sqlfence_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // The driver that PostgreSQL is tested with.
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // The driver that SQLite is tested with.

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
	"github.com/zkkit/zkkit/internal/stores"
)

// openPostgres starts a server for one test, and gives it the tables.
func openPostgres(t *testing.T, settings map[string]string) (*sql.DB, *stores.Postgres) {
	t.Helper()
	server := stores.RunPostgres(t, stores.PostgresConfig{Settings: settings})
	db := open(t, "pgx", server.DSN())
	migrate(t, db, sqlfence.PostgreSQL{})
	return db, server
}

// openSQLite makes a database in a file, and gives it the tables.
func openSQLite(t *testing.T, options string) *sql.DB {
	t.Helper()
	db := open(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "test.db")+options)
	migrate(t, db, sqlfence.SQLite{})
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

// migrate makes the marks, and the table that they protect in the tests, and does so twice.
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

// get reads one text, "" if there is none.
func get(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	var s string
	err := db.QueryRowContext(t.Context(), query, args...).Scan(&s)
	if errors.Is(err, sql.ErrNoRows) {
		return ""
	}
	require.NoError(t, err)
	return s
}

// SQL of the protected table, in words that both databases know. Placeholders are those of PostgreSQL; sqlite3 numbers them alike.
const (
	put    = `INSERT INTO things (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	look   = `SELECT value FROM things WHERE name = $1`
	remove = `DELETE FROM things WHERE name = $1`
)

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
	return g.guard(resource).Do(ctx, t, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, put, resource, value)
		return err
	})
}

func (g things) Delete(ctx context.Context, resource string, t fence.Token) error {
	return g.guard(resource).Do(ctx, t, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, remove, resource)
		return err
	})
}

// statements is the same guard by single statements, with the transaction's own for what has two.
type statements struct{ things }

const (
	putFolded    = `INSERT INTO things (name, value) SELECT $1, $2 FROM fence WHERE true ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	removeFolded = `DELETE FROM things WHERE name = $1 AND EXISTS (SELECT 1 FROM fence)`
)

func (g statements) sql(query string) string {
	if _, ok := g.dialect.(sqlfence.SQLite); ok {
		return strings.ReplaceAll(query, "$", "?")
	}
	return query
}

func (g statements) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	n, err := g.guard(resource).Exec(ctx, t, g.sql(putFolded), resource, value)
	if err == nil && n != 1 {
		return fmt.Errorf("%d rows", n)
	}
	return err
}

func (g statements) Delete(ctx context.Context, resource string, t fence.Token) error {
	_, err := g.guard(resource).Exec(ctx, t, g.sql(removeFolded), resource)
	return err
}

// soon fails the test when what should happen soon does not.
const soon = 20 * time.Second
