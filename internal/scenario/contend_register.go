package scenario

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zkkit/zkkit/cas"
)

// A sqlRegister keeps the nodes of package cas in a table of PostgreSQL, a row for each, whose versions it counts itself. There is no lock in it for anybody to be promoted to.
type sqlRegister struct {
	db    *sql.DB
	table string
	ops   *atomic.Int64 // statements
}

func (r *sqlRegister) Read(ctx context.Context, path string, _ bool) (cas.Record, error) {
	var rec cas.Record
	r.ops.Add(1)
	err := r.db.QueryRowContext(ctx, "SELECT birth, version, data FROM "+r.table+" WHERE path = $1", path).Scan(&rec.Version.Birth, &rec.Version.Count, &rec.Data)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %s", cas.ErrAbsent, path)
	}
	return rec, err
}

func (r *sqlRegister) Create(ctx context.Context, path string, data []byte) error {
	r.ops.Add(1)
	_, err := r.db.ExecContext(ctx, "INSERT INTO "+r.table+" (path, version, data) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING", path, data)
	return unknownSQL(err)
}

func (r *sqlRegister) Write(ctx context.Context, path string, data []byte, old cas.Version) (cas.Version, error) {
	r.ops.Add(1)
	result, err := r.db.ExecContext(ctx, "UPDATE "+r.table+" SET version = version + 1, data = $1 WHERE path = $2 AND birth = $3 AND version = $4", data, path, old.Birth, old.Count)
	if err != nil {
		return cas.Version{}, unknownSQL(err)
	}
	n, err := result.RowsAffected()
	switch {
	case err != nil:
		return cas.Version{}, fmt.Errorf("%w: %w", cas.ErrUnknown, err)
	case n == 0:
		return cas.Version{}, cas.ErrConflict
	}
	return cas.Version{Birth: old.Birth, Count: old.Count + 1}, nil
}

func (r *sqlRegister) Queued(context.Context, string) (bool, error) { return false, nil }

// unknownSQL says of an error of a write that nobody knows whether it was applied, unless the server itself has answered, or the statement was never sent.
func unknownSQL(err error) error {
	var answer *pgconn.PgError
	if err == nil || errors.As(err, &answer) || errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err) {
		return err
	}
	return fmt.Errorf("%w: %w", cas.ErrUnknown, err)
}
