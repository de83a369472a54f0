package containers

import (
	"bufio"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
)

// Every fault that a link has, through the container, with the gate and with what a stock Toxiproxy has: the holder knows in time, the node goes,
// and after the heal the link carries a new session. Both images are made by docker/build, the second from Toxiproxy's own command.
func TestLinksThroughToxiproxy(t *testing.T) {
	for name, image := range map[string]string{"gate": "zkkit/toxiproxy:latest", "stock": "zkkit/toxiproxy-stock:latest"} {
		t.Run(name, func(t *testing.T) {
			e := Run(t, Config{ToxiproxyImage: image, NoPull: true})
			caveats := strings.Join(e.Network().Caveats(), " ")
			require.Equal(t, name == "stock", strings.Contains(caveats, "Without the gate"), "this is another image")
			observer := open(t, sessionTimeout, e.Addrs()[0])
			for _, kind := range []partition.Kind{partition.Drop, partition.Jam, partition.Refuse, partition.Reset} {
				t.Run(kind.String(), func(t *testing.T) {
					t.Parallel()
					link, err := e.Link(within(t), "holder-"+kind.String(), e.Servers()[0].Upstream())
					require.NoError(t, err)
					lease := hold(t, open(t, sessionTimeout, link.Addr()), "/"+kind.String())
					cut := link.MustCut(t, kind, partition.Both)
					requireGone(t, observer, lease.Path())
					require.ErrorIs(t, lease.Err(), session.ErrLost, "it believes in what is gone")
					cut.MustHeal(t)
					open(t, sessionTimeout, link.Addr())
				})
			}
		})
	}
}

func TestLinkBadInput(t *testing.T) {
	e := Run(t, Config{})
	for name, upstream := range map[string]string{"": "zk1:2181", "a/b": "zk1:2181", "no-port": "zk1", "no-host": ":2181", "bad-port": "zk1:0", "long-port": "zk1:99999"} {
		_, err := e.Link(within(t), name, upstream)
		require.ErrorIs(t, err, partition.ErrBadLink, "%q %q", name, upstream)
	}
	_, err := e.Link(within(t), "twice", "zk1:2181")
	require.NoError(t, err)
	_, err = e.Link(within(t), "twice", "zk1:2181")
	require.ErrorIs(t, err, partition.ErrLinkExists)
	for i := 1; i < maxLinks; i++ {
		l, err := e.Link(within(t), "link-"+strconv.Itoa(i), "zk1:2181")
		require.NoError(t, err)
		inside, ok := e.LinkInside(l)
		require.True(t, ok)
		require.Equal(t, net.JoinHostPort("toxiproxy", strconv.Itoa(firstLinkPort+i)), inside)
	}
	_, err = e.Link(within(t), "one-too-many", "zk1:2181")
	require.ErrorIs(t, err, ErrNoLinks)
}

// A server that is disconnected swallows what is sent to it: no reset, no close. The control is the server before.
func TestDisconnectLosesPackets(t *testing.T) {
	e := Run(t, Config{})
	s := e.Servers()[0]
	link, err := e.Link(within(t), "client", s.Upstream())
	require.NoError(t, err)
	ask := func(timeout time.Duration) (string, error) {
		c, err := net.Dial("tcp", link.Addr())
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.SetDeadline(time.Now().Add(timeout)))
		_, _ = io.WriteString(c, "ruok")
		return bufio.NewReader(c).ReadString('k')
	}
	answer, err := ask(patience)
	require.NoError(t, err)
	require.Equal(t, "imok", answer)
	old, err := net.Dial("tcp", link.Addr())
	require.NoError(t, err)
	defer old.Close()

	require.NoError(t, s.Disconnect(within(t), Clients))
	_, err = io.WriteString(old, "ruok")
	require.NoError(t, err)
	require.NoError(t, old.SetDeadline(time.Now().Add(3*time.Second)))
	_, err = old.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "an old connection")
	require.NoError(t, s.Reconnect(within(t), Clients))
	require.Eventually(t, func() bool { answer, err := ask(3 * time.Second); return err == nil && answer == "imok" }, patience, probeEvery)
}

// requireEpoch returns the number of the election that a server's last transaction comes from.
func requireEpoch(t *testing.T, s *Server) uint64 {
	t.Helper()
	srvr, err := ensemble.FourLetter(within(t), s.Addr(), "srvr")
	require.NoError(t, err)
	_, rest, found := strings.Cut(srvr, "Zxid: ")
	require.True(t, found, srvr)
	zxid, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseUint(strings.TrimSpace(zxid), 0, 64)
	require.NoError(t, err)
	return n >> 32
}
