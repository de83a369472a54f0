package main

import (
	"bufio"
	"context"
	"io"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
)

// A node with a time to live is had where it was asked for, and is refused elsewhere, as by a ZooKeeper.
func TestServerExtendedTypes(t *testing.T) {
	for _, extended := range []bool{false, true} {
		ctx, interrupt := context.WithCancelCause(t.Context())
		out, in := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			ended <- runServer(ctx, &console{out: in, err: io.Discard}, &serverOptions{listen: "127.0.0.1:0", tick: time.Second, extended: extended})
		}()
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())
		conn, _, err := zk.Connect([]string{lines.Text()}, 10*time.Second, zk.WithLogInfo(false))
		require.NoError(t, err)
		_, err = conn.CreateTTL("/short", nil, zk.FlagTTL, zk.WorldACL(zk.PermAll), time.Minute)
		conn.Close()
		if extended {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "-6") // unimplemented, for which go-zookeeper has no name
		}
		interrupt(errInterrupted)
		require.ErrorIs(t, <-ended, errInterrupted)
	}
}
