package sqlfence_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

// Whatever the transaction was begun with, who has checked is the only writer.
func TestSQLiteCheckIsAloneWithWhatItWrites(t *testing.T) {
	for name, options := range map[string]string{"deferred": "", "deferred, with a write-ahead log": "?_pragma=journal_mode(wal)", "immediate": "?_txlock=immediate"} {
		t.Run(name, func(t *testing.T) {
			db := openSQLite(t, options)
			guard := sqlfence.New(db, lite, "r", sqlfence.Config{Attempts: 2})
			require.NoError(t, guard.Do(t.Context(), six, func(tx *sql.Tx) error {
				err := guard.Seal(t.Context(), seven) // On another connection.
				require.ErrorIs(t, err, sqlfence.ErrContended, "it must wait")
				require.NotErrorIs(t, err, fence.ErrUnknown)
				return putting(t.Context(), "r", "old")(tx)
			}))
			require.NoError(t, guard.Seal(t.Context(), seven))
			require.ErrorIs(t, guard.Do(t.Context(), six, never(t)), fence.ErrStale)
			require.Equal(t, "old", value(t, db, "r"))
		})
	}
}

// The check holds nothing that would keep an older holder, which only asks, waiting.
func TestSQLiteSaysStaleWithoutWaiting(t *testing.T) {
	db := openSQLite(t, "?_pragma=journal_mode(wal)")
	guard := sqlfence.New(db, lite, "r", sqlfence.Config{Attempts: 1})
	require.NoError(t, guard.Seal(t.Context(), seven))
	require.NoError(t, guard.Do(t.Context(), seven, func(*sql.Tx) error {
		require.ErrorIs(t, guard.Seal(t.Context(), six), fence.ErrStale)
		require.NoError(t, guard.Seal(t.Context(), seven), "nor is there anything to change")
		return nil
	}))
}

// A transaction that has read before it checks cannot always write: it is refused, and not let through.
func TestSQLiteTransactionThatReadBefore(t *testing.T) {
	db := openSQLite(t, "?_pragma=journal_mode(wal)")
	guard := sqlfence.New(db, lite, "r", sqlfence.Config{})
	require.NoError(t, guard.Seal(t.Context(), six))
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	var n int
	require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT count(*) FROM things`).Scan(&n))
	require.NoError(t, guard.Seal(t.Context(), seven))
	err = guard.Check(t.Context(), tx, six)
	require.Equal(t, sqlfence.Again, lite.Judge(err), "%v", err)
}

// The drivers interrupt what is under way when ctx ends, and may say so of a statement that was applied. What is told is never that.
func TestSQLiteContextThatEndsAtAnyTime(t *testing.T) {
	db := openSQLite(t, "?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(off)")
	guard := sqlfence.New(db, lite, "r", sqlfence.Config{})
	require.NoError(t, guard.Seal(t.Context(), six))
	cause := errors.New("no time left")
	for i := range 400 {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Duration(i)*2*time.Microsecond, cause)
		name := time.Now().String()
		var err error
		if i%2 == 0 {
			err = guard.Do(ctx, six, putting(ctx, name, "written"))
		} else {
			_, err = guard.Exec(ctx, six, putFenced, name, "written")
		}
		cancel()
		require.NotErrorIs(t, err, fence.ErrUnknown)
		require.Equal(t, err == nil, value(t, db, name) == "written", "%v", err)
		if err != nil && i%2 != 0 {
			require.ErrorIs(t, err, cause)
		}
	}
}

func TestSQLiteHasNobodyToAsk(t *testing.T) {
	guard := sqlfence.New(openSQLite(t, ""), lite, "r", sqlfence.Config{})
	unknown := &fence.UnknownError{Resource: "r", Token: six, Err: &sqlfence.CommitError{Err: errors.New("lost")}}
	applied, err := guard.Resolve(t.Context(), unknown)
	require.Equal(t, unknown, err)
	require.False(t, applied)
	_, err = lite.Outcome(t.Context(), nil, "1")
	require.ErrorContains(t, err, "no record")
}

func TestTablesWithNamesOfTheirOwn(t *testing.T) {
	db := openSQLite(t, "")
	d := sqlfence.SQLite{Table: `main.my "marks"`}
	for _, m := range d.Migrations() {
		exec(t, db, m.SQL)
	}
	exec(t, db, `DROP TABLE zkkit_fences`)
	guard := sqlfence.New(db, d, "r", sqlfence.Config{})
	require.NoError(t, guard.Do(t.Context(), six, putting(t.Context(), "r", "x")))
	mark, err := guard.Mark(t.Context())
	require.NoError(t, err)
	require.Equal(t, six, mark)
}
