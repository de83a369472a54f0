package partition

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// errReset is what a socket says that was reset.
const errReset = syscall.ECONNRESET

// shrinkBacklog makes a listener hold as few connections that nobody accepts as the system allows.
func shrinkBacklog(t *testing.T, ln *net.TCPListener) {
	t.Helper()
	raw, err := ln.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), 0) }))
	require.NoError(t, failed)
}
