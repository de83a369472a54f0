package sqlfence_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/stores"
)

// All that needs a real server and does nothing bad to it shares one.
func TestPostgres(t *testing.T) {
	store := stores.RunPostgres(t, stores.PostgresConfig{Settings: map[string]string{"max_connections": "200"}})
	s := &server{dsn: store.DSN(), admin: open(t, "pgx", store.DSN())}
	t.Run("conforms", func(t *testing.T) { postgresConforms(t, s) })
	t.Run("controls", func(t *testing.T) { postgresControls(t, s) })
}

// dsnOf returns how to connect to another database of the server.
func (s *server) dsnOf(database string) string {
	i := strings.LastIndex(s.dsn, "/")
	_, options, found := strings.Cut(s.dsn[i:], "?")
	if found {
		return s.dsn[:i] + "/" + database + "?" + options
	}
	return s.dsn[:i] + "/" + database
}

func currentDatabase(t *testing.T, db *sql.DB) string {
	t.Helper()
	var name string
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT current_database()`).Scan(&name))
	return name
}
