package sqlfence_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence/sqlfence"
)

func TestPostgresJudge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want sqlfence.Verdict
	}{
		{&pgconn.PgError{Code: "40001"}, sqlfence.Again},
		{fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: "40P01"}), sqlfence.Again},
		{&pgconn.PgError{Code: "40003"}, sqlfence.Unclear},
		{&pgconn.PgError{Code: "23505"}, sqlfence.Refused},
		{&pgconn.PgError{Code: "25P03"}, sqlfence.Refused},
		{&pgconn.PgError{Code: "57014"}, sqlfence.Refused},
		{&pgconn.PgError{Code: "57P01"}, sqlfence.Unclear}, // It may have been committed and only not be replicated yet.
		{&pgconn.PgError{Code: "08006"}, sqlfence.Unclear},
		{&pgconn.PgError{Code: "58030"}, sqlfence.Unclear},
		{&pgconn.PgError{Code: "XX000"}, sqlfence.Unclear},
		{pgx.ErrTxCommitRollback, sqlfence.Refused},
		{io.ErrUnexpectedEOF, sqlfence.Unclear},
		{context.DeadlineExceeded, sqlfence.Unclear},
		{driver.ErrBadConn, sqlfence.Unclear},
		{errors.New("anything"), sqlfence.Unclear},
	} {
		require.Equal(t, c.want, pg.Judge(c.err), "%v", c.err)
	}
}

// An error of SQLite, as its drivers have it.
type code int

func (c code) Error() string { return fmt.Sprint("result ", int(c)) }
func (c code) Code() int     { return int(c) }

func TestSQLiteJudge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want sqlfence.Verdict
	}{
		{code(5), sqlfence.Again},                          // SQLITE_BUSY
		{code(517), sqlfence.Again},                        // SQLITE_BUSY_SNAPSHOT
		{code(6), sqlfence.Again},                          // SQLITE_LOCKED
		{code(19), sqlfence.Refused},                       // SQLITE_CONSTRAINT
		{code(2067), sqlfence.Refused},                     // SQLITE_CONSTRAINT_UNIQUE
		{code(8), sqlfence.Refused},                        // SQLITE_READONLY
		{code(10), sqlfence.Unclear},                       // SQLITE_IOERR
		{code(1034), sqlfence.Unclear},                     // SQLITE_IOERR_FSYNC
		{code(11), sqlfence.Unclear},                       // SQLITE_CORRUPT
		{errors.New("database is locked"), sqlfence.Again}, // A driver without codes.
		{errors.New("anything"), sqlfence.Unclear},
	} {
		require.Equal(t, c.want, lite.Judge(c.err), "%v", c.err)
	}
	require.Equal(t, "again refused unclear", fmt.Sprint(sqlfence.Again, " ", sqlfence.Refused, " ", sqlfence.Unclear))
}
