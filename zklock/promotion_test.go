package zklock_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// promotion is how updates of package cas take a lock of this one.
func promotion(c *session.Client, after int) cas.Promotion {
	return cas.Promotion{After: after, Lock: func(ctx context.Context, path string) (cas.Hold, error) {
		m, err := zklock.NewMutex(c, path+"-lock", zklock.Config{Label: "cas"})
		if err != nil {
			return nil, err
		}
		return m.Lock(ctx)
	}}
}

func (v *virtual) store(c *session.Client, cfg cas.Config) *cas.Store {
	v.t.Helper()
	s, err := cas.NewStore(c, cfg)
	require.NoError(v.t, err)
	v.t.Cleanup(func() { require.NoError(v.t, s.Close()) })
	return s
}

func addOne(v int) (int, error) { return v + 1, nil }

// An update that always loses takes the lock, and wins.
func TestUpdatesArePromoted(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		patient := session.Config{Timeout: 20 * time.Second}
		fastClient, slowClient := v.client(patient), v.client(patient)
		fast := v.store(fastClient, cas.Config{Promotion: promotion(fastClient, 4)})
		slow := v.store(slowClient, cas.Config{Promotion: promotion(slowClient, 4)})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
					_, _, err := cas.Update(v.ctx(), fast, "/n", addOne)
					require.NoError(t, err)
				}
			})
		}
		time.Sleep(10 * time.Millisecond)
		_, stats, err := cas.Update(v.ctx(), slow, "/n", func(n int) (int, error) { time.Sleep(50 * time.Millisecond); return n + 1_000_000, nil })
		require.NoError(t, err)
		require.True(t, stats.Promoted)
		require.LessOrEqual(t, stats.Attempts, 5)
		close(stop)
		wg.Wait()
		n, err := cas.Get[int](v.ctx(), slow, "/n")
		require.NoError(t, err)
		require.Equal(t, 1, n/1_000_000)
	})
}

// One that was promoted and dies under its lock is in nobody's way once its session is over, and in everybody's until then.
func TestPromotedHolderDies(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		client, l := v.open()
		dying := v.store(client, cas.Config{Promotion: promotion(client, 1), Backoff: cas.AtOnce})
		patient := session.Config{Timeout: 20 * time.Second}
		lockless := v.store(v.client(patient), cas.Config{})
		other := v.client(patient)
		locking := v.store(other, cas.Config{Promotion: promotion(other, 8)})

		calls := 0
		ctx, cancel := context.WithCancel(v.ctx())
		defer cancel()
		lost := make(chan error, 1)
		go func() {
			_, _, err := cas.Update(ctx, dying, "/n", func(n int) (int, error) {
				switch calls++; calls {
				case 1: // another one is faster
					_, _, err := cas.Update(v.ctx(), lockless, "/n", addOne)
					require.NoError(t, err)
				case 2: // under the lock
					l.cut(bothWays)
				}
				return n + 1000, nil
			})
			lost <- err
		}()
		time.Sleep(time.Second)
		session := v.zk.Sessions()
		require.NotEmpty(t, session)
		began := time.Now()
		var wg sync.WaitGroup
		for _, s := range []*cas.Store{lockless, locking} {
			wg.Go(func() {
				_, _, err := cas.Update(v.ctx(), s, "/n", addOne)
				require.NoError(t, err)
			})
		}
		wg.Wait()
		require.Greater(t, time.Since(began), 500*time.Millisecond, "the session was over too early: nothing was shown")
		require.Less(t, time.Since(began), 3*timeout)
		l.healBroken()
		require.NoError(t, receive(t, lost), "it goes on in its next session, and nothing of it was written before")
		synctest.Wait()
		n, err := cas.Get[int](v.ctx(), lockless, "/n")
		require.NoError(t, err)
		require.Equal(t, 1003, n)
	})
}
