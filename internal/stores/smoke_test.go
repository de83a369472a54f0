package stores

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	for _, kind := range []string{Local, Embedded} {
		b := time.Now()
		r := RunRedis(t, RedisConfig{Kind: kind, Nodes: 5})
		t.Log(r, r.Addrs(), time.Since(b))
		c := redis.NewClient(&redis.Options{Addr: r.Addrs()[0]})
		require.NoError(t, c.Set(t.Context(), "a", "b", 300*time.Millisecond).Err())
		time.Sleep(100 * time.Millisecond)
		t.Log(c.PTTL(t.Context(), "a").Val(), c.Time(t.Context()).Val())
		require.NoError(t, r.Node(0).Pause(t.Context()))
		require.NoError(t, r.Node(0).Resume(t.Context()))
		require.NoError(t, r.Node(0).Kill(t.Context()))
		require.NoError(t, r.Node(0).Restart(t.Context()))
		require.ErrorIs(t, c.Get(t.Context(), "a").Err(), redis.Nil)
		c.Close()
	}
	b := time.Now()
	p := RunPostgres(t, PostgresConfig{})
	t.Log(p, p.DSN(), time.Since(b))
	c, err := pgconn.Connect(t.Context(), p.DSN())
	require.NoError(t, err)
	_, err = c.Exec(t.Context(), "create table x(a int); insert into x values (1)").ReadAll()
	require.NoError(t, err)
	c.Close(t.Context())
	b = time.Now()
	require.NoError(t, p.Pause(t.Context()))
	require.NoError(t, p.Resume(t.Context()))
	t.Log("pause", time.Since(b))
	b = time.Now()
	require.NoError(t, p.Kill(t.Context()))
	require.NoError(t, p.Restart(t.Context()))
	t.Log("kill, restart", time.Since(b))
	b = time.Now()
	require.NoError(t, p.Restart(t.Context()))
	t.Log("restart", time.Since(b))
	b = time.Now()
	require.NoError(t, p.Stop())
	t.Log("stop", time.Since(b))
}
