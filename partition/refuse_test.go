package partition

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefuse(t *testing.T) {
	_, link, s := newLink(t)
	client, srv := connect(t, link, s)
	idle, idleSrv := connect(t, link, s)

	cut := link.MustCut(t, Refuse, Both)
	for _, p := range []*peer{client, srv, idle, idleSrv} {
		require.NoError(t, p.ends(), "existing connections are closed, not reset")
	}
	for range 3 {
		_, err := net.Dial("tcp", link.Addr())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
	drained(t, link)
	traffic, _ := cut.Traffic()
	require.Equal(t, Traffic{Closed: 2}, traffic)

	cut.MustHeal(t)
	works(t, link, s)
}

// TestRefuseKeepsThePort has somebody else try to listen on the port of a link that refuses connections.
func TestRefuseKeepsThePort(t *testing.T) {
	n, link, s := newLink(t)
	addr := link.Addr()
	thief := func() error {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		return ln.Close()
	}
	for range 20 {
		cut := link.MustCut(t, Refuse, Both)
		require.ErrorIs(t, thief(), syscall.EADDRINUSE)
		cut.MustHeal(t)
		require.ErrorIs(t, thief(), syscall.EADDRINUSE)
		require.Equal(t, addr, link.Addr())
		works(t, link, s)
	}
	cut := link.MustCut(t, Refuse, Both)
	require.NoError(t, n.Close())
	require.NoError(t, thief(), "the thief succeeds where it can")
	require.NoError(t, cut.Heal(t.Context()))
}

func TestReset(t *testing.T) {
	_, link, s := newLink(t)
	client, srv := connect(t, link, s)
	idle, idleSrv := connect(t, link, s)

	cut := link.MustCut(t, Reset, Both)
	for _, p := range []*peer{client, srv, idle, idleSrv} {
		require.ErrorIs(t, p.ends(), errReset)
	}
	for range 3 {
		require.ErrorIs(t, dialUntilEnd(t, link.Addr()), errReset)
	}
	s.acceptsNothing()
	drained(t, link)
	traffic, _ := cut.Traffic()
	require.Equal(t, Traffic{Opened: 3, Closed: 5}, traffic)

	cut.MustHeal(t)
	works(t, link, s)
}

// TestHoldPort checks the holder alone: it takes the port from others, and gives it back.
func TestHoldPort(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1", "0.0.0.0", "::"} {
		t.Run(host, func(t *testing.T) {
			ln, err := listen(t.Context(), net.JoinHostPort(host, "0"))
			if err != nil {
				t.Skipf("this machine cannot listen on %s: turn IPv6 on for it to be tried (%v)", host, err)
			}
			held, err := holdPort(ln.Addr())
			require.NoError(t, err)
			require.NoError(t, ln.Close())
			_, err = net.Listen("tcp", ln.Addr().String())
			require.ErrorIs(t, err, syscall.EADDRINUSE)
			again, err := listen(t.Context(), ln.Addr().String())
			require.NoError(t, err)
			require.NoError(t, held.Close())
			require.NoError(t, again.Close())
		})
	}
	_, err := holdPort(&net.UnixAddr{Name: "x"})
	require.Error(t, err)
}
