package scenario

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/zkkit/zkkit/fence/sqlfence"
	"github.com/zkkit/zkkit/internal/stores"
)

func fencePostgres() fenceStore {
	return fenceStore{name: "postgres", open: openFencePostgres, lacks: func(err error) bool { return errors.Is(err, stores.ErrNotInstalled) }}
}

// benchRows is how many rows each client changes, one after the other.
const benchRows = 256

// openFencePostgres compares a guarded statement with the same statement, as the server comes and without waiting for its disk, and a guarded transaction of one statement with a
// plain one. Everything is in a schema of its own.
func openFencePostgres(ctx context.Context, clients int) (_ *fencedStore, err error) {
	p, err := stores.StartPostgres(ctx, stores.PostgresConfig{})
	if err != nil {
		return nil, err
	}
	schema := fmt.Sprintf("zkkit_bench_%016x", rand.Uint64())
	var pools []*sql.DB
	s := &fencedStore{about: p.String(), close: func() {
		if len(pools) > 0 {
			_, _ = pools[0].ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
		}
		for _, db := range pools {
			_ = db.Close()
		}
		_ = p.Stop()
	}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for _, settings := range []string{"", "synchronous_commit=off"} {
		db, err := openPool(p.DSN(), settings, clients)
		if err != nil {
			return nil, err
		}
		pools = append(pools, db)
	}
	dialect := sqlfence.PostgreSQL{Table: schema + ".fences"}
	table := schema + ".rows"
	ddl := []string{"CREATE SCHEMA " + schema}
	for _, m := range dialect.Migrations() {
		ddl = append(ddl, m.SQL)
	}
	ddl = append(ddl, "CREATE TABLE "+table+" (id integer PRIMARY KEY, value text NOT NULL) WITH (fillfactor = 50)",
		fmt.Sprintf("INSERT INTO %s SELECT n, repeat('x', %d) FROM generate_series(0, %d) n", table, benchBytes, clients*benchRows-1),
		"VACUUM ANALYZE "+table)
	for _, statement := range ddl {
		if _, err := pools[0].ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	var rows []*fenceRows
	for _, db := range pools {
		r, err := newFenceRows(ctx, db, dialect, table, clients)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	synced, unsynced := rows[0], rows[1]
	s.subjects = []func(context.Context, int) error{synced.write, synced.fencedWrite, synced.transaction, synced.do, unsynced.write, unsynced.fencedWrite}
	s.costs = []fenceCost{{"postgres", 0, 1}, {"postgres_tx", 2, 3}, {"postgres_nosync", 4, 5}}
	s.stale = func(ctx context.Context) error {
		_, err := synced.guards[0].Exec(ctx, staleToken, synced.fenced, 0, synced.value)
		return err
	}
	return s, nil
}

// openPool connects, with a setting of the server's for these connections if there is one.
func openPool(dsn, setting string, clients int) (*sql.DB, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, err
	}
	if name, value, found := strings.Cut(setting, "="); found {
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
	}
	db, err := sql.Open("pgx", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(clients)
	db.SetMaxIdleConns(clients)
	return db, nil
}

// fenceRows writes to rows of which each client has its own.
type fenceRows struct {
	db            *sql.DB
	guards        []*sqlfence.Guard
	next          []int // row of each client
	value         string
	plain, fenced string
}

func newFenceRows(ctx context.Context, db *sql.DB, dialect sqlfence.Dialect, table string, clients int) (*fenceRows, error) {
	b := &fenceRows{
		db: db, guards: make([]*sqlfence.Guard, clients), next: make([]int, clients), value: strings.Repeat("y", benchBytes),
		plain:  "UPDATE " + table + " SET value = $2 WHERE id = $1",
		fenced: "UPDATE " + table + " SET value = $2 WHERE id = $1 AND EXISTS (SELECT FROM fence)",
	}
	for i := range b.guards {
		b.guards[i] = sqlfence.New(db, dialect, fmt.Sprintf("client-%d", i), sqlfence.Config{})
		if err := b.guards[i].Seal(ctx, benchToken); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// row returns the id of the client's next row.
func (b *fenceRows) row(client int) int {
	b.next[client] = (b.next[client] + 1) % benchRows
	return client*benchRows + b.next[client]
}

func (b *fenceRows) write(ctx context.Context, client int) error {
	_, err := b.db.ExecContext(ctx, b.plain, b.row(client), b.value)
	return err
}

func (b *fenceRows) fencedWrite(ctx context.Context, client int) error {
	_, err := b.guards[client].Exec(ctx, benchToken, b.fenced, b.row(client), b.value)
	return err
}

func (b *fenceRows) transaction(ctx context.Context, client int) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, b.plain, b.row(client), b.value); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// do has the check in a statement of its own.
func (b *fenceRows) do(ctx context.Context, client int) error {
	return b.guards[client].Do(ctx, benchToken, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, b.plain, b.row(client), b.value)
		return err
	})
}
