package stores

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is not there skips a test, and fails it where it is required. A skip says what to do.
func TestRunSkipsOrFails(t *testing.T) {
	nobody := "DOCKER_HOST=unix://" + t.TempDir() + "/nobody.sock"
	for words, skips := range map[string][2]bool{
		"": {true, true}, "docker,local": {true, true}, "redis": {false, true}, "postgres": {true, false}, "local,redis postgres": {false, false}, "rediss": {true, true},
	} {
		_, line := says(t, "run without Docker", nobody, "ZKKIT_REQUIRE="+words)
		var said [4]string // Skipped and failed, on Redis and on PostgreSQL.
		require.NoError(t, json.Unmarshal([]byte(line), &said), line)
		for i, store := range []string{"Redis", "PostgreSQL"} {
			skipped, failed := said[2*i], said[2*i+1]
			if !skips[i] {
				skipped, failed = failed, skipped
			}
			require.Contains(t, skipped, "no "+store+" found: docker: no engine answers: start one", words)
			require.NotContains(t, skipped, "\n")
			require.Empty(t, failed, words)
		}
	}
}

func TestRunFailsForAnyOtherReason(t *testing.T) {
	t.Setenv("ZKKIT_REQUIRE", "")
	var r recorder
	require.Nil(t, RunRedis(&r, RedisConfig{Nodes: 99}))
	require.Contains(t, r.failed, "99 nodes")
	require.Empty(t, r.skipped)

	r = recorder{}
	require.Nil(t, RunPostgres(&r, PostgresConfig{Kind: "other"}))
	require.Contains(t, r.failed, `"other" is no kind of PostgreSQL`)
	require.Empty(t, r.skipped)
}

// A test gets a database of its own, also where one is named that somebody may want to keep.
func TestRunTakesWhatIsInstalled(t *testing.T) {
	t.Setenv(PostgresVariable, "postgres://me@127.0.0.1:1/precious")
	var r recorder
	p := RunPostgres(&r, PostgresConfig{Bin: t.TempDir()})
	require.Nil(t, p)
	require.Contains(t, r.failed, "initdb")

	r = recorder{}
	redis := RunRedis(&r, RedisConfig{Kind: Embedded})
	require.Empty(t, r.failed)
	require.NoError(t, dial(t, redis.Addrs()[0]).Ping(t.Context()).Err())
	for _, f := range r.cleanups {
		f()
	}
	require.Error(t, dial(t, redis.Addrs()[0]).Ping(t.Context()).Err())
}
