package partition

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// flood makes a connection that is written and read at both ends as fast as it goes, until it ends.
func flood(t *testing.T, l *Link, s *server) {
	t.Helper()
	client := dialRaw(t, l.Addr())
	srv := s.acceptRaw()
	var wg sync.WaitGroup
	for _, c := range []net.Conn{client, srv} {
		wg.Go(func() {
			b := pattern(64 << 10)
			for {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		})
		wg.Go(func() {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		})
	}
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { _, _ = client.Close(), srv.Close() })
}

// stuck makes a connection that is written at both ends and read at neither, so that the proxy's writes block.
func stuck(t *testing.T, l *Link, s *server) (client, srv *peer) {
	t.Helper()
	client, srv = mute(t, dialRaw(t, l.Addr())), mute(t, s.acceptRaw())
	var wg sync.WaitGroup
	for _, c := range []*peer{client, srv} {
		wg.Go(func() {
			b := pattern(64 << 10)
			for {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		})
	}
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { _, _ = client.Close(), srv.Close() })
	return client, srv
}

// still waits until nothing is forwarded any more because the peers are stuck.
func still(t *testing.T, l *Link) {
	t.Helper()
	before, _ := l.Traffic()
	require.Eventually(t, func() bool {
		now, _ := l.Traffic()
		same := now == before && now.ToServer.Forwarded > 0 && now.FromServer.Forwarded > 0
		before = now
		return same
	}, patience, 50*time.Millisecond)
}

// TestCutIsComplete checks, under full load both ways, that not one byte crosses what is cut once Cut has returned.
func TestCutIsComplete(t *testing.T) {
	gateFaults(t, func(t *testing.T, kind Kind, d Direction) {
		_, link, s := newLink(t)
		for i := range 25 {
			if i == 0 || kind == Drop { // a drop ends its connections
				flood(t, link, s)
				flood(t, link, s)
			}
			moving, _ := link.Traffic()
			require.Eventually(t, func() bool {
				now, _ := link.Traffic()
				return now.ToServer.Forwarded > moving.ToServer.Forwarded && now.FromServer.Forwarded > moving.FromServer.Forwarded
			}, patience, time.Millisecond)

			cut := link.MustCut(t, kind, d)
			select { // i is a phase: some cuts are shorter than a chunk takes, some longer
			case <-time.After(time.Duration(i%5) * time.Millisecond):
			case <-t.Context().Done():
			}
			now, _ := cut.Traffic()
			cut.MustHeal(t)
			after, _ := cut.Traffic()
			for _, traffic := range []Traffic{now, after} {
				for stream, flow := range []Flow{toServer: traffic.ToServer, fromServer: traffic.FromServer} {
					if cuts(d, stream) {
						require.Zero(t, flow.Forwarded)
					}
				}
			}
		}
	})
}

// TestCutStopsBlockedWrites cuts a link whose writes are blocked by peers that do not read; then they read, and must get no more than what
// the kernel had before the cut. After a jam they get the rest, unbroken.
func TestCutStopsBlockedWrites(t *testing.T) {
	gateFaults(t, func(t *testing.T, kind Kind, d Direction) {
		_, link, s := newLink(t)
		client, srv := stuck(t, link, s)
		still(t, link)
		cut := link.MustCut(t, kind, d)
		before, _ := link.Traffic()
		var wg sync.WaitGroup
		got := make([]int64, 2)
		for i, p := range []*peer{toServer: srv, fromServer: client} {
			wg.Go(func() {
				b := make([]byte, 16)
				for {
					n, err := io.ReadFull(p, b)
					got[i] += int64(n)
					if err != nil {
						return
					}
					if string(b) != string(pattern(16)) {
						t.Errorf("stream %d is broken after %d bytes: %q", i, got[i], b)
						return
					}
				}
			})
		}
		require.Eventually(t, func() bool {
			now, _ := cut.Traffic()
			return d == Both || now.ToServer.Forwarded+now.FromServer.Forwarded > 1<<20
		}, patience, time.Millisecond)
		<-time.After(aWhile)
		now, _ := cut.Traffic()
		for stream, flow := range []Flow{toServer: now.ToServer, fromServer: now.FromServer} {
			if cuts(d, stream) {
				require.Zero(t, flow.Forwarded)
			}
		}
		cut.MustHeal(t)
		if kind == Jam {
			require.Eventually(t, func() bool {
				now, _ := link.Traffic()
				return now.ToServer.Forwarded > before.ToServer.Forwarded+1<<20 && now.FromServer.Forwarded > before.FromServer.Forwarded+1<<20
			}, patience, time.Millisecond)
		}
		_, _ = client.Close(), srv.Close()
		wg.Wait()
		if kind == Drop {
			for stream, flow := range []Flow{toServer: before.ToServer, fromServer: before.FromServer} {
				if cuts(d, stream) {
					require.LessOrEqual(t, got[stream], flow.Forwarded)
				}
			}
		}
	})
}

// TestGateSettles looks at the wire alone: when its gate has returned, a write that was blocked before is over.
func TestGateSettles(t *testing.T) {
	_, link, s := newLink(t)
	client, srv := stuck(t, link, s)
	still(t, link)
	l, ok := link.wire.(*local)
	require.True(t, ok)
	require.NoError(t, l.gate(t.Context(), Both.modes(modeJam)))
	before := l.count.read()
	for _, p := range []*peer{client, srv} { // empty what the kernel had
		require.NoError(t, p.SetReadDeadline(time.Now().Add(10*aWhile)))
		_, err := io.Copy(io.Discard, p)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	after := l.count.read()
	require.Equal(t, before.ToServer.Forwarded, after.ToServer.Forwarded)
	require.Equal(t, before.FromServer.Forwarded, after.FromServer.Forwarded)
}

// TestJamIsBounded checks that a jam takes in no more than its fill, and that a sender feels it.
func TestJamIsBounded(t *testing.T) {
	_, link, s := newLink(t)
	cut := link.MustCut(t, Jam, ToServer)
	client := dialRaw(t, link.Addr())
	sent := make(chan int64)
	go func() {
		n, _ := io.Copy(client, io.LimitReader(endless{}, 32<<20))
		_ = client.Close()
		sent <- n
	}()
	offered(t, link, gateHolds, 0)
	<-time.After(aWhile)
	traffic, _ := link.Traffic()
	require.Less(t, traffic.ToServer.Offered, int64(2*gateHolds))
	cut.MustHeal(t)
	n, err := io.Copy(io.Discard, s.acceptRaw())
	require.NoError(t, err)
	require.EqualValues(t, 32<<20, n)
	require.Equal(t, n, <-sent)
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestBothDirectionsChangeAtOnce has many look at a valve while it turns: nobody may see one direction cut and the other not.
func TestBothDirectionsChangeAtOnce(t *testing.T) {
	var v valve
	var wg sync.WaitGroup
	var looks atomic.Int64
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				for range 100 {
					ph := v.now()
					if ph.modes[toServer] != ph.modes[fromServer] || ph.drops[toServer] != ph.drops[fromServer] {
						t.Error("half a cut")
						return
					}
				}
				looks.Add(100)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	var turns uint64
	for looks.Load() < 2_000_000 && !t.Failed() {
		v.set(Both.modes(modeDrop))
		v.set(Both.modes(modePass))
		turns++
	}
	close(stop)
	wg.Wait()
	require.Equal(t, turns, v.now().drops[toServer])
}

// TestNothingLeaks runs every fault over connections of all sorts and closes in every state; nothing may remain.
func TestNothingLeaks(t *testing.T) {
	for _, kind := range append(Kinds(), 0) { // 0: closed without a cut
		t.Run(kind.String(), func(t *testing.T) {
			ignore := goleak.IgnoreCurrent()
			for _, healed := range []bool{true, false} {
				t.Run(map[bool]string{true: "healed", false: "closed while cut"}[healed], func(t *testing.T) {
					s, down := newServer(t), newServer(t)
					require.NoError(t, down.ln.Close())
					n := Run(t, map[string]string{"link": s.addr(), "deaf": deafServer(t), "down": down.addr()})
					link := n.MustLink("link")
					for range 3 {
						flood(t, link, s)
						stuck(t, link, s)
						dialAnyhow(t, n.MustLink("deaf"))
						dialAnyhow(t, n.MustLink("down"))
						for _, l := range n.Links() {
							if kind == 0 {
								continue
							}
							l.MustCut(t, kind, Both)
							dialAnyhow(t, l)
						}
						if !healed {
							break
						}
						require.NoError(t, n.Heal(t.Context()))
					}
					require.NoError(t, n.Close())
				})
			}
			goleak.VerifyNone(t, ignore)
		})
	}
}

// dialAnyhow leaves a connection open, if it can be made.
func dialAnyhow(t *testing.T, l *Link) {
	t.Helper()
	if c, err := net.DialTimeout("tcp", l.Addr(), patience); err == nil {
		watch(t, c)
	}
}
