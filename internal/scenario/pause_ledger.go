package scenario

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // The drivers of the two databases.
	_ "modernc.org/sqlite"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

// A ledgerAt says where the resource of a run is.
type ledgerAt struct {
	Driver string `json:"driver"` // "pgx" or "sqlite"
	DSN    string `json:"dsn"`
	Run    int    `json:"run"`
	Fenced bool   `json:"fenced"`
}

// A ledger is what the lock protects: a list of effects, and a balance. A fenced one refuses stale tokens.
type ledger struct {
	ledgerAt
	db    *sql.DB
	guard *sqlfence.Guard // nil if it is not fenced
}

// dialect returns what the fence speaks to the database.
func (at ledgerAt) dialect() sqlfence.Dialect {
	if at.Driver == "sqlite" {
		return sqlfence.SQLite{}
	}
	return sqlfence.PostgreSQL{}
}

// An entry is one effect.
type entry struct {
	job, worker string
	token       uint64
	amount      int
}

// openingBalance is what there is before anybody writes.
const openingBalance = 100

func openLedger(ctx context.Context, at ledgerAt) (*ledger, error) {
	db, err := sql.Open(at.Driver, at.DSN)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // A worker does one thing at a time.
	ctx, cancel := context.WithTimeoutCause(ctx, workerPatience, fmt.Errorf("the resource did not answer within %v", workerPatience))
	defer cancel()
	l := &ledger{ledgerAt: at, db: db}
	if err := db.PingContext(ctx); err != nil {
		l.close()
		return nil, fmt.Errorf("resource: %w", err)
	}
	if at.Fenced {
		l.guard = sqlfence.New(db, at.dialect(), fmt.Sprintf("run-%d", at.Run), sqlfence.Config{})
	}
	return l, nil
}

func (l *ledger) close() { _ = l.db.Close() }

// lay makes the tables, once for all runs that share them.
func (l *ledger) lay(ctx context.Context) error {
	serial := map[string]string{"pgx": "BIGSERIAL PRIMARY KEY", "sqlite": "INTEGER PRIMARY KEY"}[l.Driver]
	statements := []string{
		"CREATE TABLE effects (seq " + serial + ", run BIGINT NOT NULL, job TEXT NOT NULL, worker TEXT NOT NULL, token BIGINT NOT NULL, amount BIGINT NOT NULL)",
		"CREATE TABLE balances (run BIGINT PRIMARY KEY, value BIGINT NOT NULL)",
		"CREATE TABLE counters (run BIGINT PRIMARY KEY, value BIGINT NOT NULL)",
	}
	for _, m := range l.dialect().Migrations() {
		statements = append(statements, m.SQL)
	}
	for _, ddl := range statements {
		if _, err := l.db.ExecContext(ctx, ddl); err != nil {
			return err
		}
	}
	return nil
}

// begin sets a run's balance and counter to where they start.
func (l *ledger) begin(ctx context.Context) error {
	if _, err := l.db.ExecContext(ctx, "INSERT INTO balances (run, value) VALUES ($1, $2)", l.Run, openingBalance); err != nil {
		return err
	}
	_, err := l.db.ExecContext(ctx, "INSERT INTO counters (run, value) VALUES ($1, 0)", l.Run)
	return err
}

// draw returns the next number of the run's counter: what stands for a token where the lock has none. A row that is locked while it is counted gives them out in order.
func (l *ledger) draw(ctx context.Context) (token uint64, err error) {
	err = l.db.QueryRowContext(ctx, "UPDATE counters SET value = value + 1 WHERE run = $1 RETURNING value", l.Run).Scan(&token)
	return token, err
}

// read returns whether the job is done, and the balance.
func (l *ledger) read(ctx context.Context, job string) (done bool, balance int, err error) {
	n := 0
	err = l.db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM effects WHERE run = $1 AND job = $2), value FROM balances WHERE run = $1", l.Run, job).Scan(&n, &balance)
	return n > 0, balance, err
}

// seal shows the token of a new holder, to a ledger that looks at it.
func (l *ledger) seal(ctx context.Context, token uint64) error {
	if l.guard == nil {
		return nil
	}
	return l.guard.Seal(ctx, fence.Token{ID: token})
}

// write adds an effect, and changes the balance with it: to what its worker has read and changed, or by the amount.
func (l *ledger) write(ctx context.Context, e entry, set bool, balance int) error {
	effect := func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO effects (run, job, worker, token, amount) VALUES ($1, $2, $3, $4, $5)", l.Run, e.job, e.worker, int64(e.token), e.amount)
		if err != nil {
			return err
		}
		if set {
			_, err = tx.ExecContext(ctx, "UPDATE balances SET value = $2 WHERE run = $1", l.Run, balance+e.amount)
		} else {
			_, err = tx.ExecContext(ctx, "UPDATE balances SET value = value + $2 WHERE run = $1", l.Run, e.amount)
		}
		return err
	}
	if l.guard != nil {
		return l.guard.Do(ctx, fence.Token{ID: e.token}, effect)
	}
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := effect(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// audit returns what is in the resource, as events of the harness.
func (l *ledger) audit(ctx context.Context) ([]Event, error) {
	rows, err := l.db.QueryContext(ctx, "SELECT job, worker, token, amount FROM effects WHERE run = $1 ORDER BY seq", l.Run)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Event
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.job, &e.worker, &e.token, &e.amount); err != nil {
			return nil, err
		}
		found = append(found, Event{Who: WhoResource, What: Effect, By: e.worker, Token: e.token, Detail: e.job,
			Figures: map[string]float64{Seq: float64(len(found) + 1), Amount: float64(e.amount)}})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	balance := 0
	if err := l.db.QueryRowContext(ctx, "SELECT value FROM balances WHERE run = $1", l.Run).Scan(&balance); err != nil {
		return nil, err
	}
	return append(found, Event{Who: WhoResource, What: Balance, Figures: map[string]float64{BalanceAmount: float64(balance - openingBalance)}}), nil
}

func isStale(err error) bool   { return errors.Is(err, fence.ErrStale) }
func isUnknown(err error) bool { return errors.Is(err, fence.ErrUnknown) }
