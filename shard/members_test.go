package shard_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/shard"
	"github.com/zkkit/zkkit/zktest"
)

const (
	tick    = 200 * time.Millisecond
	timeout = 2 * time.Second
	dir     = "/services/api"
	// patience bounds hangs and measures nothing.
	patience = 30 * time.Second
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A way is a client's way to the server, which can be cut.
type way struct {
	zk *zktest.Server

	mu    sync.Mutex // guards all below
	cut   bool
	conns []net.Conn
}

func (w *way) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return nil, errors.New("cut")
	}
	c, err := w.zk.DialContext(ctx, network, addr)
	if err == nil {
		w.conns = append(w.conns, c)
	}
	return c, err
}

func (w *way) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut = cut; cut {
		for _, c := range w.conns {
			c.Close()
		}
		w.conns = nil
	}
}

// member joins through a way of its own, in virtual time.
func member(t *testing.T, zk *zktest.Server, wait time.Duration) (*shard.Members, *way) {
	t.Helper()
	w := &way{zk: zk}
	c, err := session.Open(t.Context(), session.Config{Servers: []string{"10.0.0.1:2181"}, Timeout: wait, Tick: tick, Dial: w.dial})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	m, err := shard.Join(t.Context(), c, dir, shard.MembersConfig{Label: "test"})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		_ = m.Leave(ctx)
	})
	return m, w
}

func story(t *testing.T, tell func(t *testing.T, zk *zktest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tell(t, zktest.RunConfigT(t, zktest.Config{Tick: tick, MaxSession: time.Minute}))
	})
}

func count(m *shard.Members) int {
	n, _ := m.Servers()
	return n
}

func TestMembersComeAndGo(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		a, _ := member(t, zk, timeout)
		require.Zero(t, count(a), "one who comes waits until all others know")
		began := time.Now()
		time.Sleep(timeout + timeout/64)
		n, since := a.Servers()
		require.Equal(t, 1, n)
		require.InDelta(t, timeout+timeout/64, since.Sub(began), float64(10*time.Millisecond))

		b, _ := member(t, zk, timeout)
		synctest.Wait()
		require.Equal(t, 2, count(a))
		require.Zero(t, count(b))
		view, changed := b.View()
		require.Len(t, view.Members, 2)
		require.Equal(t, 1, view.Self)
		require.False(t, view.Counts)
		select {
		case <-changed:
		case <-time.After(2 * timeout):
			t.Fatal("it was not told that it counts now")
		}
		require.Equal(t, 2, count(b))
		require.Equal(t, 2, count(a))

		require.NoError(t, a.Leave(t.Context()))
		require.Zero(t, count(a))
		require.NoError(t, a.Leave(t.Context()))
		synctest.Wait()
		require.Equal(t, 1, count(b))
		view, _ = a.View()
		require.Equal(t, -1, view.Self)
	})
}

// A member waits for the slowest of those that were there before.
func TestGraceIsThatOfTheLongestSession(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		member(t, zk, 10*time.Second)
		b, _ := member(t, zk, timeout)
		time.Sleep(9 * time.Second)
		require.Zero(t, count(b))
		time.Sleep(2 * time.Second)
		require.Equal(t, 2, count(b))
	})
}

// Who is cut off stops to count before the others count it out, and joins again by itself.
func TestWhoIsCutOffStopsFirst(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		a, way := member(t, zk, timeout)
		b, _ := member(t, zk, timeout)
		time.Sleep(3 * timeout)
		require.Equal(t, 2, count(a))
		require.Equal(t, 2, count(b))
		way.set(true)
		stopped := false
		for range 500 {
			time.Sleep(10 * time.Millisecond)
			switch na, nb := count(a), count(b); {
			case na == 0:
				stopped = true
			case nb == 1:
				t.Fatalf("%d counts itself, and %d does not count it any more", na, nb)
			}
		}
		require.True(t, stopped)
		require.Equal(t, 1, count(b))
		way.set(false)
		time.Sleep(3 * timeout)
		require.Equal(t, 2, count(a))
		require.Equal(t, 2, count(b))
	})
}

// A node that an operator deletes is made again, and meanwhile its member does not count.
func TestDeletedByHand(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		a, _ := member(t, zk, timeout)
		time.Sleep(2 * timeout)
		view, _ := a.View()
		c, err := session.Open(t.Context(), session.Config{Servers: []string{"10.0.0.1:2181"}, Timeout: timeout, Tick: tick, Dial: zk.DialContext})
		require.NoError(t, err)
		defer c.Close()
		s, err := c.Session(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Remove(t.Context(), session.Join(dir, view.Members[0])))
		synctest.Wait()
		require.Zero(t, count(a))
		time.Sleep(2 * timeout)
		require.Equal(t, 1, count(a))
		again, _ := a.View()
		require.NotEqual(t, view.Members, again.Members)
	})
}

// The promise, with members that come, go, are cut off, lose replies and are expired: of those that count at one moment, none is told less than there are of them. So the shares of all are
// never more than the whole.
func TestNoMemberIsToldTooFew(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			story(t, func(t *testing.T, zk *zktest.Server) {
				rng, weather := rand.New(rand.NewPCG(seed, 3)), rand.New(rand.NewPCG(seed, 4))
				var mu sync.Mutex // guards weather
				zk.OnRequest(func(zktest.Request) zktest.Fault {
					mu.Lock()
					defer mu.Unlock()
					switch weather.IntN(60) {
					case 0:
						return zktest.LoseReply()
					case 1:
						return zktest.Delay(time.Duration(weather.IntN(300)) * time.Millisecond)
					}
					return zktest.Pass()
				})
				type one struct {
					m   *shard.Members
					way *way
				}
				var all []one
				together, wrong := 0, 0
				for range 3000 {
					time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
					switch k := rng.IntN(200); {
					case len(all) < 5 && k < 4:
						w := &way{zk: zk}
						c, err := session.Open(t.Context(), session.Config{
							Servers: []string{"10.0.0.1:2181"}, Timeout: timeout + time.Duration(rng.IntN(3))*time.Second, Tick: tick, Dial: w.dial,
						})
						require.NoError(t, err)
						t.Cleanup(func() { _ = c.Close() })
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						m, err := shard.Join(ctx, c, dir, shard.MembersConfig{})
						cancel()
						require.NoError(t, err)
						t.Cleanup(func() { _ = m.Leave(t.Context()) })
						all = append(all, one{m, w})
					case len(all) > 2 && k == 4:
						i := rng.IntN(len(all))
						ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
						_ = all[i].m.Leave(ctx)
						cancel()
						all = slices.Delete(all, i, i+1)
					case len(all) > 0 && k == 5:
						all[rng.IntN(len(all))].way.set(true)
					case len(all) > 0 && k < 9:
						all[rng.IntN(len(all))].way.set(false)
					case k == 9:
						if s := zk.Sessions(); len(s) > 0 {
							zk.Drop(s[rng.IntN(len(s))].ID)
						}
					}
					var told []int
					for _, o := range all {
						if n := count(o.m); n > 0 {
							told = append(told, n)
						}
					}
					if len(told) > 1 {
						together++
					}
					require.False(t, tooFew(told), "%v at one moment", told)
					// The control: those who believe in what they read last, and count from the first moment on.
					told = nil
					for _, o := range all {
						if v, _ := o.m.View(); v.Self >= 0 {
							told = append(told, len(v.Members))
						}
					}
					if tooFew(told) {
						wrong++
					}
				}
				require.Positive(t, wrong, "nothing happened that would have shown a wrong one")
				require.Greater(t, together, 300, "they hardly ever counted together")
			})
		})
	}
}

// tooFew reports whether one of those who count is told a number below that of all who do.
func tooFew(told []int) bool {
	return len(told) > 0 && slices.Min(told) < len(told)
}

// The same on a real server, with processes' own clocks.
func TestMembersOnARealServer(t *testing.T) {
	zk := ensemble.Run(t, ensemble.Config{Tick: tick})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []*shard.Members
	for range 3 {
		c, err := session.Open(ctx, session.Config{Servers: zk.Addrs(), Timeout: timeout, Tick: tick})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		m, err := shard.Join(ctx, c, dir, shard.MembersConfig{Label: "real"})
		require.NoError(t, err)
		all = append(all, m)
	}
	await := func(n int, members ...*shard.Members) {
		t.Helper()
		for _, m := range members {
			for {
				v, changed := m.View()
				if v.Counts && len(v.Members) == n {
					require.True(t, strings.Contains(v.Members[v.Self], "-member-2000-"), v.Members)
					break
				}
				select {
				case <-changed:
				case <-ctx.Done():
					t.Fatalf("never came to %d: %+v", n, v)
				}
			}
		}
	}
	await(3, all...)
	require.NoError(t, all[0].Leave(ctx))
	await(2, all[1], all[2])
	require.NoError(t, all[1].Leave(ctx))
	require.NoError(t, all[2].Leave(ctx))
}

func TestJoinFails(t *testing.T) {
	story(t, func(t *testing.T, zk *zktest.Server) {
		w := &way{zk: zk}
		c, err := session.Open(t.Context(), session.Config{Servers: []string{"10.0.0.1:2181"}, Timeout: timeout, Tick: tick, Dial: w.dial})
		require.NoError(t, err)
		defer c.Close()
		w.set(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = shard.Join(ctx, c, dir, shard.MembersConfig{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = shard.Join(t.Context(), c, "no/path", shard.MembersConfig{})
		require.Error(t, err)
	})
}

func Example() {
	server := zktest.Start(zktest.Config{Tick: 10 * time.Millisecond}) // In your program it is a ZooKeeper.
	defer server.Close()
	if err := server.Listen("127.0.0.1:0"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	ctx := context.Background()
	client, err := session.Open(ctx, session.Config{Servers: []string{server.Addr()}, Timeout: 200 * time.Millisecond})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	members, err := shard.Join(ctx, client, "/services/api", shard.MembersConfig{Label: "api-1"})
	if err != nil {
		panic(err)
	}
	for {
		view, changed := members.View()
		if view.Counts {
			break
		}
		<-changed
	}
	n, _ := members.Servers()
	fmt.Println("servers:", n)
	fmt.Println(members.Leave(ctx))
	// Output:
	// servers: 1
	// <nil>
}
