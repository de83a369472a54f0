package sqlfence

import (
	"context"
	"database/sql"
	"strings"
	"unicode"

	"github.com/zkkit/zkkit/fence"
)

// A Dialect is what a guard needs to know about a database. [PostgreSQL] and [SQLite] are two; for another database a program brings its own, and proves it with package fencetest.
//
// A resource's mark is the greatest token that was presented to Seal. It is sealed when in addition every transaction is over that held it for an older token: one may hold the
// mark that is neither finished nor to be stopped when a newer token comes. Implementations are safe for concurrent use.
type Dialect interface {
	// Migrations returns the statements that make the tables, in the order of their versions.
	Migrations() []Migration

	// Seal moves the mark up to t, in transactions of its own, and waits until it is sealed. It returns the mark that it found or left, which is t on success and newer than t
	// if that came too late. It never goes back. An error after which the mark may have moved, or may still do so, is a [*fence.UnknownError].
	Seal(ctx context.Context, db *sql.DB, resource string, t fence.Token) (mark fence.Token, err error)

	// Hold compares, within a transaction. If the mark is t, and sealed, it is held until the transaction ends: no newer token is sealed before. Others that hold it for
	// the same token do not wait for one another, where the database has locks for that. In all other cases nothing is held, and the transaction is still good for reading.
	Hold(ctx context.Context, tx *sql.Tx, resource string, t fence.Token) (Held, error)

	// Fold returns the statement with Hold in it, as a relation of the name fence, with the columns resource and token, which has one row if the mark is held and none if it
	// is not, and the arguments for it. The arguments of the statement come first and keep their numbers.
	Fold(query string, args []any, resource string, t fence.Token) (string, []any)

	// Mark returns the mark without moving or holding it, the zero Token if there is none.
	Mark(ctx context.Context, db *sql.DB, resource string) (fence.Token, error)

	// Outcome says what became of a transaction of which the commit got no answer, by what Hold returned as its ID. While that is not decided it waits, until ctx ends.
	Outcome(ctx context.Context, db *sql.DB, id string) (applied bool, err error)

	// Judge says what an error of the database tells about the statement, or the commit, that it was returned for.
	Judge(err error) Verdict

	// Embedded reports whether the database is in this process, where no answer gets lost: a commit is then let finish when ctx has ended.
	Embedded() bool
}

// Held is what Hold of a [Dialect] found. The zero Held is a resource that nobody has sealed.
type Held struct {
	// Mark is the mark as the transaction sees it.
	Mark fence.Token
	// Sealed says that nobody holds the mark for an older token any more.
	Sealed bool
	// ID names the transaction to Outcome, empty where the database cannot be asked.
	ID string
}

// A Verdict is what an error tells. The zero Verdict tells nothing.
type Verdict int

const (
	// Unclear means that the statement may have been applied, or may yet be.
	Unclear Verdict = iota
	// Refused means that nothing was applied.
	Refused
	// Again means that nothing was applied because of other transactions, and that it is worth another attempt.
	Again
)

// String returns "unclear", "refused" or "again".
func (v Verdict) String() string {
	switch v {
	case Refused:
		return "refused"
	case Again:
		return "again"
	default:
		return "unclear"
	}
}

// A Migration is one step in the making of the tables. Who keeps migrations of their own copies SQL into the next one; each can also be executed as it is, and then again
// without harm. A later version of this package may add migrations, and will not change one.
type Migration struct {
	// Version counts from 1.
	Version int
	// SQL is one statement.
	SQL string
}

// quote returns a name of a table, with its schema if it has one, as an identifier.
func quote(table, zero string) string {
	if table == "" {
		table = zero
	}
	parts := strings.Split(table, ".")
	for i, p := range parts {
		parts[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}

// defaultTable is where the marks are unless somebody says otherwise.
const defaultTable = "zkkit_fences"

// fold puts the relation fence in front of a statement, which may have a WITH of its own.
func fold(relation, query string) string {
	first, rest := cutWord(query)
	if !strings.EqualFold(first, "WITH") {
		return "WITH " + relation + " " + strings.TrimSpace(query)
	}
	with := "WITH "
	if second, others := cutWord(rest); strings.EqualFold(second, "RECURSIVE") {
		with, rest = "WITH RECURSIVE ", others
	}
	return with + relation + ", " + strings.TrimSpace(rest)
}

// cutWord returns what stands before the first space, and the rest.
func cutWord(text string) (word, rest string) {
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	if i := strings.IndexFunc(text, unicode.IsSpace); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}
