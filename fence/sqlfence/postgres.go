package sqlfence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/zkkit/zkkit/fence"
)

// PostgreSQL is the dialect of PostgreSQL, from version 11 on. It was made with the driver pgx and needs of any driver that its errors have a method SQLState.
//
// A check locks the row of the mark FOR KEY SHARE, which is the lock of a foreign key: the writers of one hold share it. Seal works in two steps. It first sets token, which is no key and waits for
// nobody, so that earlier holders who come from now on are refused; then it sets sealed, which is a column of the primary key and so waits for all who share the lock. FOR SHARE with
// one step would be as safe, and the seal might wait for ever: a new sharer gets in before one who waits to change the row. A lock on no key column, or a plain SELECT, would not be safe.
//
// The zero PostgreSQL is ready. It is a value, safe for concurrent use.
type PostgreSQL struct {
	// Table is where the marks are, "zkkit_fences" if empty; with a schema as in "billing.fences".
	Table string
	// IdleTimeout is how long a transaction of Do may be idle, from the check on, before the server gives it up. It bounds how long a holder that was cut off within a
	// transaction keeps the next one from sealing. Zero leaves that to the server's idle_in_transaction_session_timeout, which is off unless somebody has set it.
	IdleTimeout time.Duration
}

func (p PostgreSQL) table() string { return quote(p.Table, defaultTable) }

// Migrations returns the statements that make the table.
func (p PostgreSQL) Migrations() []Migration {
	return []Migration{{Version: 1, SQL: `CREATE TABLE IF NOT EXISTS ` + p.table() + ` (
	resource text COLLATE "C" NOT NULL UNIQUE,
	-- The greatest token seen, as generation:id in hexadecimal, which the collation orders as the tokens are.
	token text COLLATE "C" NOT NULL CHECK (token ~ '^[0-9a-f]{8}:[0-9a-f]{16}$'),
	-- The greatest token whose predecessors are out. It is below token while a new holder waits for the transactions of earlier ones.
	-- It has to be a column of a key: the locks of the checks stand in the way of a change of a key, and of nothing else.
	sealed text COLLATE "C" NOT NULL,
	PRIMARY KEY (resource, sealed)
)`}}
}

// Seal sets token, and then sealed, each in a transaction of its own.
func (p PostgreSQL) Seal(ctx context.Context, db *sql.DB, resource string, t fence.Token) (fence.Token, error) {
	text, moved := Encode(t), false
	fail := func(err error) (fence.Token, error) {
		if moved {
			err = &fence.UnknownError{Resource: resource, Token: t, Ask: "nothing was written, and the mark has moved; seal again", Err: err}
		}
		return fence.Token{}, err
	}
	for attempt := 1; ; attempt++ {
		mark, sealed, err := p.read(ctx, db, resource)
		switch {
		case err != nil:
			return fail(orCause(ctx, err))
		case t.Less(mark) || mark == t && sealed:
			return mark, nil
		case mark == t: // Blocks until all are through who share the lock.
			if err := p.keyed(ctx, db); err != nil {
				return fail(err)
			}
			_, err = db.ExecContext(ctx, `UPDATE `+p.table()+` SET sealed = token WHERE resource = $1 AND token = $2 AND sealed < token`, resource, text)
			moved = true
		case mark.IsZero(): // The first token of a resource has no predecessors.
			_, err = db.ExecContext(ctx, `INSERT INTO `+p.table()+` (resource, token, sealed) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING`, resource, text)
			moved = moved || err == nil || p.Judge(err) == Unclear
		default:
			_, err = db.ExecContext(ctx, `UPDATE `+p.table()+` SET token = $2 WHERE resource = $1 AND token < $2`, resource, text)
			moved = moved || err == nil || p.Judge(err) == Unclear
		}
		if err != nil && p.Judge(err) == Again { // Somebody else has moved it, and so this ends.
			err = pause(ctx, attempt)
		}
		if err != nil {
			return fail(fmt.Errorf("sqlfence: seal of %q: %w", resource, orCause(ctx, err)))
		}
	}
}

// keyed makes sure that a check holds anything: without a key of which sealed is a part, it would not, and nobody would notice.
func (p PostgreSQL) keyed(ctx context.Context, db *sql.DB) error {
	var ok bool
	err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = 'sealed'
		WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indislive AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))`, p.table()).Scan(&ok)
	if err == nil && !ok {
		err = errors.New("the column sealed is in no unique key, and so a check holds nothing: make the table as Migrations does")
	}
	if err != nil {
		return fmt.Errorf("sqlfence: key of %s: %w", p.table(), orCause(ctx, err))
	}
	return nil
}

// A querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// read returns the mark and whether it is sealed, without a lock.
func (p PostgreSQL) read(ctx context.Context, q querier, resource string) (mark fence.Token, sealed bool, err error) {
	var token, seal string
	err = q.QueryRowContext(ctx, `SELECT token, sealed FROM `+p.table()+` WHERE resource = $1`, resource).Scan(&token, &seal)
	if errors.Is(err, sql.ErrNoRows) {
		return fence.Token{}, false, nil
	}
	if err != nil {
		return fence.Token{}, false, fmt.Errorf("sqlfence: mark of %q: %w", resource, err)
	}
	mark, err = Decode(token)
	return mark, token == seal, err
}

// Mark reads token.
func (p PostgreSQL) Mark(ctx context.Context, db *sql.DB, resource string) (fence.Token, error) {
	mark, _, err := p.read(ctx, db, resource)
	return mark, err
}

// Hold locks the row if it is the right one, and learns what Outcome needs in the same round trip.
func (p PostgreSQL) Hold(ctx context.Context, tx *sql.Tx, resource string, t fence.Token) (Held, error) {
	const columns, where = `txid_current(), left(pg_walfile_name(pg_current_wal_lsn()), 8)`, ` WHERE resource = $1 AND token = $2 AND sealed = $2 FOR KEY SHARE`
	var xid int64
	var timeline string
	var row *sql.Row
	if p.IdleTimeout > 0 {
		row = tx.QueryRowContext(ctx, `SELECT `+columns+`, set_config('idle_in_transaction_session_timeout', $3, true) FROM `+p.table()+where,
			resource, Encode(t), fmt.Sprintf("%dms", max(1, p.IdleTimeout.Milliseconds())))
	} else {
		row = tx.QueryRowContext(ctx, `SELECT `+columns+`, '' FROM `+p.table()+where, resource, Encode(t))
	}
	var ignored string
	switch err := row.Scan(&xid, &timeline, &ignored); {
	case err == nil:
		return Held{Mark: t, Sealed: true, ID: fmt.Sprintf("%d@%s", xid, timeline)}, nil
	case !errors.Is(err, sql.ErrNoRows):
		return Held{}, err
	}
	mark, _, err := p.read(ctx, tx, resource)
	return Held{Mark: mark}, err // It may have become t meanwhile, and then it is not held.
}

// Fold puts the locking SELECT in front of the statement, or where the statement looks at it, if that is the one place in which it is named and nothing follows there. A
// relation in front is kept in memory before it is looked at, which costs as much as the lock.
func (p PostgreSQL) Fold(query string, args []any, resource string, t fence.Token) (string, []any) {
	one, two := strconv.Itoa(len(args)+1), strconv.Itoa(len(args)+2)
	hold := "(SELECT resource, token FROM " + p.table() + " WHERE resource = $" + one + " AND token = $" + two + " AND sealed = $" + two + " FOR KEY SHARE)"
	args = append(args[:len(args):len(args)], resource, Encode(t))
	if before, after, ok := cutFrom(query); ok {
		return before + hold + " AS fence" + after, args
	}
	return fold("fence AS "+hold, query), args
}

// cutFrom takes the relation out of a statement that names it once, after FROM and before a parenthesis that closes, or the end.
func cutFrom(query string) (before, after string, ok bool) {
	i := findFence(query)
	if i < 0 {
		return "", "", false
	}
	before, after = query[:i], query[i+len("fence"):]
	from := strings.TrimRightFunc(before, unicode.IsSpace)
	rest := strings.TrimLeftFunc(after, unicode.IsSpace)
	n := len(from) - len("FROM")
	ok = findFence(after) < 0 && (rest == "" || rest[0] == ')') &&
		len(from) < len(before) && n > 0 && strings.EqualFold(from[n:], "FROM") && unicode.IsSpace(rune(from[n-1]))
	return before, after, ok
}

// Judge goes by SQLSTATE. An error without one is unclear: the connection broke, or ctx ended.
func (p PostgreSQL) Judge(err error) Verdict {
	if state := sqlState(err); state != "" {
		return judgeState(state)
	}
	if unsent, ok := errors.AsType[interface {
		error
		SafeToRetry() bool
	}](err); ok && unsent.SafeToRetry() {
		return Refused
	}
	const rolledBack = "commit unexpectedly resulted in rollback" // What pgx says when the server answers a commit with ROLLBACK.
	for e := err; e != nil; e = errors.Unwrap(e) {
		if e.Error() == rolledBack {
			return Refused
		}
	}
	return Unclear
}

// judgeState takes every answer that is an error for a refusal, except where the server speaks of the connection or of itself.
func judgeState(state string) Verdict {
	switch state {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return Again
	case "57014", "57P03": // query_canceled, cannot_connect_now
		return Refused
	case "40003": // statement_completion_unknown
		return Unclear
	}
	switch state[:min(2, len(state))] {
	case "08", "57", "58", "F0", "XX": // connection, operator intervention, system, configuration file, internal
		return Unclear
	}
	return Refused
}

// Embedded returns false.
func (p PostgreSQL) Embedded() bool { return false }

// Outcome asks for the status of the transaction, again and again while it is in progress, since until the server has noticed that its client is gone it may yet be committed, and
// while there is no answer. After a failover or a restore nobody can say: the new server may have given the same number to another transaction.
func (p PostgreSQL) Outcome(ctx context.Context, db *sql.DB, id string) (bool, error) {
	var xid int64
	var timeline string
	if _, err := fmt.Sscanf(id, "%d@%s", &xid, &timeline); err != nil {
		return false, fmt.Errorf("%q is no transaction: %w", id, err)
	}
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var now string
		var status sql.NullString
		err := db.QueryRowContext(ctx, `SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8), txid_status($1)`, xid).Scan(&now, &status)
		switch {
		case err != nil && ctx.Err() == nil && p.away(err): // Ask again.
		case err != nil:
			return false, orCause(ctx, err)
		case now != timeline:
			return false, fmt.Errorf("the server is on timeline %s now: there was a failover or a restore", now)
		case status.String == "committed":
			return true, nil
		case status.String == "aborted":
			return false, nil
		case !status.Valid:
			return false, errors.New("the server does not keep the status of so old a transaction")
		}
		if err := wait(ctx, pause); err != nil {
			return false, err
		}
	}
}

// away reports whether an error says that there is no server to answer at the moment.
func (p PostgreSQL) away(err error) bool {
	const startingUp, tooMany = "57P03", "53300"
	state := sqlState(err)
	return p.Judge(err) != Refused || state == startingUp || state == tooMany
}

// sqlState returns the SQLSTATE of an error, "" if it has none.
func sqlState(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}
