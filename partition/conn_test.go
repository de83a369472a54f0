package partition

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPassClosesAndResets checks that a link that is not cut is like a wire: half-closes and resets come out as they went in.
func TestPassClosesAndResets(t *testing.T) {
	t.Run("half-close by the client", func(t *testing.T) {
		_, link, s := newLink(t)
		client, srv := connect(t, link, s)
		require.NoError(t, client.CloseWrite())
		require.NoError(t, srv.ends())
		srv.send("still here")
		client.hears("welcome still here")
		require.NoError(t, srv.Close())
		require.NoError(t, client.ends())
		drained(t, link)
	})
	t.Run("half-close by the server", func(t *testing.T) {
		_, link, s := newLink(t)
		client, srv := connect(t, link, s)
		require.NoError(t, srv.CloseWrite())
		require.NoError(t, client.ends())
		client.send("still here")
		srv.hears("hello still here")
		require.NoError(t, client.Close())
		require.NoError(t, srv.ends())
		drained(t, link)
	})
	t.Run("reset by the client", func(t *testing.T) {
		_, link, s := newLink(t)
		client, srv := connect(t, link, s)
		end(client.TCPConn, true)
		require.ErrorIs(t, srv.ends(), errReset)
		drained(t, link)
	})
	t.Run("reset by the server", func(t *testing.T) {
		_, link, s := newLink(t)
		client, srv := connect(t, link, s)
		end(srv.TCPConn, true)
		require.ErrorIs(t, client.ends(), errReset)
		drained(t, link)
	})
	t.Run("bytes for a server that is gone", func(t *testing.T) {
		_, link, s := newLink(t)
		client, srv := connect(t, link, s)
		require.NoError(t, srv.Close())
		require.NoError(t, client.ends())
		require.Eventually(t, func() bool { // the first byte finds out, a later one is told
			_, err := io.WriteString(client, "anybody there?")
			return err != nil
		}, patience, time.Millisecond)
		drained(t, link)
	})
	t.Run("a client that connects and goes", func(t *testing.T) {
		_, link, s := newLink(t)
		client := dial(t, link.Addr())
		require.NoError(t, client.Close())
		require.NoError(t, s.accept().Close())
		drained(t, link)
	})
}

// TestUpstreamDown checks that a client of a server that is not there is told, and that the server is found once it comes.
func TestUpstreamDown(t *testing.T) {
	s := newServer(t)
	addr := s.addr()
	require.NoError(t, s.ln.Close())
	n := Run(t, map[string]string{"link": addr})
	link := n.MustLink("link")
	require.ErrorIs(t, dialUntilEnd(t, link.Addr()), errReset)
	drained(t, link)

	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	client := dial(t, link.Addr())
	srv, err := ln.Accept()
	require.NoError(t, err)
	p := watch(t, srv)
	client.send("hello")
	p.hears("hello")
}

// TestUpstreamDownAfterJam checks the same for a client that a jam kept waiting.
func TestUpstreamDownAfterJam(t *testing.T) {
	_, link, s := newLink(t)
	cut := link.MustCut(t, Jam, Both)
	client := dial(t, link.Addr())
	client.send("early")
	offered(t, link, 5, 0)
	require.NoError(t, s.ln.Close())
	cut.MustHeal(t)
	require.ErrorIs(t, client.ends(), errReset)
	drained(t, link)
}

// deafServer listens with a full backlog and never accepts, so that further dials hang.
func deafServer(t *testing.T) (addr string) {
	t.Helper()
	ln, err := listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	shrinkBacklog(t, ln)
	for {
		c, err := net.DialTimeout("tcp", ln.Addr().String(), 200*time.Millisecond)
		if err != nil {
			return ln.Addr().String()
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}

// TestHangingUpstream checks that a server which completes no handshake blocks neither other clients, nor cuts, nor Close.
func TestHangingUpstream(t *testing.T) {
	n, err := New(t.Context(), Config{DialTimeout: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	link, err := n.Link(t.Context(), "deaf", deafServer(t))
	require.NoError(t, err)
	var clients []*peer
	for i := range 5 {
		c := dial(t, link.Addr())
		c.send(fmt.Sprint(i))
		clients = append(clients, c)
	}
	offered(t, link, 5, 0)
	for _, k := range []Kind{Jam, Drop, Jam} {
		link.MustCut(t, k, Both).MustHeal(t)
	}
	for _, c := range clients {
		require.NoError(t, c.ends(), "they lived through a drop")
	}
	last := dial(t, link.Addr())
	last.hearsNothingMore("")
	require.NoError(t, n.Close())
	_ = last.ends()
}

// TestDialTimeout checks that a client of such a server is told in the end.
func TestDialTimeout(t *testing.T) {
	n, err := New(t.Context(), Config{DialTimeout: 50 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	link, err := n.Link(t.Context(), "deaf", deafServer(t))
	require.NoError(t, err)
	require.ErrorIs(t, dialUntilEnd(t, link.Addr()), errReset)
}
