package zklock_test

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// A hold's node is watched before a twelfth of the timeout is over. From then on its holder is told as soon as the next one is.
func TestStoryHoldersNodeIsDeleted(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old %t", old), func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				m, _ := v.contender()
				other, _ := v.contender()
				h := v.lock(m)
				_, waiting := v.wait(v.ctx(), other)
				told := timeout/12 + time.Millisecond
				if old {
					time.Sleep(told)
					synctest.Wait()
					told = 0
				}
				start := time.Now()
				v.remove(h.Path())
				next := granted(t, waiting)
				require.Zero(t, since(start))
				<-h.Done()
				require.LessOrEqual(t, since(start), told)
				require.ErrorIs(t, h.Err(), session.ErrNodeGone)
				requireRises(t, h.Token(), next.Token())
				require.ErrorIs(t, h.Unlock(v.ctx()), zklock.ErrLost)
				require.NoError(t, next.Err())
				v.unlock(next)
			})
		})
	}
}

// The same, and the holder is deaf. This is the overlap that no client can see, and that has an end all the same.
func TestStoryDeafHoldersNodeIsDeleted(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				m, l := v.contender()
				other, _ := v.contender()
				h := v.lock(m)
				_, waiting := v.wait(v.ctx(), other)
				f.cut(l)
				start := time.Now()
				v.remove(h.Path())
				next := granted(t, waiting)
				require.Zero(t, since(start))
				if f.lets&fromServer == 0 {
					require.NoError(t, h.Err(), "it cannot know")
				}
				requireRises(t, h.Token(), next.Token())
				time.Sleep(timeout / 8)
				f.heal(l)
				<-h.Done()
				require.ErrorIs(t, h.Err(), session.ErrNodeGone)
				require.Less(t, since(start), timeout)
				v.unlock(next)
			})
		})
	}
}

// The same, and the deaf holder unlocks. It finds no node to delete, and must not say that all was well, unless its own delete may have been the one.
func TestStoryUnlockOfANodeThatWasDeletedUnseen(t *testing.T) {
	for _, f := range faults() {
		if f.lets&fromServer != 0 {
			continue // it hears of it
		}
		t.Run(f.name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				m, l := v.contender()
				other, _ := v.contender()
				h := v.lock(m)
				_, waiting := v.wait(v.ctx(), other)
				f.cut(l)
				synctest.Wait() // it notices what it can
				v.remove(h.Path())
				next := granted(t, waiting)
				done := unlockLater(v.ctx(), t, h)
				time.Sleep(timeout / 8)
				require.Empty(t, done)
				f.heal(l)
				err := receive(t, done)
				if !f.loses() { // else the delete or its reply was lost, and nobody can know
					require.ErrorIs(t, err, zklock.ErrLost)
					require.ErrorIs(t, err, session.ErrNodeGone)
				}
				require.NoError(t, next.Err())
				v.unlock(next)
			})
		})
	}
}

func TestStoryWaitersNodeIsDeleted(t *testing.T) {
	for which := range 3 {
		story(t, func(t *testing.T, v *virtual) {
			m, _ := v.contender()
			h := v.lock(m)
			var names []string
			var waiting []<-chan attempt
			for range 3 {
				other, _ := v.contender()
				name, done := v.wait(v.ctx(), other)
				names, waiting = append(names, name), append(waiting, done)
			}
			v.remove(session.Join(v.path, names[which]))
			err := receive(t, waiting[which]).err
			require.ErrorIs(t, err, zklock.ErrLost)
			require.ErrorIs(t, err, session.ErrNodeGone)
			last := h
			for i, done := range waiting {
				if i == which {
					continue
				}
				time.Sleep(5 * timeout)
				requireWaiting(t, done)
				v.unlock(last)
				last = granted(t, done)
			}
			v.unlock(last)
		})
	}
}

// The one ahead goes and the waiter's node is deleted while the waiter is cut off, and somebody else has the lock when it comes back. On the connection that it had it hears of
// both in their order, and holds for no time at all, if it does; on the next one it may not take the first news for a grant.
func TestStoryWaitersNodeIsDeletedUnseen(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				holder, _ := v.contender()
				client, l := v.open()
				id := v.live(client).ID()
				last := v.lock(holder)
				for range 8 {
					name, waiting := v.wait(v.ctx(), v.mutex(client))
					f.cut(l)
					v.unlock(last)
					v.remove(session.Join(v.path, name))
					other := v.lock(holder)
					time.Sleep(timeout / 8)
					f.heal(l)
					a := receive(t, waiting)
					synctest.Wait()
					if inOrder := !f.breaking || f.lets&fromServer != 0; inOrder && a.err == nil {
						a.err = a.hold.Err()
					}
					require.ErrorIs(t, a.err, zklock.ErrLost)
					require.ErrorIs(t, a.err, session.ErrNodeGone)
					require.NoError(t, other.Err())
					requireRises(t, last.Token(), other.Token())
					last = other
					time.Sleep(timeout)
				}
				require.Equal(t, id, v.live(client).ID())
				v.unlock(last)
			})
		})
	}
}

// Somebody writes into nodes of the queue, as Curator does to ask for a lock. That is no hand-over, and no loss.
func TestStoryChangedDataIsNoHandOver(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		m, _ := v.contender()
		h := v.lock(m)
		var waiting []<-chan attempt
		for range 3 {
			other, _ := v.contender()
			_, done := v.wait(v.ctx(), other)
			waiting = append(waiting, done)
		}
		for range 3 {
			for _, name := range v.children() {
				_, err := v.observer.Set(v.ctx(), session.Join(v.path, name), []byte("__REVOKE__"), session.AnyVersion)
				require.NoError(t, err)
				synctest.Wait()
				for _, done := range waiting {
					requireWaiting(t, done)
				}
				require.NoError(t, h.Err())
			}
			time.Sleep(timeout)
		}
		for _, done := range waiting {
			v.unlock(h)
			h = granted(t, done)
		}
		v.unlock(h)
	})
}

// The directory's counter comes to where order ends, as it would after two thousand million contenders.
func TestStorySequenceIsExhausted(t *testing.T) {
	const lastSafe = math.MaxInt32 - 1000
	story(t, func(t *testing.T, v *virtual) {
		m, _ := v.contender()
		first := v.lock(m)
		v.unlock(first)
		require.NoError(t, v.zk.SetSequence(v.path, lastSafe))
		h := v.lock(m)
		require.True(t, strings.HasSuffix(h.Path(), "-lock-2147482647"), h.Path())

		other, _ := v.contender()
		for _, next := range []int32{lastSafe + 1, math.MaxInt32 - 1, math.MaxInt32, math.MaxInt32} {
			require.NoError(t, v.zk.SetSequence(v.path, next))
			_, err := other.Lock(v.ctx())
			require.ErrorIs(t, err, zklock.ErrSequenceExhausted)
			_, err = other.TryLock(v.ctx())
			require.ErrorIs(t, err, zklock.ErrSequenceExhausted)
			synctest.Wait()
			require.Equal(t, []string{session.Base(h.Path())}, v.children())
		}
		require.NoError(t, h.Err(), "it has a number that can be trusted")
		v.unlock(h)
		_, err := m.Lock(v.ctx())
		require.ErrorIs(t, err, zklock.ErrSequenceExhausted)
		synctest.Wait()

		// What the error says to do.
		v.remove(v.path)
		again := v.lock(m)
		require.True(t, strings.HasSuffix(again.Path(), "-lock-0000000000"), again.Path())
		requireRises(t, h.Token(), again.Token())
		v.unlock(again)
	})
}

// The directory is deleted by hand, or by the server that finds it empty: numbers start again, tokens go on.
func TestStoryDirectoryGoes(t *testing.T) {
	for _, c := range []struct {
		name string
		goes func(v *virtual)
	}{
		{"by hand", func(v *virtual) { v.remove(v.path) }},
		{"with what is above it", func(v *virtual) { v.remove(v.path); v.remove(v.root) }},
		{"reaped", func(*virtual) { time.Sleep(3 * time.Minute) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				m, _ := v.contender()
				last := v.lock(m)
				v.unlock(last)
				for range 3 {
					h := v.lock(m)
					require.True(t, strings.HasSuffix(h.Path(), "-lock-0000000001"), h.Path())
					requireRises(t, last.Token(), h.Token())
					v.unlock(h)
					c.goes(v)
					require.Nil(t, v.stat(v.path))
					last = v.lock(m)
					require.True(t, strings.HasSuffix(last.Path(), "-lock-0000000000"), last.Path())
					requireRises(t, h.Token(), last.Token())
					v.unlock(last)
				}
			})
		})
	}
}

func TestStoryForeignChildren(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		log := &warnings{Handler: slog.DiscardHandler}
		client, _ := v.open()
		m := v.mutexWith(client, zklock.Config{Logger: slog.New(log)})
		for _, name := range []string{"!first", "lock-of-the-door", "notes", "zebra"} {
			v.put(session.Join(v.path, name), "somebody's")
		}
		h := v.lock(m)
		_, waiting := v.enqueue(v.ctx(), m)
		synctest.Wait()
		requireWaiting(t, waiting)
		v.remove(session.Join(v.path, "zebra"))
		v.byHand = v.byHand[:3]
		time.Sleep(timeout)
		requireWaiting(t, waiting)
		v.unlock(h)
		v.unlock(granted(t, waiting))
		require.Len(t, log.seen, 1, "%v", log.seen)
	})
}
