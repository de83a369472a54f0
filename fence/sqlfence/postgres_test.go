package sqlfence_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/stores"
)

// All that needs a real server and does nothing bad to it shares one.
func TestPostgres(t *testing.T) {
	s := startPostgres(t)
	t.Run("conforms", func(t *testing.T) { postgresConforms(t, s) })
	t.Run("controls", func(t *testing.T) { postgresControls(t, s) })
	t.Run("holds", func(t *testing.T) { postgresHolds(t, s) })
	t.Run("behaves", func(t *testing.T) { behaves(t, pg, func(t *testing.T) *sql.DB { return s.fresh(t) }) })
	t.Run("outcomes", func(t *testing.T) { postgresOutcomes(t, s) })
	t.Run("weather", func(t *testing.T) { postgresWeather(t, s) })
}

// A server is a PostgreSQL that tests share, each with a schema of its own.
type server struct {
	store *stores.Postgres
	admin *sql.DB
	n     int
}

func startPostgres(t *testing.T) *server {
	t.Helper()
	store := stores.RunPostgres(t, stores.PostgresConfig{Settings: map[string]string{"max_connections": "200"}})
	return &server{store: store, admin: open(t, "pgx", store.DSN())}
}

// fresh makes an empty schema with the tables. Nobody pulls the plug of that server, so that its commits need not wait for the disk.
func (s *server) fresh(t *testing.T) *sql.DB {
	t.Helper()
	s.n++
	exec(t, s.admin, fmt.Sprintf(`CREATE SCHEMA test%d`, s.n))
	db := open(t, "pgx", s.dsn(t, "", map[string]string{"synchronous_commit": "off"}))
	migrate(t, db, pg)
	return db
}

// dsn says how to connect to the schema that was made last, by another address if there is one, and with these settings.
func (s *server) dsn(t *testing.T, address string, settings map[string]string) string {
	t.Helper()
	u, err := url.Parse(s.store.DSN())
	require.NoError(t, err)
	if address != "" {
		u.Host = address
	}
	q := u.Query()
	q.Set("search_path", fmt.Sprintf("test%d", s.n))
	for name, value := range settings {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
