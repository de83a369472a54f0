package ensemble

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cuttable is a fabric with sites of these names, behind an ensemble without servers.
func cuttable(t *testing.T, names ...string) (*Ensemble, []*Site) {
	t.Helper()
	namespaces(t)
	f, err := newFabric(t.Context())
	require.NoError(t, err)
	t.Cleanup(f.close)
	e := &Ensemble{fabric: f}
	var sites []*Site
	for _, name := range names {
		s, err := e.Client(t.Context(), name)
		require.NoError(t, err)
		sites = append(sites, s)
	}
	return e, sites
}

// reach says what becomes of a dial to a port on which nobody listens: it is refused, or lost.
func reach(t *testing.T, from, to *Site) error {
	t.Helper()
	c, err := from.DialContext(within(t, 300*time.Millisecond), "tcp", netip.AddrPortFrom(to.Addr(), 9).String())
	if err == nil {
		c.Close()
	}
	return err
}

func requireReaches(t *testing.T, from, to *Site) {
	t.Helper()
	require.Eventually(t, func() bool { return errors.Is(reach(t, from, to), syscall.ECONNREFUSED) }, patience, time.Millisecond, "%s does not reach %s", from.Name(), to.Name())
}

// requireLost fails the test unless a SYN hears nothing.
func requireLost(t *testing.T, from, to *Site) {
	t.Helper()
	err := reach(t, from, to)
	timeout, ok := errors.AsType[net.Error](err)
	require.True(t, ok && timeout.Timeout(), "%s to %s: %v", from.Name(), to.Name(), err)
}

func TestCutLosesSYNs(t *testing.T) {
	t.Parallel()
	e, sites := cuttable(t, "a", "b", "c")
	a, b, c, here := sites[0], sites[1], sites[2], e.Here()
	all := []*Site{a, b, c, here}
	everybodyReaches := func() {
		for _, from := range all {
			for _, to := range all {
				if from != to {
					requireReaches(t, from, to)
				}
			}
		}
	}
	everybodyReaches()

	require.NoError(t, e.Cut(t.Context(), []*Site{a}, []*Site{b, here}))
	requireLost(t, a, b)
	requireLost(t, b, a)
	requireLost(t, a, here)
	requireLost(t, here, a)
	requireReaches(t, a, c)
	requireReaches(t, c, a)
	requireReaches(t, b, here)
	require.NoError(t, e.Cut(t.Context(), []*Site{b}, []*Site{a, c}), "one of them is cut already")
	requireLost(t, b, c)
	requireLost(t, a, b)
	require.NoError(t, e.Heal(t.Context()))
	everybodyReaches()
	require.NoError(t, e.Heal(t.Context()), "healing twice is fine")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("changed my mind"))
	require.ErrorContains(t, e.Cut(ctx, []*Site{a}, []*Site{b}), "changed my mind")
	everybodyReaches()

	// The second of two rules is none: the first is undone.
	require.ErrorContains(t, e.fabric.cut(t.Context(), []rule{{a.Addr(), b.Addr()}, {a.Addr(), netip.Addr{}}}), "ip: ")
	everybodyReaches()
	require.NoError(t, e.Cut(t.Context(), []*Site{a}, []*Site{b}))
	requireLost(t, a, b)
}

// A connection that exists carries nothing that was written after the cut, and all of it after the heal.
func TestCutHoldsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	e, sites := cuttable(t, "a", "b")
	var ln net.Listener
	require.NoError(t, sites[1].Do(func() (err error) {
		ln, err = net.Listen("tcp", netip.AddrPortFrom(sites[1].Addr(), 0).String())
		return err
	}))
	defer ln.Close()
	out, err := sites[0].DialContext(within(t, patience), "tcp", ln.Addr().String())
	require.NoError(t, err)
	in, err := ln.Accept()
	require.NoError(t, err)

	var sent, got atomic.Uint64 // Numbers: before each is written, and after each is read.
	done := make(chan error, 2)
	go func() {
		for n := uint64(1); ; n++ {
			sent.Store(n)
			if err := binary.Write(out, binary.BigEndian, n); err != nil {
				done <- err
				return
			}
		}
	}()
	go func() {
		var n uint64
		for {
			if err := binary.Read(in, binary.BigEndian, &n); err != nil {
				done <- err
				return
			}
			got.Store(n)
		}
	}()
	passes := func(mark uint64) {
		require.Eventually(t, func() bool { return got.Load() > mark }, patience, time.Millisecond)
	}
	for range 5 {
		passes(sent.Load()) // The control: what is written now arrives.
		require.NoError(t, e.Cut(t.Context(), sites[:1], sites[1:]))
		mark := sent.Load()
		time.Sleep(50 * time.Millisecond) // For what must not happen there is no event to wait for.
		require.LessOrEqual(t, got.Load(), mark)
		require.NoError(t, e.Heal(t.Context()))
	}
	passes(sent.Load())
	out.Close()
	in.Close()
	<-done
	<-done
}

func TestCutOneWay(t *testing.T) {
	t.Parallel()
	e, sites := cuttable(t, "a", "b")
	listen := func(s *Site) (c net.PacketConn) {
		require.NoError(t, s.Do(func() (err error) {
			c, err = net.ListenPacket("udp", netip.AddrPortFrom(s.Addr(), 0).String())
			return err
		}))
		t.Cleanup(func() { c.Close() })
		return c
	}
	a, b := listen(sites[0]), listen(sites[1])
	// arrives sends one datagram after the other until one is received, at most for that long.
	arrives := func(from, to net.PacketConn, patience time.Duration) bool {
		buffer := make([]byte, 16)
		for end := time.Now().Add(patience); time.Now().Before(end); {
			_, err := from.WriteTo([]byte("hello"), to.LocalAddr())
			require.NoError(t, err)
			require.NoError(t, to.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
			if n, _, err := to.ReadFrom(buffer); err == nil {
				require.Equal(t, "hello", string(buffer[:n]))
				return true
			}
		}
		return false
	}
	require.True(t, arrives(a, b, patience))
	require.True(t, arrives(b, a, patience))
	require.NoError(t, e.CutOneWay(t.Context(), sites[:1], sites[1:]))
	require.NoError(t, b.SetReadDeadline(time.Now().Add(100*time.Millisecond))) // Drain what was sent before.
	for buffer := make([]byte, 16); ; {
		if _, _, err := b.ReadFrom(buffer); err != nil {
			break
		}
	}
	require.False(t, arrives(a, b, 200*time.Millisecond))
	require.True(t, arrives(b, a, patience))
	require.NoError(t, e.Heal(t.Context()))
	require.True(t, arrives(a, b, patience))
}

// A process that is started at a site is there.
func TestSiteDo(t *testing.T) {
	t.Parallel()
	_, sites := cuttable(t, "a")
	before, err := net.Interfaces()
	require.NoError(t, err)
	boom := errors.New("boom")
	require.ErrorIs(t, sites[0].Do(func() error {
		list, err := net.Interfaces()
		if err != nil {
			return err
		}
		if len(list) != 2 {
			return io.ErrUnexpectedEOF
		}
		return boom
	}), boom)
	after, err := net.Interfaces()
	require.NoError(t, err)
	require.Len(t, after, len(before))
}
