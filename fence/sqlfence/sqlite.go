package sqlfence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/zkkit/zkkit/fence"
)

// SQLite is the dialect of SQLite, from version 3.35 on. It was made with the driver modernc.org/sqlite.
//
// A check takes the lock for writing before it looks, whatever the transaction was begun with, so that check and effect are one step with no setting of the caller's. There is one writer at a time in
// SQLite, also among those of one hold, and Seal waits for it like everybody else. How long a writer waits is the caller's to set: _pragma=busy_timeout(5000) in the name of the data source
// is what a program with more than one connection wants; without it Do, Exec and Seal try again by themselves, a bounded number of times. _txlock=immediate changes nothing for Do; it is for
// transactions of the caller's that read something before they check.
//
// The zero SQLite is ready. It is a value, safe for concurrent use.
type SQLite struct {
	// Table is where the marks are, "zkkit_fences" if empty.
	Table string
}

func (s SQLite) table() string { return quote(s.Table, defaultTable) }

// Migrations returns the statements that make the table.
func (s SQLite) Migrations() []Migration {
	return []Migration{{Version: 1, SQL: `CREATE TABLE IF NOT EXISTS ` + s.table() + ` (
	resource TEXT NOT NULL PRIMARY KEY,
	-- The greatest token seen, as generation:id in hexadecimal, of which the order of bytes is the order of tokens.
	token TEXT NOT NULL CHECK (length(token) = 25)
) WITHOUT ROWID`}}
}

// Seal sets the token, if it is not there already.
func (s SQLite) Seal(ctx context.Context, db *sql.DB, resource string, t fence.Token) (fence.Token, error) {
	mark, err := s.read(ctx, db, resource)
	if err != nil || !mark.Less(t) { // An older holder must not wait for the writers of the newer one to be told so.
		return mark, orCause(ctx, err)
	}
	tried, err := transact(ctx, db, s, sql.LevelDefault, func(ctx context.Context, tx *sql.Tx) error {
		text := ""
		err := tx.QueryRowContext(ctx, `INSERT INTO `+s.table()+` (resource, token) VALUES (?1, ?2)
			ON CONFLICT (resource) DO UPDATE SET token = max(token, excluded.token) RETURNING token`, resource, Encode(t)).Scan(&text)
		if err != nil {
			return orCause(ctx, err)
		}
		mark, err = Decode(text)
		return err
	})
	switch {
	case err != nil && tried && s.Judge(err) == Unclear:
		ask := "nothing was written, and the mark may have moved; seal again"
		return fence.Token{}, &fence.UnknownError{Resource: resource, Token: t, Ask: ask, Err: err}
	case err != nil:
		return fence.Token{}, fmt.Errorf("sqlfence: seal of %q: %w", resource, err)
	}
	return mark, nil
}

func (s SQLite) read(ctx context.Context, q querier, resource string) (fence.Token, error) {
	text := ""
	err := q.QueryRowContext(ctx, `SELECT token FROM `+s.table()+` WHERE resource = ?1`, resource).Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fence.Token{}, fmt.Errorf("sqlfence: mark of %q: %w", resource, err)
	}
	return Decode(text)
}

// Mark reads the token.
func (s SQLite) Mark(ctx context.Context, db *sql.DB, resource string) (fence.Token, error) {
	return s.read(ctx, db, resource)
}

// Hold takes the lock for writing with a statement that changes nothing, and looks.
func (s SQLite) Hold(ctx context.Context, tx *sql.Tx, resource string, _ fence.Token) (Held, error) {
	if _, err := tx.ExecContext(ctx, `UPDATE `+s.table()+` SET token = token WHERE resource = ?1 AND token <> token`, resource); err != nil {
		return Held{}, err
	}
	mark, err := s.read(ctx, tx, resource)
	return Held{Mark: mark, Sealed: true}, err
}

// Fold puts the SELECT in front of the statement, which holds the lock for writing from its beginning to its end.
func (s SQLite) Fold(query string, args []any, resource string, t fence.Token) (string, []any) {
	relation := fmt.Sprintf("fence AS (SELECT resource, token FROM %s WHERE resource = ?%d AND token = ?%d)", s.table(), len(args)+1, len(args)+2)
	return fold(relation, query), append(args[:len(args):len(args)], resource, Encode(t))
}

// The codes of SQLite's results that decide, without what their upper bits add.
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteNoMemory = 7
	sqliteIO       = 10
	sqliteCorrupt  = 11
)

// Judge goes by the code of the result, of an error with a method Code, and else by the text. An error without one is unclear.
func (s SQLite) Judge(err error) Verdict {
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		switch coded.Code() & 0xff {
		case sqliteBusy, sqliteLocked:
			return Again
		case sqliteNoMemory, sqliteIO, sqliteCorrupt:
			return Unclear
		}
		return Refused
	}
	if err != nil && strings.Contains(err.Error(), "database is locked") {
		return Again
	}
	return Unclear
}

// Embedded returns true.
func (s SQLite) Embedded() bool { return true }

// Outcome has nobody to ask. It returns an error.
func (s SQLite) Outcome(context.Context, *sql.DB, string) (bool, error) {
	return false, errors.New("SQLite keeps no record of its transactions")
}
