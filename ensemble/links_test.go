package ensemble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
)

// linked starts three servers with links, where the system has the addresses for them.
func linked(t *testing.T, syncLimit time.Duration) (*Ensemble, *partition.Network) {
	t.Helper()
	if runtime.GOOS == "darwin" {
		t.Skip("only Linux has all of 127.0.0.0/8 by itself")
	}
	network := partition.Run(t, nil)
	return Run(t, Config{Servers: 3, SyncLimit: syncLimit, Network: network}), network
}

// A rawClient is a connection with a session and nothing that renews it.
type rawClient struct {
	t *testing.T
	net.Conn
}

func dialRaw(t *testing.T, s *Server) rawClient {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	raw := rawClient{t, c}
	_, err = raw.Write(handshake(20 * time.Second))
	require.NoError(t, err)
	require.NoError(t, raw.answer())
	return raw
}

// answer reads one answer.
func (c rawClient) answer() error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	length := make([]byte, 4)
	if _, err := io.ReadFull(c, length); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(length)))
	return err
}

// ping sends a ping and waits for its answer.
func (c rawClient) ping() error {
	if _, err := c.Write([]byte{0, 0, 0, 8, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 11}); err != nil { // Length, xid -2, opcode ping.
		return err
	}
	return c.answer()
}

// What a follower does that is cut off from its leader, and as a control what the same checks see when it is not.
func TestFollowerCutOffFromItsLeader(t *testing.T) {
	for _, cut := range []bool{true, false} {
		t.Run(fmt.Sprintf("cut=%v", cut), func(t *testing.T) {
			t.Parallel()
			e, network := linked(t, 5*time.Second)
			leader := awaitLeader(t, e)
			follower, other := others(e, leader)[0], others(e, leader)[1]
			t.Logf("ran on ZooKeeper %s; the leader is %s, the follower %s", e.Version(), leader.Name(), follower.Name())
			behind, beside := connect(t, follower), connect(t, leader, other)
			reader := connect(t, follower) // What behind reads waits for what it wrote.
			_, err := beside.Create(t.Context(), "/n", []byte("before"), session.Persistent, nil)
			require.NoError(t, err)
			require.NoError(t, behind.Sync(t.Context(), "/n"))
			raw := dialRaw(t, follower)

			links := e.Links(follower.Number(), leader.Number())
			require.Len(t, links, 2)
			var cuts []*partition.Cut
			if cut {
				for _, l := range links {
					cuts = append(cuts, l.MustCut(t, partition.Drop, partition.Both))
				}
			}
			// It does not know yet: to its clients all is well, except that a write is not answered.
			require.NoError(t, raw.ping())
			data, _, err := reader.Get(within(t, patience), "/n")
			require.NoError(t, err)
			require.Equal(t, "before", string(data))
			written := make(chan error, 1)
			ctx, giveUp := context.WithCancelCause(t.Context())
			defer giveUp(nil)
			go func() {
				_, err := behind.Create(ctx, "/through-the-follower", nil, session.Persistent, nil)
				written <- err
			}()
			if !cut {
				require.NoError(t, <-written)
				mode, err := follower.Mode(t.Context())
				require.NoError(t, err)
				require.Equal(t, "follower", mode)
				return
			}

			// The other two go on.
			_, err = beside.Set(within(t, patience), "/n", []byte("meanwhile"), -1)
			require.NoError(t, err)
			require.Same(t, leader, awaitLeader(t, e))
			data, _, err = reader.Get(within(t, patience), "/n")
			require.NoError(t, err)
			require.Equal(t, "before", string(data), "it does not hear of it")
			// Then it notices, and serves nobody.
			require.Eventually(t, func() bool { srvr, err := follower.ask(t.Context(), "srvr"); return err == nil && modeOf(srvr) == "" }, patience, 10*time.Millisecond)
			t.Logf("it served for %v after the cut, with a syncLimit of %v", time.Since(cuts[0].Started()).Round(time.Millisecond), e.cfg.SyncLimit)
			require.Eventually(t, func() bool { return raw.ping() != nil }, patience, 10*time.Millisecond)
			for _, c := range cuts {
				traffic, counted := c.Traffic()
				require.True(t, counted)
				require.Zero(t, traffic.ToServer.Forwarded+traffic.FromServer.Forwarded)
			}
			stat, err := beside.Exists(within(t, patience), "/through-the-follower")
			require.NoError(t, err)
			require.Nil(t, stat, "the write did not get through")
			giveUp(errors.New("enough"))
			require.Error(t, <-written)

			require.NoError(t, network.Heal(t.Context()))
			awaitFollower(t, follower)
			healed := connect(t, follower)
			data, _, err = healed.Get(t.Context(), "/n")
			require.NoError(t, err)
			require.Equal(t, "meanwhile", string(data))
			_, err = healed.Create(t.Context(), "/healed", nil, session.Persistent, nil)
			require.NoError(t, err)
		})
	}
}

func TestLinksComeAndGo(t *testing.T) {
	t.Parallel()
	e, network := linked(t, 0)
	require.Len(t, network.Links(), 6)
	l := e.Links(1, 3)
	require.Equal(t, []string{"zk1-zk3", "zk3-zk1"}, []string{l[0].Name(), l[1].Name()})
	require.Nil(t, e.Links(1, 1))
	require.Nil(t, e.Links(1, 4))
	_, err := Start(t.Context(), Config{Servers: 3, Network: network})
	require.ErrorIs(t, err, partition.ErrLinkExists)
	require.Len(t, network.Links(), 6, "those of the ensemble that has them")

	s := others(e, awaitLeader(t, e))[0]
	require.NoError(t, s.Kill())
	require.NoError(t, s.Restart(within(t, patience)), "over the same links")
	require.NoError(t, e.Stop())
	require.Empty(t, network.Links())
	require.Nil(t, e.Links(1, 2))

	require.Nil(t, Run(t, Config{Network: network}).Links(1, 1), "a single server")
	require.Empty(t, network.Links())
}

// An address that a link needs is taken, and then no system has it.
func TestLinkThatCannotBe(t *testing.T) {
	t.Parallel()
	_, err := net.Listen("tcp", "192.0.2.1:0") // An address that is nobody's.
	require.Error(t, err)
	err = linkError("127.77.1.2", err)
	require.ErrorIs(t, err, ErrNoLinks)
	require.ErrorContains(t, err, "no address 127.77.1.2")

	l, err := net.Listen("tcp", "127.77.1.2:0")
	require.NoError(t, err)
	defer l.Close()
	network := partition.Run(t, nil)
	installed(t)
	port := l.Addr().(*net.TCPAddr).Port
	e, err := start(within(t, patience), Config{Servers: 2, Network: network}, taken(port, 4)) // The quorum port of server 2.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Stop()) })
	require.NotEqual(t, port, e.servers[1].ports.quorum)
	require.Len(t, network.Links(), 2)
}
