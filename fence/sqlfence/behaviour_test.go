package sqlfence_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

func TestSQLiteBehaves(t *testing.T) {
	behaves(t, lite, func(t *testing.T) *sql.DB { return openSQLite(t, "?_pragma=busy_timeout(5000)") })
}

// behaves is what is the same on all databases.
func behaves(t *testing.T, d sqlfence.Dialect, fresh func(*testing.T) *sql.DB) {
	t.Run("Do commits all of it, or nothing and returns the error as it is", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		require.Equal(t, "r", guard.Resource())
		require.NoError(t, guard.Do(t.Context(), six, func(tx *sql.Tx) error {
			require.NoError(t, putting(t.Context(), "a", "1")(tx))
			return putting(t.Context(), "b", "2")(tx)
		}))
		require.Equal(t, "1", value(t, db, "a"))
		require.Equal(t, "2", value(t, db, "b"))

		mine := errors.New("mine")
		require.Equal(t, mine, guard.Do(t.Context(), six, func(tx *sql.Tx) error {
			require.NoError(t, putting(t.Context(), "a", "3")(tx))
			return mine
		}))
		require.Equal(t, "1", value(t, db, "a"))
		require.Panics(t, func() {
			_ = guard.Do(t.Context(), six, func(tx *sql.Tx) error {
				require.NoError(t, putting(t.Context(), "a", "4")(tx))
				panic("mine too")
			})
		})
		require.Equal(t, "1", value(t, db, "a"))
		require.NoError(t, guard.Do(t.Context(), six, putting(t.Context(), "a", "5")), "nothing of that holds anything")
	})

	t.Run("a newer token moves the mark, without a seal by the caller", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		mark, err := guard.Mark(t.Context())
		require.NoError(t, err)
		require.Zero(t, mark)
		for _, token := range []fence.Token{six, seven} {
			require.NoError(t, guard.Do(t.Context(), token, putting(t.Context(), "r", token.String())))
			mark, err := guard.Mark(t.Context())
			require.NoError(t, err)
			require.Equal(t, token, mark)
		}
		n, err := guard.Exec(t.Context(), eight, putFenced, "r", "eight")
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		require.Equal(t, &fence.StaleError{Resource: "r", Have: seven, Max: eight}, guard.Do(t.Context(), seven, never(t)))
	})

	t.Run("Check in the caller's transaction", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		check := func(token fence.Token) (err error) {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			if err := guard.Check(t.Context(), tx, token); err != nil {
				return err
			}
			require.NoError(t, putting(t.Context(), "r", token.String())(tx))
			return tx.Commit()
		}
		require.Equal(t, &sqlfence.NotSealedError{Resource: "r", Token: six}, check(six), "nobody has sealed")
		require.NoError(t, guard.Seal(t.Context(), six))
		require.NoError(t, check(six))
		require.NoError(t, check(six))
		err := check(seven)
		require.Equal(t, &sqlfence.NotSealedError{Resource: "r", Token: seven, Max: six}, err)
		require.ErrorIs(t, err, sqlfence.ErrNotSealed)
		require.EqualError(t, err, `sqlfence: not sealed: "r" with token 0x7, it has 0x6: seal first, and then begin the transaction`)
		require.NoError(t, guard.Seal(t.Context(), seven))
		require.Equal(t, &fence.StaleError{Resource: "r", Have: six, Max: seven}, check(six))
		require.ErrorIs(t, check(fence.Token{Generation: 1}), fence.ErrNoToken)
		require.Equal(t, "0x6", value(t, db, "r"))
	})

	t.Run("Exec says what no changed row means", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		n, err := guard.Exec(t.Context(), six, removeFenced, "nothing")
		require.NoError(t, err)
		require.Zero(t, n, "there was nothing to delete")
		n, err = guard.Exec(t.Context(), six, putFenced, "a", "1")
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		n, err = guard.Exec(t.Context(), six, removeFenced, "nothing")
		require.NoError(t, err)
		require.Zero(t, n)
		require.NoError(t, guard.Seal(t.Context(), seven))
		_, err = guard.Exec(t.Context(), six, removeFenced, "nothing")
		require.Equal(t, &fence.StaleError{Resource: "r", Have: six, Max: seven}, err)
		_, err = guard.Exec(t.Context(), six, removeFenced, "a")
		require.ErrorIs(t, err, fence.ErrStale)
		require.Equal(t, "1", value(t, db, "a"))

		// Another guard of the same resource has not seen the seal.
		other := sqlfence.New(db, d, "r", sqlfence.Config{})
		n, err = other.Exec(t.Context(), seven, removeFenced, "nothing")
		require.NoError(t, err)
		require.Zero(t, n)
	})

	t.Run("Exec with a WITH, a subquery and the columns of fence", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		n, err := guard.Exec(t.Context(), six, ` with a AS (SELECT 'a' AS name), b AS (SELECT 'b' AS name)
			INSERT INTO things (name, value) SELECT a.name, resource || token FROM a, fence UNION SELECT b.name, $1 FROM b, fence`, "x")
		require.NoError(t, err)
		require.Equal(t, int64(2), n)
		require.Equal(t, "r"+sqlfence.Encode(six), value(t, db, "a"))
		require.Equal(t, "x", value(t, db, "b"))
		n, err = guard.Exec(t.Context(), six, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3)
			INSERT INTO things (name, value) SELECT 'n' || i, 'n' FROM n, fence`)
		require.NoError(t, err)
		require.Equal(t, int64(3), n)
		n, err = guard.Exec(t.Context(), six, `UPDATE things SET value = $2 WHERE name = $1 AND EXISTS (SELECT 1 FROM fence)`, "a", "y")
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		require.Equal(t, "y", value(t, db, "a"))
	})

	t.Run("a statement without fence is refused before it is sent", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		_, err := guard.Exec(t.Context(), six, put, "a", "1")
		require.ErrorIs(t, err, sqlfence.ErrNoFence)
		_, err = guard.Exec(t.Context(), six, `INSERT INTO fences VALUES (1)`)
		require.ErrorIs(t, err, sqlfence.ErrNoFence)
		require.Empty(t, value(t, db, "a"))
	})

	t.Run("ExecTx holds until the transaction ends", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		within := func(token fence.Token, query string, args ...any) (n int64, err error) {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			if n, err = guard.ExecTx(t.Context(), tx, token, query, args...); err != nil {
				return n, err
			}
			_, err = tx.ExecContext(t.Context(), put, "second", "written")
			require.NoError(t, err)
			return n, tx.Commit()
		}
		_, err := within(six, putFenced, "a", "1")
		require.ErrorIs(t, err, sqlfence.ErrNotSealed)
		require.NoError(t, guard.Seal(t.Context(), six))
		n, err := within(six, putFenced, "a", "1")
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		n, err = within(six, removeFenced, "nothing")
		require.NoError(t, err)
		require.Zero(t, n)
		require.NoError(t, guard.Seal(t.Context(), seven))
		exec(t, db, remove, "second")
		_, err = within(six, removeFenced, "nothing")
		require.ErrorIs(t, err, fence.ErrStale)
		_, err = within(six, put, "a", "1")
		require.ErrorIs(t, err, sqlfence.ErrNoFence)
		require.Empty(t, value(t, db, "second"))
	})

	t.Run("what the database refuses is an error, and nothing was written", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		require.NoError(t, guard.Seal(t.Context(), six))
		_, err := guard.Exec(t.Context(), six, `INSERT INTO things (name, value) SELECT 'a', NULL FROM fence`)
		require.Error(t, err)
		require.NotErrorIs(t, err, fence.ErrUnknown)
		require.Equal(t, sqlfence.Refused, d.Judge(err), "%v", err)
		err = guard.Do(t.Context(), six, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO nowhere VALUES (1)`)
			return err
		})
		require.Equal(t, sqlfence.Refused, d.Judge(err), "%v", err)
	})

	t.Run("without the table all fail", func(t *testing.T) {
		db := fresh(t)
		exec(t, db, `DROP TABLE zkkit_fences`)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		err := guard.Seal(t.Context(), six)
		require.ErrorContains(t, err, "zkkit_fences")
		require.NotErrorIs(t, err, fence.ErrUnknown)
		require.ErrorContains(t, guard.Do(t.Context(), six, never(t)), "zkkit_fences")
		_, err = guard.Exec(t.Context(), six, putFenced, "a", "1")
		require.ErrorContains(t, err, "zkkit_fences")
	})

	t.Run("a context that ends within the function", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		cause := errors.New("the hold is lost")
		ctx, cancel := context.WithCancelCause(t.Context())
		err := guard.Do(ctx, six, func(tx *sql.Tx) error {
			require.NoError(t, putting(ctx, "a", "1")(tx))
			cancel(cause)
			return nil // It has not noticed.
		})
		require.ErrorIs(t, err, cause)
		require.NotErrorIs(t, err, fence.ErrUnknown, "the commit was not tried")
		require.Empty(t, value(t, db, "a"))
		require.NoError(t, guard.Do(t.Context(), six, putting(t.Context(), "a", "2")))
	})

	t.Run("one connection is enough", func(t *testing.T) {
		db := fresh(t)
		db.SetMaxOpenConns(1)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		require.NoError(t, guard.Do(t.Context(), six, putting(t.Context(), "a", "1")))
		_, err := guard.Exec(t.Context(), seven, putFenced, "a", "2")
		require.NoError(t, err)
		require.ErrorIs(t, guard.Do(t.Context(), six, never(t)), fence.ErrStale)
		_, err = guard.Exec(t.Context(), six, putFenced, "a", "3")
		require.ErrorIs(t, err, fence.ErrStale)
	})

	t.Run("a function that ends the transaction itself leaves an unknown outcome", func(t *testing.T) {
		db := fresh(t)
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		err := guard.Do(t.Context(), six, func(tx *sql.Tx) error {
			require.NoError(t, putting(t.Context(), "a", "1")(tx))
			return tx.Commit()
		})
		require.ErrorIs(t, err, fence.ErrUnknown)
		require.ErrorContains(t, err, "has ended the transaction")
	})
}
