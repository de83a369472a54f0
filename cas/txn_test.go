package cas_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
)

func TestTxn(t *testing.T) {
	m := newMemory()
	s := newStore(t, m, cas.Config{})
	_, _, err := cas.Update(t.Context(), s, "/from", add(10))
	require.NoError(t, err)
	stats, err := cas.Txn(t.Context(), s, func(tx *cas.Tx) error {
		require.NoError(t, shift(tx, "/from", "/to", 4))
		v, err := cas.Load[int](tx, "/from")
		require.NoError(t, err)
		require.Equal(t, 6, v, "what was saved is seen")
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, stats.Attempts)
	require.Equal(t, 6, get(t, s, "/from"))
	require.Equal(t, 4, get(t, s, "/to"))

	writes := m.count()
	_, err = cas.Txn(t.Context(), s, func(*cas.Tx) error { return nil })
	require.NoError(t, err)
	after := m.count()
	require.Equal(t, writes, after, "nothing to do")
}

// If another one writes what a transaction has read, it runs again.
func TestTxnRunsAgain(t *testing.T) {
	for _, path := range []string{"/read", "/written"} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			s := newStore(t, m, cas.Config{})
			other := newStore(t, m, cas.Config{})
			runs := 0
			stats, err := cas.Txn(t.Context(), s, func(tx *cas.Tx) error {
				n, err := cas.Load[int](tx, "/read")
				require.NoError(t, err)
				v, err := cas.Load[int](tx, "/written")
				require.NoError(t, err)
				if runs++; runs == 1 {
					_, _, err := cas.Update(t.Context(), other, path, add(5))
					require.NoError(t, err)
				}
				return cas.Save(tx, "/written", v+n+1)
			})
			require.NoError(t, err)
			require.Equal(t, 2, runs)
			require.Equal(t, 2, stats.Attempts)
			require.Equal(t, 6, get(t, s, "/written"))
		})
	}
}

// Lost replies are found out, also where only what was read has changed since.
func TestTxnOutcomes(t *testing.T) {
	for name, fates := range map[string][]fate{
		"the reply is lost":   {loseReply},
		"the request is lost": {loseAll},
		"twice":               {loseAll, loseReply},
		"it comes late":       {comesLate},
	} {
		for _, change := range []string{"", "/read", "/written", "/too"} {
			t.Run(name+", another one writes "+change, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMemory()
					looking := &interposedTxn{memory: m}
					s, other := newStore(t, looking, cas.Config{}), newStore(t, m, cas.Config{})
					for _, path := range []string{"/read", "/written", "/too"} {
						_, _, err := cas.Update(t.Context(), other, path, add(100))
						require.NoError(t, err)
					}
					m.lose(fates...)
					looking.after = func() {
						if change != "" {
							_, _, err := cas.Update(t.Context(), other, change, add(1000))
							require.NoError(t, err)
						}
					}
					_, err := cas.Txn(t.Context(), s, func(tx *cas.Tx) error {
						if _, err := cas.Load[int](tx, "/read"); err != nil {
							return err
						}
						return shift(tx, "/written", "/too", 1)
					})
					require.NoError(t, err)
					m.arrive()
					for path, want := range map[string]int{"/read": 100, "/written": 99, "/too": 101} {
						if path == change {
							want += 1000
						}
						require.Equal(t, want, get(t, s, path), path)
					}
				})
			})
		}
	}
}

// interposedTxn does something once, after the first transaction.
type interposedTxn struct {
	*memory
	after func()
}

func (i *interposedTxn) WriteAll(ctx context.Context, writes []cas.Write) error {
	err := i.memory.WriteAll(ctx, writes)
	if f := i.after; f != nil {
		i.after = nil
		f()
	}
	return err
}

func TestTxnFails(t *testing.T) {
	own := errors.New("own")
	for name, c := range map[string]struct {
		f    func(tx *cas.Tx) error
		want error
		says string
	}{
		"its own error": {func(tx *cas.Tx) error { _, err := cas.Load[int](tx, "/a"); require.NoError(t, err); return own }, own, ""},
		"a panic":       {func(*cas.Tx) error { panic("no") }, cas.ErrPanicked, "no"},
		"too large": {func(tx *cas.Tx) error {
			return cas.Save(tx, "/a", []byte(strings.Repeat("x", 1001)))
		}, cas.ErrTooLarge, "1001 bytes"},
		"a bad path":           {func(tx *cas.Tx) error { _, err := cas.Load[int](tx, "a"); return err }, nil, "must begin with /"},
		"foreign data":         {func(tx *cas.Tx) error { _, err := cas.Load[int](tx, "/foreign"); return err }, cas.ErrFormat, ""},
		"foreign data, hidden": {func(tx *cas.Tx) error { _, _ = cas.Load[int](tx, "/foreign"); return nil }, cas.ErrFormat, ""},
		"too many bytes in all": {func(tx *cas.Tx) error {
			for i := range 1100 {
				if err := cas.Save(tx, "/many/"+string(rune('A'+i)), []byte(strings.Repeat("x", 1000))); err != nil {
					return err
				}
			}
			return nil
		}, cas.ErrTooLarge, "at most 1040000"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			s := newStore(t, m, cas.Config{MaxValue: 1000})
			m.put("/foreign", "x")
			var kept *cas.Tx
			_, err := cas.Txn(t.Context(), s, func(tx *cas.Tx) error {
				kept = tx
				if err := cas.Save(tx, "/b", 1); err != nil {
					return err
				}
				return c.f(tx)
			})
			require.Error(t, err)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			require.ErrorContains(t, err, c.says)
			require.Zero(t, get(t, s, "/b"), "nothing is written")
			require.Error(t, cas.Save(kept, "/b", 1), "it is over")
			_, err = cas.Load[int](kept, "/b")
			require.Error(t, err)
		})
	}
}

func TestTxnIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{Attempts: 4})
		m.fate = func(int, []cas.Write) fate { return isRefused }
		stats, err := cas.Txn(t.Context(), s, func(tx *cas.Tx) error { return cas.Save(tx, "/a", 1) })
		require.ErrorIs(t, err, cas.ErrContended)
		require.Equal(t, 4, stats.Attempts)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		release := make(chan struct{})
		_, err = cas.Txn(ctx, s, func(tx *cas.Tx) error {
			<-release
			return cas.Save(tx, "/a", 1)
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(release)
		synctest.Wait()
		require.Zero(t, get(t, s, "/a"))

		require.NoError(t, s.Close())
		_, err = cas.Txn(t.Context(), s, func(*cas.Tx) error { return nil })
		require.ErrorIs(t, err, cas.ErrClosed)
	})
	type plain struct{ cas.Register }
	_, err := cas.Txn(t.Context(), newStore(t, plain{newMemory()}, cas.Config{}), func(*cas.Tx) error { return nil })
	require.ErrorIs(t, err, cas.ErrNoTransactions)
}
