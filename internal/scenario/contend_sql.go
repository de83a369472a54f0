package scenario

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/zkkit/zkkit/cas"
)

// contendSQL is what a process has of a PostgreSQL.
type contendSQL struct {
	db    *sql.DB
	nodes string // the table of package cas
	rows  string // the table of those who use SQL

	stores []*cas.Store
	alive  *sql.Conn // of the experiment itself: see begin
}

func newContendSQL(ctx context.Context, setup contendSetup) (*contendSQL, error) {
	db, err := sql.Open("pgx", setup.DSN)
	if err != nil {
		return nil, environment(err)
	}
	db.SetMaxIdleConns(1000) // A worker keeps its connection, as one with a pool does.
	within, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
	defer cancel()
	if err := db.PingContext(within); err != nil {
		_ = db.Close()
		return nil, environment(told(within, err))
	}
	return &contendSQL{db: db, nodes: setup.Root + "_nodes", rows: setup.Root + "_rows"}, nil
}

func (s *contendSQL) close() {
	for _, store := range s.stores {
		_ = store.Close()
	}
	if s.alive != nil {
		_ = s.alive.Close()
	}
	_ = s.db.Close()
}

// row is the key of a record.
func (s *contendSQL) row(cell contendCell, key int) string {
	return cell.space() + "/" + strconv.Itoa(key)
}

func (s *contendSQL) ways(cell contendCell, workers int) ([]contendWay, error) {
	return contendWays(cell, workers, func() (contendWay, error) {
		switch cell.Strategy {
		case contendLock:
			return s.advisory(cell), nil
		case contendBlind:
			return func(ctx context.Context, key int, job contendJob) (contendDone, error) {
				return s.readAndWrite(ctx, s.db, s.row(cell, key), "", job)
			}, nil
		case contendForUpdate:
			return s.forUpdate(cell), nil
		case contendConditional:
			return s.conditional(cell), nil
		}
		cfg, err := contendStoreConfig(cell.Strategy)
		if err != nil {
			return nil, err
		}
		reg := &sqlRegister{db: s.db, table: s.nodes, ops: new(atomic.Int64)}
		store, err := cas.NewStoreOn(reg, cfg)
		if err != nil {
			return nil, err
		}
		s.stores = append(s.stores, store)
		way := contendCASWay(store, func(key int) string { return "/" + s.row(cell, key) })
		return func(ctx context.Context, key int, job contendJob) (contendDone, error) {
			done, err := way(ctx, key, job)
			done.ops = int(reg.ops.Swap(0)) // of all who share the store, since the last of them was done
			return done, err
		}, nil
	})
}

// query is what a connection, a transaction and a pool have in common.
type query interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// readAndWrite reads a row, thinks, and writes it, under whatever keeps others off it.
func (s *contendSQL) readAndWrite(ctx context.Context, q query, row, lock string, job contendJob) (contendDone, error) {
	var r contendRecord
	if err := q.QueryRowContext(ctx, "SELECT n, note FROM "+s.rows+" WHERE row = $1"+lock, row).Scan(&r.N, &r.Note); err != nil {
		return contendDone{}, err
	}
	job.think()
	next, effect := job.change(r)
	if _, err := q.ExecContext(ctx, "UPDATE "+s.rows+" SET n = $1, note = $2 WHERE row = $3", next.N, next.Note, row); err != nil {
		return contendDone{}, err
	}
	return contendDone{attempts: 1, combined: 1, ops: 4, effect: effect, value: next.N}, nil
}

// advisory takes the database's own lock, which has nothing to do with the row.
func (s *contendSQL) advisory(cell contendCell) contendWay {
	return func(ctx context.Context, key int, job contendJob) (done contendDone, err error) {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return done, err
		}
		defer conn.Close()
		row := s.row(cell, key)
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", row); err != nil {
			return done, err
		}
		done, err = s.readAndWrite(ctx, conn, row, "", job)
		if _, uerr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtextextended($1, 0))", row); err == nil {
			err = uerr
		}
		return done, err
	}
}

// forUpdate locks the row itself, for as long as the transaction lasts.
func (s *contendSQL) forUpdate(cell contendCell) contendWay {
	return func(ctx context.Context, key int, job contendJob) (contendDone, error) {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return contendDone{}, err
		}
		done, err := s.readAndWrite(ctx, tx, s.row(cell, key), " FOR UPDATE", job)
		if err != nil {
			return done, errors.Join(err, tx.Rollback())
		}
		return done, tx.Commit()
	}
}

// conditional leaves the decision to the database: one statement, that changes the row where it may be changed. What there is to think about is thought about before.
func (s *contendSQL) conditional(cell contendCell) contendWay {
	change := func(ctx context.Context, row string, by int64, where string) (n int64, err error) {
		err = s.db.QueryRowContext(ctx, "UPDATE "+s.rows+" SET n = n + $1 WHERE row = $2"+where+" RETURNING n", by, row).Scan(&n)
		return n, err
	}
	return func(ctx context.Context, key int, job contendJob) (contendDone, error) {
		job.think()
		row := s.row(cell, key)
		done := contendDone{attempts: 1, combined: 1, ops: 1, effect: 1}
		if job.Workload == ContendProfiles {
			var err error
			done.value, err = change(ctx, row, 1, "")
			return done, err
		}
		var err error
		done.effect = -1
		if done.value, err = change(ctx, row, -1, " AND n > 0"); errors.Is(err, sql.ErrNoRows) {
			done.ops, done.effect = 2, contendRestock
			done.value, err = change(ctx, row, contendRestock, "")
		}
		return done, err
	}
}

// create makes the tables.
func (s *contendSQL) create(ctx context.Context) error {
	for _, statement := range []string{
		"CREATE TABLE " + s.nodes + " (path text PRIMARY KEY, birth bigserial, version bigint NOT NULL, data bytea NOT NULL) WITH (fillfactor = 50)",
		"CREATE TABLE " + s.rows + " (row text PRIMARY KEY, n bigint NOT NULL, note text NOT NULL) WITH (fillfactor = 50)",
	} {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (s *contendSQL) clear(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "DROP TABLE IF EXISTS "+s.nodes+", "+s.rows)
	return err
}

// ofSQL reports whether a strategy uses SQL, and not package cas.
func ofSQL(strategy string) bool {
	return bare(strategy) || strategy == contendForUpdate || strategy == contendConditional
}

func (s *contendSQL) prepare(ctx context.Context, cell contendCell, job contendJob) error {
	if ofSQL(cell.Strategy) {
		_, err := s.db.ExecContext(ctx, "INSERT INTO "+s.rows+" SELECT $1 || '/' || k, $2, $3 FROM generate_series(0, $4 - 1) k",
			cell.space(), job.initial().N, job.initial().Note, job.Keys)
		return err
	}
	store, err := s.plain()
	if err != nil {
		return err
	}
	return contendEach(ctx, job.Keys, func(ctx context.Context, key int) error {
		_, _, err := cas.Update(ctx, store, "/"+s.row(cell, key), func(contendRecord) (contendRecord, error) { return job.initial(), nil })
		return err
	})
}

func (s *contendSQL) total(ctx context.Context, cell contendCell, job contendJob) (sum, lowest int64, err error) {
	if ofSQL(cell.Strategy) {
		err = s.db.QueryRowContext(ctx, "SELECT sum(n), least(min(n), 0) FROM "+s.rows+" WHERE row LIKE $1", cell.space()+"/%").Scan(&sum, &lowest)
		return sum, lowest, err
	}
	store, err := s.plain()
	if err != nil {
		return 0, 0, err
	}
	for key := range job.Keys {
		r, err := cas.Get[contendRecord](ctx, store, "/"+s.row(cell, key))
		if err != nil {
			return 0, 0, err
		}
		sum += r.N
		lowest = min(lowest, r.N)
	}
	return sum, lowest, nil
}

func (s *contendSQL) plain() (*cas.Store, error) {
	if len(s.stores) == 0 {
		store, err := cas.NewStoreOn(&sqlRegister{db: s.db, table: s.nodes, ops: new(atomic.Int64)}, cas.Config{})
		if err != nil {
			return nil, err
		}
		s.stores = append(s.stores, store)
	}
	return s.stores[0], nil
}
