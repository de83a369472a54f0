package sqlfence_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

// What happens between transactions that overlap, step by step.
func postgresHolds(t *testing.T, s *server) {
	t.Run("a seal waits for the write on its way and then sees it", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		require.NoError(t, guard.Seal(t.Context(), six))
		old := begin(t, guard, six, "old")
		sealed := sealing(t, guard, seven)
		require.Empty(t, value(t, db, "r"))
		requireBlocked(t, sealed)

		old.commit(t)
		require.NoError(t, <-sealed)
		require.Equal(t, "old", value(t, db, "r"), "whoever has sealed sees what came before")
		require.ErrorIs(t, guard.Do(t.Context(), six, never(t)), fence.ErrStale)
	})

	t.Run("a plain SELECT lets the write through after the seal, which is the control", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		require.NoError(t, guard.Seal(t.Context(), six))
		checked, commit, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			done <- plain{things{db, pg, sqlfence.Config{}}}.check(t.Context(), "r", six, func(tx *sql.Tx) error {
				close(checked)
				<-commit
				return putting(t.Context(), "r", "zombie")(tx)
			})
		}()
		<-checked
		require.NoError(t, guard.Seal(t.Context(), seven), "it waits for nobody")
		require.Empty(t, value(t, db, "r"))
		close(commit)
		require.NoError(t, <-done)
		require.Equal(t, "zombie", value(t, db, "r"))
	})

	t.Run("writers of one hold run side by side", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		var all []*running
		for range 8 {
			all = append(all, begin(t, guard, six, "x"+time.Now().String()))
		}
		for _, r := range all {
			r.commit(t)
		}
	})

	// Without its first step the seal would have to wait until by chance no transaction of the earlier holder is under way.
	t.Run("who comes while a seal waits is refused and does not lengthen the wait", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		old := begin(t, guard, six, "old")
		sealed := sealing(t, guard, seven)
		for range 5 {
			require.Equal(t, &fence.StaleError{Resource: "r", Have: six, Max: seven}, guard.Do(t.Context(), six, never(t)))
			_, err := guard.Exec(t.Context(), six, putFenced, "r", "late")
			require.Equal(t, &fence.StaleError{Resource: "r", Have: six, Max: seven}, err)
			require.Equal(t, &fence.StaleError{Resource: "r", Have: six, Max: seven}, guard.Seal(t.Context(), six))
		}
		requireBlocked(t, sealed)

		// The new holder does not get in before its seal is complete either, not even in another goroutine.
		second := make(chan error, 1)
		go func() { second <- guard.Do(t.Context(), seven, putting(t.Context(), "r", "new")) }()
		requireBlocked(t, second)
		old.commit(t)
		require.NoError(t, <-sealed)
		require.NoError(t, <-second)
		require.Equal(t, "new", value(t, db, "r"))
	})

	t.Run("a seal in one step starves behind the earlier holder, which is the control", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, oneStep{pg}, "r", sqlfence.Config{})
		old := begin(t, guard, six, "x0")
		sealed := make(chan error, 1)
		go func() { sealed <- guard.Seal(t.Context(), seven) }()
		for i := range 5 {
			requireBlocked(t, sealed)
			next := begin(t, guard, six, fmt.Sprint("x", i+1)) // It gets in, before the one that waits.
			old.commit(t)
			old = next
		}
		requireBlocked(t, sealed)
		old.commit(t)
		require.NoError(t, <-sealed)
	})

	t.Run("a seal that is overtaken says so", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		old := begin(t, guard, six, "old")
		first := sealing(t, guard, seven)
		second := sealing(t, guard, eight)
		requireBlocked(t, first)
		old.commit(t)
		require.Equal(t, &fence.StaleError{Resource: "r", Have: seven, Max: eight}, <-first)
		require.NoError(t, <-second)
	})

	t.Run("a seal that is given up while it waits is an unknown outcome", func(t *testing.T) {
		db := s.fresh(t)
		guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
		old := begin(t, guard, six, "old")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- guard.Seal(ctx, seven) }()
		awaitMark(t, guard, seven)
		requireBlocked(t, done)
		cancel()
		err := <-done
		require.ErrorIs(t, err, fence.ErrUnknown)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, `"r" with token 0x7`)
		old.commit(t)
		require.NoError(t, guard.Seal(t.Context(), seven))
	})

	t.Run("a role that may do nothing but use the tables is enough", func(t *testing.T) {
		db := s.fresh(t)
		exec(t, db, fmt.Sprintf(`CREATE ROLE clerk LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA test%d TO clerk; GRANT SELECT, INSERT, UPDATE ON zkkit_fences, things TO clerk`, s.n))
		u, err := url.Parse(s.dsn(t, "", nil))
		require.NoError(t, err)
		u.User = url.UserPassword("clerk", "secret")
		far, l := open(t, "pgx", u.String()), sqlfence.PostgreSQL{IdleTimeout: time.Minute}
		guard := sqlfence.New(far, l, "r", sqlfence.Config{})
		require.NoError(t, guard.Do(t.Context(), six, putting(t.Context(), "r", "x")))
		_, err = guard.Exec(t.Context(), seven, putFenced, "r", "y")
		require.NoError(t, err)
		_, err = guard.Resolve(t.Context(), &fence.UnknownError{Resource: "r", Err: &sqlfence.CommitError{ID: "3@00000001"}})
		require.ErrorContains(t, err, "does not keep the status")
	})

	for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
		t.Run("a transaction that began before the seal does not hold: "+level.String(), func(t *testing.T) {
			db := s.fresh(t)
			guard := sqlfence.New(db, pg, "r", sqlfence.Config{})
			require.NoError(t, guard.Seal(t.Context(), six))
			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			var n int
			require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT count(*) FROM things`).Scan(&n)) // The snapshot.
			require.NoError(t, guard.Seal(t.Context(), seven))

			err = guard.Check(t.Context(), tx, six)
			if level == sql.LevelReadCommitted {
				require.ErrorIs(t, err, fence.ErrStale)
				return
			}
			require.Error(t, err)
			require.Equal(t, sqlfence.Again, pg.Judge(err), "the second attempt will be told: %v", err)
		})
	}

	// The lock comes after the snapshot of its statement. A seal that fits in between must be noticed.
	delayed := strings.NewReplacer(" FOR KEY SHARE", " AND (SELECT pg_sleep(0.5)) IS NOT NULL FOR KEY SHARE")
	race := func(t *testing.T, db *sql.DB, d sqlfence.Dialect) int64 {
		guard := sqlfence.New(db, d, "r", sqlfence.Config{})
		require.NoError(t, guard.Seal(t.Context(), six))
		query, args := d.Fold(putFenced, []any{"r", "zombie"}, "r", six)
		query = delayed.Replace(query)
		require.Contains(t, query, "pg_sleep")
		var n int64
		done := make(chan error, 1)
		go func() {
			result, err := db.ExecContext(t.Context(), query, args...)
			if err == nil {
				n, err = result.RowsAffected()
			}
			done <- err
		}()
		awaitSleep(t, db)
		require.NoError(t, guard.Seal(t.Context(), seven))
		select {
		case err := <-done:
			t.Fatalf("it did not last long enough: %v", err)
		default:
		}
		require.NoError(t, <-done)
		return n
	}
	t.Run("a seal between the snapshot and the lock of a check is noticed", func(t *testing.T) {
		require.Zero(t, race(t, s.fresh(t), pg))
	})
	t.Run("and would not be if sealed were no key, which is the control", func(t *testing.T) {
		db := s.fresh(t)
		exec(t, db, `ALTER TABLE zkkit_fences DROP CONSTRAINT zkkit_fences_pkey`)
		require.Equal(t, int64(1), race(t, db, oneStep{pg}))
	})
}

// running is a transaction of Do that waits for its commit.
type running struct {
	let  chan struct{}
	done chan error
	once sync.Once
}

// begin starts Do, which has written when begin returns and commits later.
func begin(t *testing.T, guard *sqlfence.Guard, token fence.Token, value string) *running {
	t.Helper()
	r := &running{let: make(chan struct{}), done: make(chan error, 1)}
	in := make(chan struct{})
	go func() {
		r.done <- guard.Do(context.WithoutCancel(t.Context()), token, func(tx *sql.Tx) error {
			name := guard.Resource()
			if strings.HasPrefix(value, "x") {
				name = value // A thing of its own.
			}
			if err := putting(context.WithoutCancel(t.Context()), name, value)(tx); err != nil {
				return err
			}
			close(in)
			<-r.let
			return nil
		})
	}()
	t.Cleanup(func() { r.once.Do(func() { close(r.let) }) })
	select {
	case <-in:
	case err := <-r.done:
		t.Fatalf("it did not begin: %v", err)
	case <-time.After(soon):
		t.Fatal("it does not begin")
	}
	return r
}

func (r *running) commit(t *testing.T) {
	t.Helper()
	r.once.Do(func() { close(r.let) })
	require.NoError(t, <-r.done)
}

// sealing starts a seal, and returns when its token is the mark.
func sealing(t *testing.T, guard *sqlfence.Guard, token fence.Token) chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- guard.Seal(t.Context(), token) }()
	awaitMark(t, guard, token)
	return done
}

func awaitMark(t *testing.T, guard *sqlfence.Guard, token fence.Token) {
	t.Helper()
	require.Eventually(t, func() bool {
		mark, err := guard.Mark(t.Context())
		return err == nil && mark == token
	}, soon, time.Millisecond)
}

// awaitSleep waits until a statement sleeps, which it does after it has taken its snapshot.
func awaitSleep(t *testing.T, db *sql.DB) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'`).Scan(&n)
		return err == nil && n > 0
	}, soon, time.Millisecond)
}

// requireBlocked gives it some time to be wrong.
func requireBlocked(t *testing.T, done chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
}

// never is a function that is not to be called.
func never(t *testing.T) func(*sql.Tx) error {
	return func(*sql.Tx) error {
		t.Error("the function was called")
		return nil
	}
}
