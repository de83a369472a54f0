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
	"github.com/zkkit/zkkit/zktest"
)

// The stories of the tests on a real server, and some that take too long there, in virtual time. Where nothing is lost and nobody waits for a timer, all is over in no
// time, and that is what is asserted.

// The holder is cut off for longer than its session lives. It stops believing before the server gives the lock away, and the next one has it that very moment.
func TestStoryHolderIsCutOff(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				client, l := v.open()
				m := v.mutex(client)
				h := v.lock(m)
				other, _ := v.contender()
				_, waiting := v.wait(v.ctx(), other)
				time.Sleep(10 * timeout)
				require.NoError(t, h.Err())
				require.Equal(t, timeout, v.live(client).Timeout())

				gone := v.watchGone(h.Path())
				truth := make(chan saw, 1)
				go func() {
					<-gone
					truth <- saw{time.Now(), h.Err()}
				}()
				f.cut(l)
				cut := time.Now()
				<-h.Done()
				belief := saw{time.Now(), h.Err()}
				require.ErrorIs(t, belief.err, session.ErrDeadline)
				require.LessOrEqual(t, since(cut), timeout-tick/2)
				next := granted(t, waiting)
				deleted := receive(t, truth)
				requireBeliefEndedFirst(t, belief, deleted)
				require.Equal(t, since(cut), deleted.at.Sub(cut).Round(time.Microsecond), "a notification is a grant")
				requireRises(t, h.Token(), next.Token())
				if f.lets&toServer == 0 {
					require.LessOrEqual(t, since(cut), timeout+tick)
				}

				time.Sleep(5 * timeout)
				f.heal(l)
				require.ErrorIs(t, h.Unlock(v.ctx()), session.ErrDeadline)
				_, later := v.wait(v.ctx(), m)
				require.NoError(t, next.Err(), "what the old session still sends is not for the new holder")
				v.unlock(next)
				again := granted(t, later)
				requireRises(t, next.Token(), again.Token())
				v.unlock(again)
			})
		})
	}
}

// A cut of a quarter of the timeout costs nothing, time and again.
func TestStoryShortCuts(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				client, l := v.open()
				id := v.live(client).ID()
				h := v.lock(v.mutex(client))
				for range 20 {
					f.cut(l)
					time.Sleep(timeout / 4)
					f.heal(l)
					time.Sleep(timeout + 17*time.Millisecond)
					require.NoError(t, h.Err())
				}
				require.Equal(t, id, v.live(client).ID())
				v.unlock(h)
			})
		})
	}
}

// A connection dies without a word. The client looks for another one before it is too late for what it holds, even if it does not know the tick and has to assume
// the worst.
func TestStoryConnectionStalls(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		l := newLine(v.zk)
		client := v.client(session.Config{Timeout: timeout, Dial: l.dial})
		id := v.live(client).ID()
		h := v.lock(v.mutex(client))
		other, line := v.contender()
		_, waiting := v.wait(v.ctx(), other)
		for range 20 {
			l.stall()
			line.stall()
			time.Sleep(2*timeout + 17*time.Millisecond)
			require.NoError(t, h.Err())
			requireWaiting(t, waiting)
		}
		require.Equal(t, id, v.live(client).ID())
		line.stall() // the next one does not hear of its turn at once
		v.unlock(h)
		v.unlock(granted(t, waiting))
	})
}

// Ten minutes of holding, with nobody else there: the hold lives on one small write each sixth of the timeout.
func TestStoryLongHold(t *testing.T) {
	const long = 10 * time.Minute
	story(t, func(t *testing.T, v *virtual) {
		m, _ := v.contender()
		h := v.lock(m)
		before := v.zk.Count(zktest.OpMulti)
		time.Sleep(long)
		require.NoError(t, h.Err())
		require.InDelta(t, long/(timeout/6), v.zk.Count(zktest.OpMulti)-before, 50)
		v.unlock(h)
		before = v.zk.Count(zktest.OpMulti)
		time.Sleep(long)
		require.LessOrEqual(t, v.zk.Count(zktest.OpMulti)-before, int64(1))
		again := v.lock(m)
		requireRises(t, h.Token(), again.Token())
		v.unlock(again)
	})
}

// The server ends a session although its client is there, as an operator can, or an ensemble whose clocks are off. The client may hear of its node first.
func TestStoryExpiry(t *testing.T) {
	t.Run("while holding", func(t *testing.T) {
		story(t, func(t *testing.T, v *virtual) {
			client, _ := v.open()
			h := v.lock(v.mutex(client))
			other, _ := v.contender()
			_, waiting := v.wait(v.ctx(), other)
			id := v.live(client).ID()
			require.True(t, v.zk.Expire(id))
			next := granted(t, waiting)
			<-h.Done()
			requireTaken(t, h.Err())
			require.ErrorIs(t, h.Unlock(v.ctx()), zklock.ErrLost)
			requireRises(t, h.Token(), next.Token())
			require.NotEqual(t, id, v.live(client).ID())
			_, later := v.wait(v.ctx(), v.mutex(client))
			v.unlock(next)
			v.unlock(granted(t, later))
		})
	})
	t.Run("while waiting", func(t *testing.T) {
		story(t, func(t *testing.T, v *virtual) {
			m, _ := v.contender()
			h := v.lock(m)
			client, _ := v.open()
			_, waiting := v.wait(v.ctx(), v.mutex(client))
			require.True(t, v.zk.Expire(v.live(client).ID()))
			requireTaken(t, receive(t, waiting).err)
			require.NoError(t, h.Err())
			v.requireChildren(1)
			_, later := v.wait(v.ctx(), v.mutex(client))
			v.unlock(h)
			v.unlock(granted(t, later))
		})
	})
}

func requireTaken(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, zklock.ErrLost)
	require.True(t, errors.Is(err, session.ErrExpired) || errors.Is(err, session.ErrNodeGone), "%v", err)
}

// The server stands still. Who holds cannot know whether others wait for the same server, and gives up in time.
func TestStoryFrozenServer(t *testing.T) {
	t.Run("for a moment", func(t *testing.T) {
		story(t, func(t *testing.T, v *virtual) {
			m, _ := v.contender()
			other, _ := v.contender()
			h := v.lock(m)
			_, waiting := v.wait(v.ctx(), other)
			for range 20 {
				v.zk.Freeze()
				time.Sleep(timeout / 4)
				v.zk.Thaw()
				time.Sleep(timeout + 17*time.Millisecond)
				require.NoError(t, h.Err())
				requireWaiting(t, waiting)
			}
			v.unlock(h)
			v.unlock(granted(t, waiting))
		})
	})
	t.Run("for longer than a session", func(t *testing.T) {
		story(t, func(t *testing.T, v *virtual) {
			m, _ := v.contender()
			other, _ := v.contender()
			h := v.lock(m)
			_, waiting := v.wait(v.ctx(), other)
			v.zk.Freeze()
			<-h.Done()
			require.ErrorIs(t, h.Err(), session.ErrDeadline)
			require.ErrorIs(t, receive(t, waiting).err, session.ErrDeadline, "a waiter that is next must prove that it lives too")
			time.Sleep(timeout)
			v.zk.Thaw() // all that was due expires now
			synctest.Wait()
			require.Empty(t, v.children())
			v.free(m)
			v.free(other)
		})
	})
	t.Run("and an unlock comes meanwhile", func(t *testing.T) {
		story(t, func(t *testing.T, v *virtual) {
			m, _ := v.contender()
			h := v.lock(m)
			v.zk.Freeze()
			done := unlockLater(v.ctx(), t, h)
			time.Sleep(timeout / 4)
			require.Empty(t, done)
			v.zk.Thaw()
			require.NoError(t, receive(t, done))
			require.Empty(t, v.children())
		})
	})
}

// The server comes back with its data, and with no watch that anybody had set.
func TestStoryRestart(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		m, _ := v.contender()
		h := v.lock(m)
		var waiting []<-chan attempt
		for range 3 {
			other, _ := v.contender()
			_, done := v.wait(v.ctx(), other)
			waiting = append(waiting, done)
		}
		last := h
		for _, done := range waiting {
			v.zk.Restart()
			time.Sleep(timeout / 8)
			require.NoError(t, last.Err())
			requireWaiting(t, done)
			v.unlock(last)
			next := granted(t, done)
			requireRises(t, last.Token(), next.Token())
			last = next
		}
		v.zk.Restart()
		v.unlock(last)
	})
}

func TestStoryUnlockDuringACut(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name+", and then it heals", func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				client, l := v.open()
				id := v.live(client).ID()
				h := v.lock(v.mutex(client))
				f.cut(l)
				done := unlockLater(v.ctx(), t, h)
				time.Sleep(timeout / 4)
				require.Empty(t, done, "nobody told that the node is gone")
				f.heal(l)
				require.NoError(t, receive(t, done))
				require.Empty(t, v.children())
				require.Equal(t, id, v.live(client).ID())
			})
		})
		t.Run(f.name+", and the session ends", func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				enough := errors.New("enough")
				client, l := v.open()
				h := v.lock(v.mutex(client))
				f.cut(l)
				ctx, cancel := context.WithCancelCause(v.ctx())
				done := unlockLater(ctx, t, h)
				cancel(enough)
				err := receive(t, done)
				require.ErrorIs(t, err, zklock.ErrNotConfirmed)
				require.ErrorIs(t, err, enough)
				err = h.Unlock(v.ctx())
				require.ErrorIs(t, err, zklock.ErrNotConfirmed)
				require.ErrorIs(t, err, session.ErrLost)
				require.ErrorIs(t, h.Err(), zklock.ErrReleased)
				v.requireChildren(0)
				f.heal(l)
				v.free(v.mutex(client))
			})
		})
	}
}
