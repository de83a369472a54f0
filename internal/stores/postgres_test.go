package stores

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/child"
)

// query returns the one value that a statement returns, "" if there is none.
func query(ctx context.Context, dsn, sql string) (string, error) {
	c, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer c.Close(context.WithoutCancel(ctx))
	return queryOn(ctx, c, sql)
}

func queryOn(ctx context.Context, c *pgconn.PgConn, sql string) (string, error) {
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return "", nil
	}
	return string(last.Rows[0][0]), nil
}

func mustQuery(t *testing.T, dsn, sql string) string {
	t.Helper()
	s, err := query(within(t, patience), dsn, sql)
	require.NoError(t, err)
	return s
}

// busy has the server compute for ever, without looking around much.
func busy(dsn string) {
	c, err := pgconn.Connect(context.Background(), dsn)
	if err == nil {
		go func() {
			_ = c.Exec(context.Background(), "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b").Close()
		}()
	}
}

// onEachPostgres runs a test on each engine.
func onEachPostgres(t *testing.T, cfg PostgresConfig, f func(t *testing.T, p *Postgres)) {
	for _, kind := range []string{Local, Docker} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			cfg := cfg
			cfg.Kind = kind
			if kind == Docker {
				withDocker(t)
				cfg.NoPull = true
			}
			f(t, RunPostgres(t, cfg))
		})
	}
}

func TestPostgresServes(t *testing.T) {
	t.Parallel()
	onEachPostgres(t, PostgresConfig{Settings: map[string]string{"deadlock_timeout": "123ms", "application_name": "two words"}}, func(t *testing.T, p *Postgres) {
		require.Regexp(t, `^\d+\.\d+$`, p.Version())
		require.Contains(t, p.String(), "PostgreSQL "+p.Version()+", a ")
		for ask, want := range map[string]string{
			"show server_encoding": "UTF8", "show fsync": "on", "show synchronous_commit": "on", "show deadlock_timeout": "123ms",
			"select usesuper from pg_user where usename = current_user": "t", "select 'ä' < 'z'": "f",
		} {
			require.Equal(t, want, mustQuery(t, p.DSN(), ask), ask)
		}
		wrong, err := pgconn.ParseConfig(p.DSN())
		require.NoError(t, err)
		wrong.Password = "wrong"
		_, err = pgconn.ConnectConfig(t.Context(), wrong)
		require.ErrorContains(t, err, "28P01", "nobody else gets in")

		t.Run("named", func(t *testing.T) { testConnect(t, p) })
	})
}

// testConnect takes a server for one that somebody else runs.
func testConnect(t *testing.T, theirs *Postgres) {
	named, err := StartPostgres(within(t, patience), PostgresConfig{DSN: theirs.DSN()})
	require.NoError(t, err)
	require.Equal(t, Connect, named.Kind())
	require.Equal(t, theirs.DSN(), named.DSN())
	require.Equal(t, theirs.Version(), named.Version())
	require.Contains(t, named.String(), "which was there before")
	require.NotContains(t, named.String(), "zkkit:", "it shows no password")
	for _, do := range []func(context.Context) error{named.Pause, named.Resume, named.Kill, named.Restart} {
		err := do(t.Context())
		require.ErrorIs(t, err, ErrNotPossible)
		require.ErrorContains(t, err, "not ours")
	}
	require.NoError(t, named.Stop())
	require.Equal(t, "1", mustQuery(t, theirs.DSN(), "select 1"))
}

func TestPostgresPauseKillRestart(t *testing.T) {
	t.Parallel()
	onEachPostgres(t, PostgresConfig{}, func(t *testing.T, p *Postgres) {
		require.Empty(t, mustQuery(t, p.DSN(), "create table work (n int)"))
		c, err := pgconn.Connect(within(t, patience), p.DSN())
		require.NoError(t, err)
		defer c.Close(t.Context())
		busy(p.DSN())

		require.NoError(t, p.Pause(t.Context()))
		require.NoError(t, p.Pause(t.Context()), "pausing twice is fine")
		_, err = query(within(t, 200*time.Millisecond), p.DSN(), "select 1")
		require.Error(t, err, "nobody answers a new connection")
		answered := make(chan error, 1)
		go func() {
			_, err := queryOn(t.Context(), c, "insert into work values (1)")
			answered <- err
		}()
		select {
		case err := <-answered:
			require.Fail(t, "an old connection is answered", "%v", err)
		case <-time.After(200 * time.Millisecond):
		}
		require.NoError(t, p.Resume(t.Context()))
		require.NoError(t, p.Resume(t.Context()), "resuming twice is fine")
		require.NoError(t, <-answered)
		require.Equal(t, "1", mustQuery(t, p.DSN(), "select count(*) from work"))

		_, err = queryOn(within(t, patience), c, "begin; insert into work values (2)")
		require.NoError(t, err)
		require.NoError(t, p.Kill(t.Context()))
		_, err = queryOn(within(t, patience), c, "commit")
		require.Error(t, err)
		for _, do := range []func(context.Context) error{p.Pause, p.Resume, p.Kill} {
			require.ErrorIs(t, do(t.Context()), ErrNotRunning)
		}
		require.NoError(t, p.Restart(within(t, patience)))
		require.Equal(t, "1", mustQuery(t, p.DSN(), "select count(*) from work"), "what was committed, and nothing else")

		busy(p.DSN())
		require.NoError(t, p.Pause(t.Context()))
		require.NoError(t, p.Restart(within(t, patience)), "one that is paused, and busy")
		require.Equal(t, "1", mustQuery(t, p.DSN(), "select count(*) from work"))

		dull := errors.New("dull")
		require.ErrorIs(t, p.Restart(cancelled(t, dull)), dull)
		require.Equal(t, "1", mustQuery(t, p.DSN(), "select count(*) from work"))

		require.NoError(t, p.Pause(t.Context()))
		require.NoError(t, p.Stop(), "one that is paused")
		require.NoError(t, p.Stop())
		for _, do := range []func(context.Context) error{p.Pause, p.Resume, p.Kill, p.Restart} {
			require.ErrorIs(t, do(t.Context()), ErrStopped)
		}
	})
}

func TestPostgresThatIsNamedAndNotThere(t *testing.T) {
	t.Setenv(PostgresVariable, "")
	_, err := StartPostgres(t.Context(), PostgresConfig{Kind: Connect})
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, PostgresVariable)

	for _, dsn := range []string{"postgres://me:secret@127.0.0.1:not-a-port/db", "nonsense"} {
		_, err = StartPostgres(t.Context(), PostgresConfig{DSN: dsn})
		require.ErrorIs(t, err, ErrConfig)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "\n")
	}

	t.Setenv(PostgresVariable, "postgres://me:secret@127.0.0.1:1/db") // Auto takes what is named, and nothing else.
	_, err = StartPostgres(t.Context(), PostgresConfig{})
	require.ErrorContains(t, err, "PostgreSQL at 127.0.0.1:1/db: ")
	require.ErrorContains(t, err, "refused")
	require.NotContains(t, err.Error(), "secret")
	require.NotContains(t, err.Error(), "\n")
}

func TestNoPostgres(t *testing.T) {
	root := elsewhere(t)
	for _, kind := range []string{Auto, Local} {
		_, err := StartPostgres(t.Context(), PostgresConfig{Kind: kind, root: root})
		require.ErrorIs(t, err, ErrNotInstalled)
		require.EqualError(t, err, "no PostgreSQL found: "+getPostgres)
	}
	_, err := StartPostgres(t.Context(), PostgresConfig{Kind: Embedded})
	require.ErrorIs(t, err, ErrConfig)
}

// processesOf returns the numbers of all processes of a server.
func processesOf(p *localPostgres) []int {
	root := p.current().PID()
	own, _ := child.Children(root)
	return append([]int{root}, own...)
}
