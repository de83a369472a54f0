package sqlfence_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
	"github.com/zkkit/zkkit/partition"
)

// What is told of a transaction whose connection breaks, and what became of it.
func postgresOutcomes(t *testing.T, s *server) {
	const gaveUp = 300 * time.Millisecond // When a caller that gets no answer loses patience.

	t.Run("cut off between check and commit: nothing is written, and the server's timeout lets the next holder seal", func(t *testing.T) {
		direct, link := s.linked(t)
		far := link.open(t)
		guard := sqlfence.New(far, sqlfence.PostgreSQL{IdleTimeout: time.Second}, "r", sqlfence.Config{})
		require.NoError(t, guard.Seal(t.Context(), six))
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		err := guard.Do(ctx, six, func(tx *sql.Tx) error {
			link.MustCut(t, partition.Drop, partition.Both)
			time.AfterFunc(gaveUp, cancel)
			return putting(ctx, "r", "late")(tx)
		})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, fence.ErrUnknown, "the commit was not sent")
		near := sqlfence.New(direct, pg, "r", sqlfence.Config{})
		require.NoError(t, near.Seal(t.Context(), seven))
		require.Empty(t, value(t, direct, "r"))
	})

	t.Run("the answer to the commit is lost: unknown, and it was written", func(t *testing.T) {
		direct, link := s.linked(t)
		guard := sqlfence.New(link.open(t), pg, "r", sqlfence.Config{})
		cut, err := link.lose(t, guard, partition.Drop, partition.FromServer, gaveUp)
		requireUnknown(t, err)
		require.Eventually(t, func() bool { return value(t, direct, "r") == "written" }, soon, time.Millisecond)

		ctx, cancel := context.WithTimeout(t.Context(), gaveUp)
		defer cancel()
		_, again := guard.Resolve(ctx, err)
		requireUnknown(t, again)
		require.ErrorIs(t, again, context.DeadlineExceeded, "it cannot ask through the cut")
		cut.MustHeal(t)
		applied, err := guard.Resolve(t.Context(), again)
		require.NoError(t, err)
		require.True(t, applied)
	})

	t.Run("the commit itself is lost: unknown, and it is never written", func(t *testing.T) {
		direct, link := s.linked(t)
		guard := sqlfence.New(link.open(t), sqlfence.PostgreSQL{IdleTimeout: time.Second}, "r", sqlfence.Config{})
		_, err := link.lose(t, guard, partition.Drop, partition.ToServer, gaveUp)
		requireUnknown(t, err)
		near := sqlfence.New(direct, pg, "r", sqlfence.Config{})
		applied, err := near.Resolve(t.Context(), err) // Until the server has given the transaction up.
		require.NoError(t, err)
		require.False(t, applied)
		require.Empty(t, value(t, direct, "r"))
	})

	// The reason why a transaction in progress is no answer: the commit is still in the network.
	t.Run("the commit is late: unknown, and then it is written", func(t *testing.T) {
		direct, link := s.linked(t)
		guard := sqlfence.New(link.open(t), pg, "r", sqlfence.Config{})
		cut, unknown := link.lose(t, guard, partition.Jam, partition.ToServer, gaveUp)
		requireUnknown(t, unknown)
		near := sqlfence.New(direct, pg, "r", sqlfence.Config{})
		type answer struct {
			applied bool
			err     error
		}
		answered := make(chan answer, 1)
		go func() {
			applied, err := near.Resolve(t.Context(), unknown)
			answered <- answer{applied, err}
		}()
		select {
		case a := <-answered:
			t.Fatalf("nobody can know yet: %v, %v", a.applied, a.err)
		case <-time.After(gaveUp):
		}
		require.Empty(t, value(t, direct, "r"))
		cut.MustHeal(t)
		require.Equal(t, answer{true, nil}, <-answered)
		require.Equal(t, "written", value(t, direct, "r"))
	})

	t.Run("the answer to a statement is lost: unknown, and nobody can be asked", func(t *testing.T) {
		direct, link := s.linked(t)
		far := link.open(t)
		far.SetMaxOpenConns(1)
		guard := sqlfence.New(far, pg, "r", sqlfence.Config{})
		_, err := guard.Exec(t.Context(), six, putFenced, "r", "before") // Now it is prepared, and one message executes it.
		require.NoError(t, err)
		cut := link.MustCut(t, partition.Drop, partition.FromServer)
		ctx, cancel := context.WithTimeout(t.Context(), gaveUp)
		defer cancel()
		_, err = guard.Exec(ctx, six, putFenced, "r", "written")
		requireUnknown(t, err)
		require.ErrorContains(t, err, "look for what it wrote")
		cut.MustHeal(t)
		require.Equal(t, "written", value(t, direct, "r"))
		applied, again := guard.Resolve(t.Context(), err)
		require.Equal(t, err, again)
		require.False(t, applied)
	})

	t.Run("the server ends the connection before the commit: unknown, and it was not written", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		calls := 0
		err := guard.Do(t.Context(), six, func(tx *sql.Tx) error {
			calls++
			var pid int
			require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid))
			require.NoError(t, putting(t.Context(), "r", "lost")(tx))
			exec(t, s.admin, `SELECT pg_terminate_backend($1)`, pid)
			return nil
		})
		requireUnknown(t, err)
		require.Equal(t, 1, calls, "an unknown outcome is not tried again")
		applied, err := guard.Resolve(t.Context(), err)
		require.NoError(t, err)
		require.False(t, applied)
		require.Empty(t, value(t, db, "r"))
	})

	t.Run("what cannot be known is not guessed", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		for id, want := range map[string]string{
			"5@0000000A":                   "failover or a restore",
			"3@00000001":                   "does not keep the status",
			"9000000000000000000@00000001": "in the future",
			"x":                            "is no transaction",
		} {
			applied, err := guard.Resolve(t.Context(), &fence.UnknownError{Resource: "r", Token: six, Err: &sqlfence.CommitError{ID: id, Err: errors.New("lost")}})
			requireUnknown(t, err)
			require.ErrorContains(t, err, want)
			require.False(t, applied)
		}
		applied, err := guard.Resolve(t.Context(), context.Canceled)
		require.ErrorContains(t, err, "nothing to resolve")
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, applied)
	})

	t.Run("a stale token is not hidden by a rollback that fails", func(t *testing.T) {
		db := s.fresh(t)
		require.NoError(t, sqlfence.New(db, pg, "r", sqlfence.Config{}).Seal(t.Context(), seven))
		guard := sqlfence.New(db, deadly{pg, s.admin}, "r", sqlfence.Config{})
		require.Equal(t, &fence.StaleError{Resource: "r", Have: six, Max: seven}, guard.Do(t.Context(), six, never(t)))
	})

	t.Run("a commit that the server refuses is no unknown outcome", func(t *testing.T) {
		db := s.fresh(t)
		exec(t, db, `CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)`)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		err := guard.Do(t.Context(), six, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO late VALUES (1), (1)`)
			return err
		})
		require.ErrorContains(t, err, "23505")
		require.NotErrorIs(t, err, fence.ErrUnknown)

		err = guard.Do(t.Context(), six, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `SELECT 1 / 0`)
			require.Error(t, err) // And the function goes on as if nothing had been.
			return nil
		})
		require.ErrorContains(t, err, "rollback")
		require.NotErrorIs(t, err, fence.ErrUnknown)
	})

	t.Run("a transaction that is refused because of others is tried again", func(t *testing.T) {
		db := s.fresh(t)
		exec(t, db, put, "r", "0")
		collide := func(times int) (func(tx *sql.Tx) error, *atomic.Int64) {
			calls := new(atomic.Int64)
			return func(tx *sql.Tx) error {
				var seen string
				if err := tx.QueryRowContext(t.Context(), look, "r").Scan(&seen); err != nil {
					return err
				}
				if calls.Add(1) <= int64(times) {
					exec(t, db, put, "r", fmt.Sprint(calls.Load())) // Somebody else, in between.
				}
				return putting(t.Context(), "r", seen+"+")(tx)
			}, calls
		}
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{Isolation: sql.LevelSerializable, Attempts: 4})
		f, calls := collide(3)
		require.NoError(t, guard.Do(t.Context(), six, f))
		require.Equal(t, int64(4), calls.Load())
		require.Equal(t, "3+", value(t, db, "r"))

		f, calls = collide(99)
		err := guard.Do(t.Context(), six, f)
		require.ErrorIs(t, err, sqlfence.ErrContended)
		contended, ok := errors.AsType[*sqlfence.ContendedError](err)
		require.True(t, ok)
		require.Equal(t, 4, contended.Attempts)
		require.ErrorContains(t, err, "40001")
		require.Equal(t, int64(4), calls.Load())
		require.Equal(t, "4", value(t, db, "r"), "nothing of it was written")
	})
}

func requireUnknown(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, fence.ErrUnknown)
	require.NotErrorIs(t, err, fence.ErrStale)
	u, ok := errors.AsType[*fence.UnknownError](err)
	require.True(t, ok)
	require.Equal(t, "r", u.Resource)
	require.Equal(t, six, u.Token)
}

// deadly is a dialect that loses its connection right after the check.
type deadly struct {
	sqlfence.PostgreSQL
	admin *sql.DB
}

func (d deadly) Hold(ctx context.Context, tx *sql.Tx, resource string, t fence.Token) (sqlfence.Held, error) {
	held, err := d.PostgreSQL.Hold(ctx, tx, resource, t)
	var pid int
	if err := tx.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return held, err
	}
	if _, err := d.admin.ExecContext(ctx, `SELECT pg_terminate_backend($1)`, pid); err != nil {
		return held, err
	}
	return held, err
}

// A link is a way to the server that can be cut.
type link struct {
	*partition.Link
	dsn string
}

// linked makes a schema, and returns a direct way to it and one through a link.
func (s *server) linked(t *testing.T) (*sql.DB, *link) {
	t.Helper()
	direct := s.fresh(t)
	u, err := url.Parse(s.store.DSN())
	require.NoError(t, err)
	l := partition.Run(t, map[string]string{"database": u.Host}).MustLink("database")
	return direct, &link{l, s.dsn(t, l.Addr(), nil)}
}

func (l *link) open(t *testing.T) *sql.DB {
	t.Helper()
	return open(t, "pgx", l.dsn)
}

// lose writes, cuts the link before the commit, and gives up after some time.
func (l *link) lose(t *testing.T, guard *sqlfence.Guard, kind partition.Kind, direction partition.Direction, after time.Duration) (cut *partition.Cut, err error) {
	t.Helper()
	require.NoError(t, guard.Seal(t.Context(), six))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = guard.Do(ctx, six, func(tx *sql.Tx) error {
		if err := putting(ctx, "r", "written")(tx); err != nil {
			return err
		}
		cut = l.MustCut(t, kind, direction)
		time.AfterFunc(after, cancel)
		return nil
	})
	return cut, err
}
