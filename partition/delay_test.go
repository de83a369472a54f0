package partition_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/partition"
)

// What goes over a link that is far away takes that long each way.
func TestDelay(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	const delay = 40 * time.Millisecond
	n, err := partition.New(t.Context(), partition.Config{Delay: delay})
	require.NoError(t, err)
	defer n.Close()
	link, err := n.Link(t.Context(), "far", server.Addr().String())
	require.NoError(t, err)
	c, err := net.Dial("tcp", link.Addr())
	require.NoError(t, err)
	defer c.Close()
	answers := bufio.NewReader(c)
	for range 2 {
		began := time.Now()
		for i := range 20 {
			_, err = fmt.Fprintln(c, i)
			require.NoError(t, err)
		}
		for range 20 {
			_, err = answers.ReadString('\n')
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, time.Since(began), 2*delay)
	}

	cut := link.MustCut(t, partition.Drop, partition.Both)
	_, err = fmt.Fprintln(c, "lost")
	require.NoError(t, err)
	time.Sleep(3 * delay)
	traffic, ok := cut.Traffic()
	require.True(t, ok)
	require.Zero(t, traffic.ToServer.Forwarded, "nothing crosses a cut, not even what was under way")
	cut.MustHeal(t)

	for _, cfg := range []partition.Config{{Delay: -delay}, {Delay: time.Microsecond}, {Delay: delay, API: "http://127.0.0.1:1"}} {
		_, err := partition.New(t.Context(), cfg)
		require.ErrorIs(t, err, partition.ErrBadLink)
	}
}
