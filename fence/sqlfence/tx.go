package sqlfence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/zkkit/zkkit/fence"
)

// transact begins a transaction, runs f, and commits, and says whether it has tried to. It returns the error of f as it is, the cause of ctx if that ended before the commit, and what the
// database said.
//
// The drivers tie a transaction to the context that it was begun with, and a commit that is interrupted says nothing about what it did. In an embedded database
// there is no need for that: ctx is let go of before the commit.
func transact(ctx context.Context, db *sql.DB, d Dialect, level sql.IsolationLevel, f func(ctx context.Context, tx *sql.Tx) error) (tried bool, err error) {
	within, letGo := ctx, func() bool { return ctx.Err() == nil }
	if d.Embedded() {
		inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		defer cancel(nil)
		within, letGo = inner, context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	}
	tx, err := db.BeginTx(within, &sql.TxOptions{Isolation: level})
	if err != nil {
		return false, fmt.Errorf("sqlfence: begin: %w", orCause(ctx, err))
	}
	defer func() { _ = tx.Rollback() }() // After a commit it does nothing. What made us roll back is the error; how that went is none.
	if err := f(within, tx); err != nil {
		return false, err
	}
	if !letGo() {
		return false, context.Cause(ctx)
	}
	return true, tx.Commit()
}

// orCause prefers why ctx has ended to what that did to the driver.
func orCause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, fence.ErrStale) {
		return err
	}
	return context.Cause(ctx)
}

// pause waits before the next attempt: a random time below 1 ms, then 2, 4, and so on up to 128, so that those who collided do not collide again.
func pause(ctx context.Context, attempt int) error {
	return wait(ctx, rand.N(time.Millisecond<<min(attempt-1, 7)))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
