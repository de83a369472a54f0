package containers

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
)

const sessionTimeout = 4 * time.Second

func TestThreeServers(t *testing.T) {
	engine := engineFor(t)
	var id string
	var disks []string
	t.Run("up", func(t *testing.T) {
		e := Run(t, Config{Servers: 3})
		id, disks = e.id, volumes(t, engine, ensembleLabel+"="+e.id)
		require.NotEmpty(t, disks, "the images declare some")
		require.Len(t, e.Servers(), 3)
		require.Equal(t, strings.Join(e.Addrs(), ","), e.ConnectString())
		require.Regexp(t, `^3\.\d+\.\d+$`, e.Version())
		l := leader(t, e)
		for _, s := range e.Servers() {
			mode, err := s.Mode(within(t))
			require.NoError(t, err)
			if s == l {
				require.Equal(t, "leader", mode)
			} else {
				require.Equal(t, "follower", mode)
			}
			log, err := s.Log(within(t))
			require.NoError(t, err)
			require.Contains(t, log, "myid")
		}

		writer, reader := open(t, sessionTimeout, e.Addrs()[0]), open(t, sessionTimeout, e.Addrs()[2])
		_, err := writer.Create(within(t), "/written", []byte("here"), session.Persistent, nil)
		require.NoError(t, err)
		require.NoError(t, reader.Sync(within(t), "/written"))
		data, _, err := reader.Get(within(t), "/written")
		require.NoError(t, err)
		require.Equal(t, "here", string(data))

		requireLoopback(t, e)
	})
	requireNothing(t, engine, id, disks)
}

// requireLoopback fails if anybody on another machine could reach a port.
func requireLoopback(t *testing.T, e *Ensemble) {
	t.Helper()
	list, err := e.engine.ContainerList(within(t), client.ContainerListOptions{Filters: make(client.Filters).Add("label", ensembleLabel+"="+e.id)})
	require.NoError(t, err)
	require.Len(t, list.Items, 4)
	published := 0
	for _, c := range list.Items {
		for _, p := range c.Ports {
			if p.PublicPort != 0 {
				published++
				require.True(t, p.IP.IsLoopback(), "%v: %v", c.Names, p)
			}
		}
	}
	require.Equal(t, 3+1+maxLinks, published)
}

func TestPauseKillRestart(t *testing.T) {
	e := Run(t, Config{Servers: 3})
	l := leader(t, e)
	observer := open(t, sessionTimeout, other(e, l).Addr())
	_, err := observer.Create(within(t), "/kept", nil, session.Persistent, nil)
	require.NoError(t, err)

	require.NoError(t, l.Pause(within(t)))
	require.NoError(t, l.Pause(within(t)), "again")
	_, err = l.probe(within(t))
	require.Error(t, err, "a paused server answers")
	second := leader(t, e)
	require.NotSame(t, l, second)
	require.NoError(t, l.Resume(within(t)))
	require.NoError(t, l.Resume(within(t)), "again")
	requireMode(t, l, "follower")

	require.NoError(t, second.Pause(within(t)))
	require.NoError(t, second.Kill(within(t)), "one that is paused")
	require.ErrorIs(t, second.Kill(within(t)), ErrNotRunning)
	require.ErrorIs(t, second.Pause(within(t)), ErrNotRunning)
	require.ErrorIs(t, second.Resume(within(t)), ErrNotRunning)
	third := leader(t, e)
	require.NotSame(t, second, third)

	addr := second.Addr()
	require.NoError(t, second.Restart(within(t)))
	require.Equal(t, addr, second.Addr())
	requireMode(t, second, "follower")
	back := open(t, sessionTimeout, second.Addr())
	require.NoError(t, back.Sync(within(t), "/kept"))
	stat, err := back.Exists(within(t), "/kept")
	require.NoError(t, err)
	require.NotNil(t, stat)

	require.NoError(t, second.Pause(within(t)))
	require.NoError(t, second.Restart(within(t)), "one that is paused")
	requireMode(t, second, "follower")
}

// requireMode waits until a server says that it is in that mode.
func requireMode(t *testing.T, s *Server, want string) {
	t.Helper()
	var mode string
	var err error
	require.Eventually(t, func() bool {
		mode, err = s.Mode(within(t))
		return mode == want
	}, patience, probeEvery, "%s: %s, %v", s.Name(), &mode, &err)
}

// The holder's only server goes: its clients and its peers lose it. The holder knows before the others delete its node, and the others go on.
func TestFollowerDisconnected(t *testing.T) {
	e := Run(t, Config{Servers: 3})
	l := leader(t, e)
	f := other(e, l)
	rest := other(e, l, f)
	link, err := e.Link(within(t), "holder", f.Upstream()) // The engine's own forwarding would close the connection.
	require.NoError(t, err)
	observer := open(t, sessionTimeout, rest.Addr())
	lease := hold(t, open(t, sessionTimeout, link.Addr()), "/held")

	require.NoError(t, f.Disconnect(within(t), Both))
	require.NoError(t, f.Disconnect(within(t), Both), "again")
	_, err = f.probe(within(t))
	require.Error(t, err, "nobody can reach it")
	requireGone(t, observer, "/held")
	require.ErrorIs(t, lease.Err(), session.ErrLost, "it believes in what is gone")
	require.Same(t, l, leader(t, e), "a majority goes on under its leader")
	_, err = observer.Create(within(t), "/while-it-was-away", nil, session.Persistent, nil)
	require.NoError(t, err)

	require.NoError(t, f.Reconnect(within(t), Both))
	require.NoError(t, f.Reconnect(within(t), Both), "again")
	requireMode(t, f, "follower")
	back := open(t, sessionTimeout, link.Addr()) // By name: its aliases are back.
	require.NoError(t, back.Sync(within(t), "/while-it-was-away"))
	stat, err := back.Exists(within(t), "/while-it-was-away")
	require.NoError(t, err)
	require.NotNil(t, stat)
}

// The leader is cut off from its peers while clients reach it, the holder of a node among them: the others elect another one, the old one answers
// that it does not serve, and the holder knows of its loss no later than anybody can see it.
func TestLeaderIsolatedFromItsPeers(t *testing.T) {
	e := Run(t, Config{Servers: 3})
	old := leader(t, e)
	lease := hold(t, open(t, sessionTimeout, old.Addr()), "/held")
	observer := open(t, 4*sessionTimeout, other(e, old).Addr())

	require.NoError(t, old.Disconnect(within(t), Peers))
	require.Eventually(t, func() bool {
		_, err := old.Mode(within(t))
		return err != nil && strings.Contains(err.Error(), "does not serve") // It was reached, and said so.
	}, patience, probeEvery)
	young := leader(t, e)
	require.NotSame(t, old, young)
	requireGone(t, observer, "/held")
	require.ErrorIs(t, lease.Err(), session.ErrLost, "it believes in what is gone")

	require.NoError(t, old.Reconnect(within(t), Peers))
	requireMode(t, old, "follower")
	require.Same(t, young, leader(t, e))
}

// The other way round: peers keep their leader, and clients cannot reach it.
func TestLeaderIsolatedFromItsClients(t *testing.T) {
	e := Run(t, Config{Servers: 3})
	l := leader(t, e)
	open(t, sessionTimeout, l.Addr()) // A leader's first transaction is the first of its epoch.
	epoch := requireEpoch(t, l)
	require.NoError(t, l.Disconnect(within(t), Clients))
	_, err := l.probe(within(t))
	require.Error(t, err)
	observer := open(t, sessionTimeout, other(e, l).Addr())
	_, err = observer.Create(within(t), "/written", nil, session.Persistent, nil)
	require.NoError(t, err)
	require.NoError(t, l.Reconnect(within(t), Clients))
	requireMode(t, l, "leader")
	require.Equal(t, epoch, requireEpoch(t, l), "there was an election")
}

// Faults may be combined: a server that stands still, or has ended, can be disconnected and reconnected.
func TestDisconnectedWhilePausedOrKilled(t *testing.T) {
	e := Run(t, Config{})
	s := e.Servers()[0]
	require.NoError(t, s.Pause(within(t)))
	require.NoError(t, s.Disconnect(within(t), Both))
	require.NoError(t, s.Reconnect(within(t), Both))
	require.NoError(t, s.Resume(within(t)))
	requireMode(t, s, "standalone")
	require.NoError(t, s.Kill(within(t)))
	require.NoError(t, s.Disconnect(within(t), Both))
	require.NoError(t, s.Reconnect(within(t), Both))
	require.NoError(t, s.Restart(within(t)))
	requireMode(t, s, "standalone")
}
