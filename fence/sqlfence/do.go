package sqlfence

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/zkkit/zkkit/fence"
)

// Do runs f in a transaction that is committed only if no newer token came before it, and seals first where t is the newest. When it returns nil, everything that f did in tx is
// committed, and the check and the effect are one step. It blocks until then, or until ctx ends.
//
// f uses tx for all that is to be guarded, and ends neither it nor other transactions. It is called again when the database refuses the transaction because of others (Config.Attempts), so it has no
// effects outside of tx. When f returns an error, the transaction is rolled back and Do returns that error as it is.
//
// It fails with a [*fence.StaleError], [fence.ErrNoToken], the cause of a ctx that has ended, a [*ContendedError], or what the database said. Then nothing is written; the mark may have moved up to t.
// An error that matches [fence.ErrUnknown] leaves open whether everything is written or nothing: [Guard.Resolve] finds out. Where it
// was the seal that got no answer, nothing is written, as the error says.
func (g *Guard) Do(ctx context.Context, t fence.Token, f func(tx *sql.Tx) error) error {
	if err := g.admit(ctx, t); err != nil {
		return err
	}
	return g.again(ctx, t, func() error {
		err := g.once(ctx, t, f)
		if errors.Is(err, errSealFirst) {
			if err := g.seal(ctx, t); err != nil {
				return err
			}
			err = g.once(ctx, t, f)
		}
		if errors.Is(err, errSealFirst) { // Only a table that goes back does that.
			err = fmt.Errorf("sqlfence: the mark of %q is older than the token it was sealed with: %w", g.resource, ErrNotSealed)
		}
		return err
	})
}

// errSealFirst is the check's answer to a newer token, which f cannot return.
var errSealFirst = errors.New("sqlfence: seal first")

// once is one transaction.
func (g *Guard) once(ctx context.Context, t fence.Token, f func(tx *sql.Tx) error) error {
	var held Held
	tried, err := transact(ctx, g.db, g.dialect, g.config.Isolation, func(ctx context.Context, tx *sql.Tx) (err error) {
		held, err = g.hold(ctx, tx, t)
		if errors.Is(err, ErrNotSealed) {
			return errSealFirst
		}
		if err != nil {
			return err
		}
		return f(tx)
	})
	if tried && err != nil {
		return g.judgeCommit(t, held.ID, err)
	}
	return err
}

// judgeCommit says what a commit that failed means.
func (g *Guard) judgeCommit(t fence.Token, id string, err error) error {
	if g.dialect.Judge(err) != Unclear {
		return fmt.Errorf("sqlfence: commit: %w", err)
	}
	ask := "look for what it wrote"
	if id != "" {
		ask = "Resolve asks the database what became of it"
	}
	if errors.Is(err, sql.ErrTxDone) {
		err = fmt.Errorf("the function, or the end of its ctx, has ended the transaction: %w", err)
	}
	return &fence.UnknownError{Resource: g.resource, Token: t, Ask: ask, Err: &CommitError{ID: id, Err: err}}
}

// again tries until the database does not refuse try because of other transactions.
func (g *Guard) again(ctx context.Context, t fence.Token, try func() error) error {
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil || errors.Is(err, fence.ErrUnknown) {
			return err
		}
		// A driver calls a connection bad only when it has sent nothing on it.
		if !errors.Is(err, driver.ErrBadConn) && g.dialect.Judge(err) != Again {
			return err
		}
		if attempt == g.config.Attempts {
			return &ContendedError{Resource: g.resource, Token: t, Attempts: attempt, Err: err}
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}
