package sqlfence_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence/sqlfence"
	"github.com/zkkit/zkkit/internal/stores"
)

// What the fence costs on PostgreSQL as it comes, with durable commits, many writers, and a resource for each write. Each writer does the plain and the fenced form of one write in random
// order, so that both meet the same machine; "ratio" is the mean time of the fenced one over that of the plain one.
//
// A statement of its own is compared with one, a transaction of begin, insert and commit with one. Do has one round trip more than the plain transaction. ExecTx has none, and Exec has none either.
func BenchmarkPostgres(b *testing.B) {
	store := stores.RunPostgres(b, stores.PostgresConfig{Settings: map[string]string{"max_connections": "200"}})
	db, err := sql.Open("pgx", store.DSN())
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	db.SetMaxOpenConns(64)
	db.SetMaxIdleConns(64)
	for _, m := range pg.Migrations() {
		_, err := db.ExecContext(b.Context(), m.SQL)
		require.NoError(b, err)
	}
	_, err = db.ExecContext(b.Context(), `CREATE TABLE charges (id bigserial PRIMARY KEY, resource text, amount bigint)`)
	require.NoError(b, err)

	const keys = 1000
	var guards [keys]*sqlfence.Guard
	for i := range guards {
		guards[i] = sqlfence.New(db, pg, fmt.Sprint("key-", i), sqlfence.Config{})
		require.NoError(b, guards[i].Seal(b.Context(), six))
	}
	const plainSQL = `INSERT INTO charges (resource, amount) VALUES ($1, $2)`
	const fencedSQL = `INSERT INTO charges (resource, amount) SELECT $1, $2 FROM fence`
	within := func(ctx context.Context, f func(tx *sql.Tx) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		return tx.Commit()
	}
	statement := func(ctx context.Context, g *sqlfence.Guard, i int) error {
		_, err := db.ExecContext(ctx, plainSQL, g.Resource(), i)
		return err
	}
	transaction := func(ctx context.Context, g *sqlfence.Guard, i int) error {
		return within(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, plainSQL, g.Resource(), i)
			return err
		})
	}
	for _, form := range []struct {
		name          string
		plain, fenced func(ctx context.Context, g *sqlfence.Guard, i int) error
	}{
		{"Exec", statement, func(ctx context.Context, g *sqlfence.Guard, i int) error {
			_, err := g.Exec(ctx, six, fencedSQL, g.Resource(), i)
			return err
		}},
		{"ExecTx", transaction, func(ctx context.Context, g *sqlfence.Guard, i int) error {
			return within(ctx, func(tx *sql.Tx) error {
				_, err := g.ExecTx(ctx, tx, six, fencedSQL, g.Resource(), i)
				return err
			})
		}},
		{"Do", transaction, func(ctx context.Context, g *sqlfence.Guard, i int) error {
			return g.Do(ctx, six, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, plainSQL, g.Resource(), i)
				return err
			})
		}},
	} {
		for _, writers := range []int{8, 32} {
			b.Run(fmt.Sprintf("%s/writers=%d", form.name, writers), func(b *testing.B) {
				var n, plain, fenced atomic.Int64
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
							g := guards[i%keys]
							both := []func(){
								func() { clock(b, &plain, func() error { return form.plain(b.Context(), g, int(i)) }) },
								func() { clock(b, &fenced, func() error { return form.fenced(b.Context(), g, int(i)) }) },
							}
							first := rand.IntN(2)
							both[first]()
							both[1-first]()
						}
					})
				}
				wg.Wait()
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(plain.Load())/float64(b.N)/1e3, "plain-µs")
				b.ReportMetric(float64(fenced.Load())/float64(b.N)/1e3, "fenced-µs")
				b.ReportMetric(float64(fenced.Load())/float64(plain.Load()), "ratio")
			})
		}
	}
}

func clock(b *testing.B, sum *atomic.Int64, f func() error) {
	b.Helper()
	start := time.Now()
	if err := f(); err != nil {
		b.Error(err)
	}
	sum.Add(int64(time.Since(start)))
}
