package sqlfence_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
	"github.com/zkkit/zkkit/fence/sqlfence"
	"github.com/zkkit/zkkit/partition"
)

// The suite on a network that loses, delays and resets: what is called unknown may be either, and everything else must be as it was told.
func postgresWeather(t *testing.T, s *server) {
	_, link := s.linked(t)
	link.dsn = s.dsn(t, link.Addr(), map[string]string{"commit_delay": "10000", "commit_siblings": "3"}) // So that there is a commit under way at most times.
	w := &weather{link: link, patience: 500 * time.Millisecond}
	w.Guard = things{link.open(t), sqlfence.PostgreSQL{IdleTimeout: 500 * time.Millisecond}, sqlfence.Config{Attempts: 3}}
	ctx, cancel := context.WithCancel(t.Context())
	var changing sync.WaitGroup
	defer changing.Wait()
	defer cancel()
	changing.Go(func() { w.change(ctx, t) })
	for w.unknown.Load() == 0 { // Else nothing was put to the test.
		err := fencetest.Check(t.Context(), fencetest.Tokens(w), fencetest.Options{Writers: 12, Ops: 12, Rounds: 3, Handovers: 2, Failed: func(error) bool { return true }})
		require.NoError(t, err)
	}
	cancel()
	changing.Wait()
	t.Logf("%d cuts; of %d operations %d unknown, %d refused, %d failed", w.cuts, w.all.Load(), w.unknown.Load(), w.stale.Load(), w.failed.Load())
}

// crowd is how many operations are under way when the weather is bad.
const crowd = 6

// weather makes the network bad while many operations are under way; the simple scenarios want answers.
type weather struct {
	fencetest.Guard
	link     *link
	patience time.Duration

	under, all, done, unknown, stale, failed atomic.Int64
	cuts                                     int
}

func (w *weather) change(ctx context.Context, t *testing.T) {
	kinds := []partition.Kind{partition.Drop, partition.Drop, partition.Jam}
	for done := int64(0); pause(ctx, 100*time.Millisecond); done = w.done.Load() {
		// Where connecting takes longer than the weather is good nothing is ever under way that could be hit.
		for w.under.Load() < crowd || w.done.Load() < done+crowd {
			if !pause(ctx, 10*time.Millisecond) {
				return
			}
		}
		kind := kinds[rand.IntN(len(kinds))]
		direction := partition.Directions()[rand.IntN(3)]
		cut, err := w.link.Cut(context.Background(), kind, direction)
		if err != nil {
			t.Error(err)
			return
		}
		w.cuts++
		pause(ctx, 20*time.Millisecond)
		if err := cut.Heal(context.Background()); err != nil {
			t.Error(err)
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *weather) do(ctx context.Context, f func(ctx context.Context) error) error {
	w.under.Add(1)
	defer w.under.Add(-1)
	for attempt := 1; ; attempt++ {
		patience := soon
		if w.under.Load() >= crowd {
			patience = min(soon, w.patience<<(attempt-1)) // A machine that is busy does not get faster by being asked again.
		}
		within, cancel := context.WithTimeout(ctx, patience)
		err := f(within)
		cancel()
		w.all.Add(1)
		switch {
		case err == nil:
			w.done.Add(1)
			return nil
		case errors.Is(err, fence.ErrNoToken), ctx.Err() != nil:
			return err
		case errors.Is(err, fence.ErrUnknown):
			w.unknown.Add(1)
			return err
		case errors.Is(err, fence.ErrStale):
			w.stale.Add(1)
			return err
		}
		w.failed.Add(1)
		if attempt == 10 || !pause(ctx, 10*time.Millisecond) {
			return err
		}
	}
}

func (w *weather) Seal(ctx context.Context, resource string, t fence.Token) error {
	return w.do(ctx, func(ctx context.Context) error { return w.Guard.Seal(ctx, resource, t) })
}

func (w *weather) Read(ctx context.Context, resource string, t fence.Token) (value string, ok bool, err error) {
	err = w.do(ctx, func(ctx context.Context) error {
		value, ok, err = w.Guard.Read(ctx, resource, t)
		return err
	})
	return value, ok, err
}

func (w *weather) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	return w.do(ctx, func(ctx context.Context) error { return w.Guard.Write(ctx, resource, t, value) })
}

func (w *weather) Delete(ctx context.Context, resource string, t fence.Token) error {
	return w.do(ctx, func(ctx context.Context) error { return w.Guard.Delete(ctx, resource, t) })
}

// A server that loses its power keeps what it has committed and knows what it has not.
func TestPostgresKilled(t *testing.T) {
	s := startPostgres(t)
	u, err := url.Parse(s.store.DSN())
	require.NoError(t, err)
	for _, written := range []bool{true, false} {
		t.Run(map[bool]string{true: "after the commit", false: "before the commit"}[written], func(t *testing.T) {
			direct := s.fresh(t)
			l := &link{partition.Run(t, map[string]string{"database": u.Host}).MustLink("database"), ""}
			l.dsn = s.dsn(t, l.Addr(), nil)
			guard := sqlfence.New(l.open(t), pg, "r", sqlfence.Config{})
			require.NoError(t, guard.Seal(t.Context(), six))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var killed sync.WaitGroup
			err := guard.Do(ctx, six, func(tx *sql.Tx) error {
				if err := putting(ctx, "r", "written")(tx); err != nil {
					return err
				}
				if written {
					l.MustCut(t, partition.Drop, partition.FromServer)
					killed.Go(func() {
						for value(t, direct, "r") == "" && pause(t.Context(), time.Millisecond) {
						}
						_ = s.store.Kill(t.Context())
						cancel()
					})
					return nil
				}
				return s.store.Kill(t.Context())
			})
			killed.Wait()
			require.NoError(t, s.store.Restart(t.Context()))
			if written || errors.Is(err, fence.ErrUnknown) { // A driver may notice in time that there is nobody to send a commit to.
				requireUnknown(t, err)
				near := sqlfence.New(direct, pg, "r", sqlfence.Config{})
				applied, err := near.Resolve(t.Context(), err)
				require.NoError(t, err)
				require.Equal(t, written, applied)
			}
			require.Error(t, err)
			require.Eventually(t, func() bool { return direct.PingContext(t.Context()) == nil }, soon, time.Millisecond)
			require.Equal(t, written, value(t, direct, "r") == "written")
		})
	}
}
