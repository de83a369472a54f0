package scenario

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The answers to the request that counts stay where they are until the worker goes on, and nothing else does.
func TestAnswerGate(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	go func() { // It says back what it is told.
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	stopped, goOn := make(chan struct{}), make(chan struct{})
	gate := newAnswerGate(2, 50*time.Millisecond, func() { close(stopped); <-goOn })
	gate.only("lock")
	dial := func() net.Conn {
		conn, err := gate.dial(t.Context(), "tcp", ln.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	a, b := dial(), dial()
	ask := func(conn net.Conn, text string) string {
		_, err := conn.Write([]byte(text))
		require.NoError(t, err)
		answer := make([]byte, 100)
		n, err := conn.Read(answer)
		require.NoError(t, err)
		return string(answer[:n])
	}
	require.Equal(t, "lock before", ask(a, "lock before"), "it is not armed")
	gate.arm()
	require.Equal(t, "ping", ask(a, "ping"), "another request")
	require.Equal(t, "lock alone", ask(a, "lock alone"), "one that stays the only one is let through")
	gate.arm()
	gate.patience = time.Hour
	answers := make(chan string)
	go func() { answers <- ask(a, "lock") }()
	go func() { answers <- ask(b, "lock") }()
	<-stopped
	select {
	case answer := <-answers:
		require.Fail(t, "somebody has looked", answer)
	default:
	}
	close(goOn)
	require.Equal(t, "lock", <-answers)
	require.Equal(t, "lock", <-answers)
	gate.arm()
	require.Equal(t, "lock again", ask(a, "lock again"), "only the first request is held back")

	var none *answerGate
	none.arm()
	none.only("x")
	conn, err := none.dial(t.Context(), "tcp", ln.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}
