package zklock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// stall is longer than the session timeout, so that the session has every occasion to be renewed.
const stall = 5 * time.Second

// requireStalled requires that err says that a hold was lost since its work made no progress for that long.
func requireStalled(t *testing.T, err error, h *zklock.Hold, after time.Duration) {
	t.Helper()
	require.ErrorIs(t, err, zklock.ErrLost)
	require.ErrorIs(t, err, zklock.ErrStalled)
	var why *zklock.StalledError
	require.ErrorAs(t, err, &why)
	require.Equal(t, &zklock.StalledError{Path: why.Path, Token: h.Token(), For: after}, why)
}

// A function that is stuck loses the lock when it has made no progress for the time it was given, and the next one has the lock that very moment. The control is Do: a
// renewal that is alive keeps the lock for a function that is not.
func TestStoryWorkThatIsStuckLosesTheLock(t *testing.T) {
	for name, late := range map[string]error{"and returns nothing in the end": nil, "and returns an error in the end": errors.New("too late")} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				m, _ := v.contender()
				other, _ := v.contender()
				started, unstick, result := make(chan *zklock.Work), make(chan struct{}), make(chan error, 1)
				var ended time.Time
				var cause, progress, guard error
				go func() {
					result <- m.Work(v.ctx(), stall, func(ctx context.Context, w *zklock.Work) error {
						time.Sleep(stall - time.Second)
						if err := w.Progress(); err != nil {
							return err
						}
						started <- w
						<-ctx.Done() // It hears of it, and goes on all the same.
						ended, cause = time.Now(), context.Cause(ctx)
						<-unstick
						progress = w.Progress()
						_, guard = w.Hold().Guard(v.ctx(), session.CreateOp("/damage", nil, session.Persistent, nil))
						return late
					})
				}()
				w := <-started
				start := time.Now()
				_, waiting := v.wait(v.ctx(), other)
				next := receive(t, waiting)
				require.NoError(t, next.err)
				require.Equal(t, stall, since(start))
				requireRises(t, w.Token(), next.hold.Token())
				synctest.Wait()
				require.Equal(t, stall, ended.Sub(start))
				requireStalled(t, cause, w.Hold(), stall)
				requireStalled(t, w.Hold().Err(), w.Hold(), stall)
				requireStalled(t, w.Hold().Unlock(v.ctx()), w.Hold(), stall)
				require.EqualError(t, cause, "zklock: hold of /story/lock with token "+w.Token().String()+" lost: zklock: work stalled: no progress for 5s")

				time.Sleep(time.Hour)
				require.NoError(t, next.hold.Err(), "nobody disturbs it")
				close(unstick)
				err := <-result
				requireStalled(t, err, w.Hold(), stall)
				if late != nil {
					require.ErrorIs(t, err, late)
				}
				requireStalled(t, progress, w.Hold(), stall)
				requireStalled(t, guard, w.Hold(), stall)
				require.Nil(t, v.stat("/damage"))
				v.unlock(next.hold)
			})
		})
	}
	t.Run("control: Do keeps it", func(t *testing.T) {
		story(t, func(t *testing.T, v *virtual) {
			m, _ := v.contender()
			other, _ := v.contender()
			started, unstick, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			go func() {
				result <- m.Do(v.ctx(), func(context.Context, *zklock.Hold) error {
					close(started)
					<-unstick
					return nil
				})
			}()
			<-started
			_, waiting := v.wait(v.ctx(), other)
			time.Sleep(100 * stall)
			requireWaiting(t, waiting)
			close(unstick)
			require.NoError(t, <-result)
			v.unlock(granted(t, waiting))
		})
	})
}

// Work that goes on keeps the lock, however long it takes. The time in the queue does not count.
func TestStoryWorkThatGoesOnKeepsTheLock(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		m, _ := v.contender()
		first, _ := v.contender()
		before := v.lock(first)
		result := make(chan error, 1)
		var took time.Duration
		go func() {
			result <- m.Work(v.ctx(), stall, func(ctx context.Context, w *zklock.Work) error {
				start := time.Now()
				for range 1000 {
					time.Sleep(stall - time.Millisecond)
					if err := w.Progress(); err != nil {
						return err
					}
				}
				time.Sleep(stall - time.Millisecond) // the last step ends with the function
				took = time.Since(start)
				return ctx.Err()
			})
		}()
		time.Sleep(10 * stall)
		v.unlock(before)
		require.NoError(t, <-result)
		require.Equal(t, 1001*(stall-time.Millisecond), took)
		v.free(first)
	})
}

// A function that takes no notice and returns too late has stalled, and nil from it is no success.
func TestStoryWorkThatReturnsLate(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		m, _ := v.contender()
		var h *zklock.Hold
		err := m.Work(v.ctx(), stall, func(_ context.Context, w *zklock.Work) error {
			h = w.Hold()
			time.Sleep(stall)
			return nil
		})
		requireStalled(t, err, h, stall)
		v.free(m)
	})
}

// Cut off from the servers, a stall ends the belief at once; the node goes when the servers can be reached again.
func TestStoryWorkStallsWhileItIsCutOff(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		client, l := v.open()
		m, id := v.mutex(client), v.live(client).ID()
		other, _ := v.contender()
		start := time.Now()
		result := make(chan error, 1)
		var h *zklock.Hold
		go func() {
			result <- m.Work(v.ctx(), timeout/4, func(ctx context.Context, w *zklock.Work) error {
				h = w.Hold()
				l.cut(bothWays)
				<-ctx.Done()
				return context.Cause(ctx)
			})
		}()
		err := <-result
		require.Equal(t, timeout/4, since(start))
		requireStalled(t, err, h, timeout/4)
		_, waiting := v.wait(v.ctx(), other)
		l.heal()
		v.unlock(granted(t, waiting))
		require.Equal(t, id, v.live(client).ID(), "the session lives")
	})
}

// What ends the hold first is what is told.
func TestStoryWorkThatIsLostOtherwise(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		m, _ := v.contender()
		err := m.Work(v.ctx(), stall, func(ctx context.Context, w *zklock.Work) error {
			v.remove(w.Hold().Path())
			<-ctx.Done()
			time.Sleep(2 * stall)
			return nil
		})
		require.ErrorIs(t, err, session.ErrNodeGone)
		require.NotErrorIs(t, err, zklock.ErrStalled)

		err = m.Work(v.ctx(), stall, func(_ context.Context, w *zklock.Work) error {
			v.unlock(w.Hold())
			time.Sleep(2 * stall)
			return w.Progress()
		})
		require.ErrorIs(t, err, zklock.ErrReleased)

		wrong := errors.New("wrong")
		require.Equal(t, wrong, m.Work(v.ctx(), stall, func(context.Context, *zklock.Work) error { return wrong }))
		require.PanicsWithValue(t, "lost", func() {
			_ = m.Work(v.ctx(), stall, func(context.Context, *zklock.Work) error { panic("lost") })
		})
		ctx, cancel := context.WithCancelCause(v.ctx())
		require.Equal(t, wrong, m.Work(ctx, stall, func(ctx context.Context, _ *zklock.Work) error {
			cancel(wrong)
			<-ctx.Done()
			return context.Cause(ctx)
		}))
		require.ErrorIs(t, m.Work(ctx, stall, func(context.Context, *zklock.Work) error { panic("it cannot lock") }), wrong)
		for _, none := range []time.Duration{0, -time.Second} {
			require.ErrorContains(t, m.Work(v.ctx(), none, func(context.Context, *zklock.Work) error { panic("it has no time") }), "must be above 0")
		}
		v.free(m)
	})
}
