package zklock_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
	"github.com/zkkit/zkkit/zktest"
)

// Each kind of request that a lock consists of is lost once, and its reply is. Nobody notices: one node is created, and one deleted.
func TestStoryOneMessageIsLost(t *testing.T) {
	for _, c := range []struct {
		name string
		op   zktest.Op
		wait bool // only who waits asks this
	}{
		{"create", zktest.OpCreate2, false},
		{"list", zktest.OpGetChildren2, false},
		{"proof", zktest.OpMulti, true},
		{"watch", zktest.OpSetWatches, true},
		{"delete", zktest.OpDelete, false},
	} {
		for _, f := range []struct {
			name  string
			fault zktest.Fault
		}{{"request", zktest.LoseRequest()}, {"reply", zktest.LoseReply()}} {
			t.Run(c.name+", "+f.name, func(t *testing.T) {
				story(t, func(t *testing.T, v *virtual) {
					v.mkdir()
					first, _ := v.contender()
					client, _ := v.open()
					id := v.live(client).ID()
					other := v.lock(first)
					if !c.wait {
						v.unlock(other)
					}
					before := v.stat(v.path).Cversion
					lost := v.loseOne(id, c.op, f.fault)
					done := lockLater(v.ctx(), v.mutex(client).Lock)
					if c.wait {
						time.Sleep(timeout)
						requireWaiting(t, done)
						v.unlock(other)
						before++
					}
					h := granted(t, done)
					require.Equal(t, []string{session.Base(h.Path())}, v.children(), "one node, and it is the hold's")
					stat := v.stat(h.Path())
					require.EqualValues(t, stat.Czxid, h.Token().ID)
					require.Equal(t, id, stat.EphemeralOwner)
					time.Sleep(timeout)
					v.unlock(h)
					require.True(t, lost.Load(), "it was never asked")
					require.Equal(t, id, v.live(client).ID())
					require.Equal(t, before+2, v.stat(v.path).Cversion)
				})
			})
		}
	}
}

// loseOne has the next request of a kind in this session meet its fault.
func (v *virtual) loseOne(id int64, op zktest.Op, f zktest.Fault) *atomic.Bool {
	var lost atomic.Bool
	v.zk.OnRequest(func(r zktest.Request) zktest.Fault {
		if r.Session == id && r.Op == op && lost.CompareAndSwap(false, true) {
			return f
		}
		return zktest.Pass()
	})
	return &lost
}

func TestStoryTryLockWithALostMessage(t *testing.T) {
	for name, fault := range map[string]zktest.Fault{"request": zktest.LoseRequest(), "reply": zktest.LoseReply()} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				v.mkdir()
				m, _ := v.contender()
				v.zk.Inject(zktest.OpCreate2, fault)
				h, err := m.TryLock(v.ctx())
				require.NoError(t, err)
				require.Equal(t, []string{session.Base(h.Path())}, v.children())

				// And one that does not get it, and whose node is deleted with a delete that is lost.
				other, _ := v.contender()
				v.zk.Inject(zktest.OpCreate2, fault)
				v.zk.Inject(zktest.OpDelete, fault)
				_, err = other.TryLock(v.ctx())
				require.ErrorIs(t, err, zklock.ErrHeld)
				require.Equal(t, []string{session.Base(h.Path())}, v.children())
				v.unlock(h)
			})
		})
	}
}

// The caller gives up while nobody knows whether there is a node.
func TestStoryLostReplyOfACallerWhoGivesUp(t *testing.T) {
	story(t, func(t *testing.T, v *virtual) {
		v.mkdir()
		client, l := v.open()
		id := v.live(client).ID()
		l.cut(fromServer)
		ctx, cancel := context.WithCancel(v.ctx())
		done := lockLater(ctx, v.mutex(client).Lock)
		synctest.Wait()
		require.Len(t, v.children(), 1)
		cancel()
		require.ErrorIs(t, receive(t, done).err, context.Canceled)
		require.Len(t, v.children(), 1, "nobody can reach the server")
		l.healBroken()
		v.requireChildren(0)
		require.Equal(t, id, v.live(client).ID(), "it was removed, and did not go with its session")
		v.free(v.mutex(client))
	})
}

// A create that was sent in one session is never executed in the next one, wherever it was waiting.
func TestStoryNothingIsCreatedInANewSession(t *testing.T) {
	for _, f := range faults() {
		for _, noticed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, noticed %t", f.name, noticed), func(t *testing.T) {
				story(t, func(t *testing.T, v *virtual) {
					v.mkdir()
					client, l := v.open()
					first := v.live(client)
					var created atomic.Int64
					v.zk.OnRequest(func(r zktest.Request) zktest.Fault {
						if r.Op == zktest.OpCreate2 && r.Session != first.ID() {
							created.Add(1)
						}
						return zktest.Pass()
					})
					f.cut(l)
					if noticed {
						time.Sleep(timeout * 9 / 10)
					}
					err := receive(t, lockLater(v.ctx(), v.mutex(client).Lock)).err
					require.ErrorIs(t, err, zklock.ErrLost)
					require.ErrorIs(t, err, session.ErrDeadline)
					time.Sleep(2 * timeout) // the server has forgotten it too
					f.heal(l)
					require.NotEqual(t, first.ID(), v.live(client).ID())
					time.Sleep(5 * timeout)
					require.Zero(t, created.Load())
					require.Empty(t, v.children())
					v.free(v.mutex(client))
					require.NotZero(t, created.Load(), "this one is")
				})
			})
		}
	}
}

// A waiter gives up at the first frame that is sent or received for it, then at the second, and so on. Its node is gone at once.
func TestStoryCancelAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		ahead int
		steps int // at the least, so that the test cannot pass for having seen nothing
	}{{0, 4}, {1, 7}, {2, 8}, {3, 8}} {
		t.Run(fmt.Sprintf("behind %d", c.ahead), func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				v.mkdir()
				var others []*zklock.Mutex
				for range c.ahead {
					m, _ := v.contender()
					others = append(others, m)
				}
				var x tap
				m := v.mutex(v.openWith(x.through(newLine(v.zk).dial)))
				for k := 1; ; k++ {
					require.Less(t, k, 100, "it never ends")
					var ahead []<-chan attempt
					for _, other := range others {
						ahead = append(ahead, lockLater(v.ctx(), other.Lock))
						synctest.Wait()
					}
					enough := errors.New("enough")
					ctx, cancel := context.WithCancelCause(v.ctx())
					frames := 0
					x.onFrame(func(frame) {
						if frames++; frames == k {
							cancel(enough)
						}
					})
					start := time.Now()
					done := lockLater(ctx, m.Lock)
					synctest.Wait()
					for _, other := range ahead {
						v.unlock(granted(t, other))
					}
					a := receive(t, done)
					x.onFrame(nil)
					if a.err == nil {
						require.NoError(t, a.hold.Err())
						v.unlock(a.hold)
					} else {
						require.Equal(t, enough, a.err, "at frame %d", k)
					}
					synctest.Wait()
					require.Empty(t, v.children(), "at frame %d", k)
					require.Zero(t, since(start))
					cancel(nil)
					if frames < k {
						require.GreaterOrEqual(t, k, c.steps, "the tap saw too little")
						return
					}
				}
			})
		})
	}
}
