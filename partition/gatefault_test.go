package partition

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cuts reports whether the direction cuts the stream.
func cuts(d Direction, stream int) bool { return d.modes(modeJam)[stream] != modePass }

// gateFaults runs a test for the two faults that a gate makes, in every direction.
func gateFaults(t *testing.T, test func(t *testing.T, kind Kind, d Direction)) {
	t.Helper()
	for _, kind := range []Kind{Drop, Jam} {
		for _, d := range Directions() {
			t.Run(kind.String()+" "+d.String(), func(t *testing.T) { test(t, kind, d) })
		}
	}
}

// TestGateFaultBytes follows bytes on a connection that exists: what is cut does not arrive, what is not cut does; afterwards jammed
// bytes arrive in order before later ones, dropped ones never, and their connection is closed.
func TestGateFaultBytes(t *testing.T) {
	gateFaults(t, func(t *testing.T, kind Kind, d Direction) {
		_, link, s := newLink(t)
		client, srv := connect(t, link, s)

		cut := link.MustCut(t, kind, d)
		client.send("up ")
		srv.send("down ")
		offered(t, link, 9, 13)
		wantServer, wantClient := "hello up ", "welcome down "
		if cuts(d, toServer) {
			wantServer = "hello "
		}
		if cuts(d, fromServer) {
			wantClient = "welcome "
		}
		srv.hears(wantServer)
		client.hears(wantClient)
		srv.hearsNothingMore(wantServer)
		client.hearsNothingMore(wantClient)

		traffic, ok := cut.Traffic()
		require.True(t, ok)
		want := Traffic{ToServer: Flow{3, 3}, FromServer: Flow{5, 5}}
		if cuts(d, toServer) {
			want.ToServer.Forwarded = 0
		}
		if cuts(d, fromServer) {
			want.FromServer.Forwarded = 0
		}
		require.Equal(t, want, traffic)

		cut.MustHeal(t)
		if kind == Drop {
			require.NoError(t, client.ends())
			require.NoError(t, srv.ends())
			require.Equal(t, wantServer, srv.heard())
			require.Equal(t, wantClient, client.heard())
		} else {
			client.send("later")
			srv.send("later")
			srv.hears("hello up later")
			client.hears("welcome down later")
		}
		after, _ := cut.Traffic()
		require.Equal(t, want, after, "the record of a cut ends when its healing begins")
		works(t, link, s)
	})
}

// TestGateFaultCloses follows closes: across a cut direction they do not come; a jam delivers them late, behind the bytes.
func TestGateFaultCloses(t *testing.T) {
	gateFaults(t, func(t *testing.T, kind Kind, d Direction) {
		_, link, s := newLink(t)
		client, srv := connect(t, link, s)

		cut := link.MustCut(t, kind, d)
		client.send("up")
		srv.send("down")
		require.NoError(t, client.CloseWrite())
		require.NoError(t, srv.CloseWrite())
		offered(t, link, 8, 12)
		for stream, hearer := range []*peer{toServer: srv, fromServer: client} {
			if cuts(d, stream) {
				hearer.hearsNothingMore([]string{"hello ", "welcome "}[stream])
			} else {
				require.NoError(t, hearer.ends())
			}
		}
		n, _ := link.Connections()
		require.Equal(t, 1, n)

		cut.MustHeal(t)
		require.NoError(t, client.ends())
		require.NoError(t, srv.ends())
		if kind == Jam {
			require.Equal(t, "hello up", srv.heard())
			require.Equal(t, "welcome down", client.heard())
		}
		drained(t, link)
	})
}

// TestGateFaultResets follows a reset, which must cross no cut either.
func TestGateFaultResets(t *testing.T) {
	gateFaults(t, func(t *testing.T, kind Kind, d Direction) {
		_, link, s := newLink(t)
		client, srv := connect(t, link, s)
		cut := link.MustCut(t, kind, d)
		end(client.TCPConn, true)
		if cuts(d, toServer) {
			srv.hearsNothingMore("hello ")
			srv.send("anybody there? ") // the proxy cannot hand this on: that, too, stays its secret
			srv.hearsNothingMore("hello ")
		} else {
			require.ErrorIs(t, srv.ends(), errReset)
		}
		cut.MustHeal(t)
		if err := srv.ends(); kind == Jam {
			require.ErrorIs(t, err, errReset)
		}
		drained(t, link)
	})
}

// TestGateFaultNewConnections follows connections made during a cut.
func TestGateFaultNewConnections(t *testing.T) {
	gateFaults(t, func(t *testing.T, kind Kind, d Direction) {
		_, link, s := newLink(t)
		cut := link.MustCut(t, kind, d)
		talker, silent, gone := dial(t, link.Addr()), dial(t, link.Addr()), dial(t, link.Addr())
		talker.send("early ")
		gone.send("bye")
		require.NoError(t, gone.CloseWrite())
		offered(t, link, 9, 0)
		s.acceptsNothing()
		talker.hearsNothingMore("")
		silent.hearsNothingMore("")
		gone.hearsNothingMore("")
		traffic, _ := cut.Traffic()
		require.Equal(t, Traffic{ToServer: Flow{Offered: 9}, Opened: 3}, traffic)

		cut.MustHeal(t)
		if kind == Drop {
			for _, p := range []*peer{talker, silent, gone} {
				require.NoError(t, p.ends())
				require.Empty(t, p.heard())
			}
			s.acceptsNothing()
			works(t, link, s)
			return
		}
		talker.send("late")
		silent.send("at last")
		want := map[string]bool{"early late": true, "at last": true, "bye": true}
		for range 3 {
			srv := s.accept()
			require.Eventually(t, func() bool { return want[srv.heard()] }, patience, time.Millisecond)
			delete(want, srv.heard())
			srv.send("answer")
			require.NoError(t, srv.CloseWrite())
		}
		for _, p := range []*peer{talker, silent, gone} {
			require.NoError(t, p.ends())
			require.Equal(t, "answer", p.heard())
		}
	})
}

// TestDropIsOverForWhoLivedThroughIt checks that the server never hears of connections that were made during a drop, also not for a moment when that heals.
func TestDropIsOverForWhoLivedThroughIt(t *testing.T) {
	_, link, s := newLink(t)
	connections := func(want int) {
		require.Eventually(t, func() bool {
			n, _ := link.Connections()
			return n == want
		}, patience, time.Millisecond)
	}
	for range 20 {
		cut := link.MustCut(t, Drop, Both)
		c := watch(t, dialRaw(t, link.Addr()))
		connections(1)
		cut.MustHeal(t)
		require.NoError(t, c.ends())
		connections(0)
	}
	s.acceptsNothing()
}

// TestGateFaultMany cuts and heals a hundred connections at once.
func TestGateFaultMany(t *testing.T) {
	gateFaults(t, func(t *testing.T, kind Kind, d Direction) {
		_, link, s := newLink(t)
		const many = 100
		var clients, servers []*peer
		for range many {
			client, srv := connect(t, link, s)
			clients, servers = append(clients, client), append(servers, srv)
		}
		cut := link.MustCut(t, kind, d)
		n, _ := link.Connections()
		require.Equal(t, many, n)
		for i := range many {
			clients[i].send("up")
			servers[i].send("down")
		}
		offered(t, link, 8*many, 12*many)
		traffic, _ := cut.Traffic()
		if cuts(d, toServer) {
			require.Zero(t, traffic.ToServer.Forwarded)
		}
		if cuts(d, fromServer) {
			require.Zero(t, traffic.FromServer.Forwarded)
		}
		cut.MustHeal(t)
		for i := range many {
			if kind == Drop {
				require.NoError(t, clients[i].ends())
				require.NoError(t, servers[i].ends())
			} else {
				servers[i].hears("hello up")
				clients[i].hears("welcome down")
			}
		}
		if kind == Drop {
			drained(t, link)
		}
		works(t, link, s)
	})
}
