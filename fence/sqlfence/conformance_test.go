package sqlfence_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/zkkit/zkkit/fence/fencetest"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

// contended says that a transaction lost against others too often, which is a failure that did nothing.
func contended(err error) bool { return errors.Is(err, sqlfence.ErrContended) }

func TestPostgresConforms(t *testing.T) {
	db, _ := openPostgres(t, nil)
	for level, name := range map[sql.IsolationLevel]string{
		sql.LevelReadCommitted: "read committed", sql.LevelRepeatableRead: "repeatable read", sql.LevelSerializable: "serializable",
	} {
		t.Run(name, func(t *testing.T) {
			g := things{db, sqlfence.PostgreSQL{}, sqlfence.Config{Isolation: level}}
			fencetest.Test(t, fencetest.Tokens(g), fencetest.Options{Failed: contended})
		})
	}
	t.Run("statements", func(t *testing.T) {
		g := statements{things{db, sqlfence.PostgreSQL{}, sqlfence.Config{}}}
		fencetest.Test(t, fencetest.Tokens(g), fencetest.Options{Failed: contended})
	})
}

func TestSQLiteConforms(t *testing.T) {
	for name, options := range map[string]string{
		"no settings":        "",
		"as a program would": "?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)",
	} {
		t.Run(name, func(t *testing.T) {
			g := things{openSQLite(t, options), sqlfence.SQLite{}, sqlfence.Config{}}
			fencetest.Test(t, fencetest.Tokens(g), fencetest.Options{Failed: contended})
		})
	}
	t.Run("statements", func(t *testing.T) {
		g := statements{things{openSQLite(t, "?_pragma=busy_timeout(5000)"), sqlfence.SQLite{}, sqlfence.Config{}}}
		fencetest.Test(t, fencetest.Tokens(g), fencetest.Options{Failed: contended})
	})
}
