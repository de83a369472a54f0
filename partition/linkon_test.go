package partition

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLinkOn(t *testing.T) {
	n := Run(t, nil)
	free, err := n.Link(t.Context(), "free", "127.0.0.1:1")
	require.NoError(t, err)
	at := free.Addr()
	_, err = n.LinkOn(t.Context(), "taken", at, "127.0.0.1:1")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = n.LinkOn(t.Context(), "nobody's", "192.0.2.1:9", "127.0.0.1:1")
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
	for _, bad := range []string{"", "127.0.0.1", "127.0.0.1:0", ":9"} {
		_, err = n.LinkOn(t.Context(), "bad", bad, "127.0.0.1:1")
		require.ErrorIs(t, err, ErrBadLink, bad)
		require.ErrorContains(t, err, "listen on")
	}
	_, left := n.Lookup("taken")
	require.False(t, left)

	free.MustCut(t, Refuse, Both)
	require.NoError(t, n.Unlink("free"))
	require.NoError(t, n.Unlink("free"), "what is not there can be unlinked")
	_, left = n.Lookup("free")
	require.False(t, left)
	_, err = net.Dial("tcp", at)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = free.Cut(t.Context(), Drop, Both)
	require.ErrorIs(t, err, ErrClosed)

	again, err := n.LinkOn(t.Context(), "free", at, "127.0.0.1:1")
	require.NoError(t, err)
	require.Equal(t, at, again.Addr())
	require.NoError(t, n.Close())
	require.NoError(t, n.Unlink("free"), "nor is a closed network an error")
}
