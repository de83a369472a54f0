package sqlfence_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/sqlfence"
)

// A holder that was paused comes back to a database that knows a newer one.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sqlfence")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "bank.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()

	dialect := sqlfence.SQLite{}             // Or sqlfence.PostgreSQL{}.
	for _, m := range dialect.Migrations() { // Once, as with the tables of your own.
		if _, err := db.ExecContext(ctx, m.SQL); err != nil {
			fmt.Println(err)
			return
		}
	}
	if _, err := db.ExecContext(ctx, `CREATE TABLE accounts (id TEXT PRIMARY KEY, balance INTEGER); INSERT INTO accounts VALUES ('alice', 100)`); err != nil {
		fmt.Println(err)
		return
	}

	guard := sqlfence.New(db, dialect, "accounts", sqlfence.Config{})
	withdraw := func(token fence.Token, amount int) error { // The token comes with the hold, as hold.Token().
		return guard.Do(ctx, token, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE accounts SET balance = balance - ?1 WHERE id = 'alice'`, amount)
			return err
		})
	}
	fmt.Println("first holder: ", withdraw(fence.Token{ID: 0x6}, 30))
	fmt.Println("second holder:", withdraw(fence.Token{ID: 0x7}, 30)) // It seals by itself.

	err = withdraw(fence.Token{ID: 0x6}, 30)
	fmt.Println("first again:  ", err)
	fmt.Println(errors.Is(err, fence.ErrStale))

	// One statement with the check in it.
	n, err := guard.Exec(ctx, fence.Token{ID: 0x7}, `UPDATE accounts SET balance = balance + ?1 WHERE EXISTS (SELECT 1 FROM fence)`, 5)
	fmt.Println(n, err)
	// Output:
	// first holder:  <nil>
	// second holder: <nil>
	// first again:   fence: stale token 0x6: "accounts" already saw 0x7
	// true
	// 1 <nil>
}
