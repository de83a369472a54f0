//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package partition

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// A link that refuses connections must not listen, but must not lose its port either: ephemeral ports are handed out again quickly. So
// a second socket is bound to the address, and never listens, before the listener is closed. Both need SO_REUSEPORT for that; anybody
// else who wants the port does not share it and fails with EADDRINUSE.

// reusePort is SO_REUSEPORT, which package syscall lacks for the oldest Linux architectures.
func reusePort() int {
	if runtime.GOOS == "linux" && !strings.HasPrefix(runtime.GOARCH, "mips") {
		return 0xf
	}
	return 0x200
}

// sharePort prepares a listener's socket for a holdPort beside it.
func sharePort(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, reusePort(), 1))
	})
	if err != nil {
		return err
	}
	return failed
}

// holdPort binds a socket to an address that a listener of [listen] has, and holds it until it is closed.
func holdPort(address net.Addr) (io.Closer, error) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("partition: %s is no TCP address", address)
	}
	family, bound := syscall.AF_INET6, syscall.Sockaddr(&syscall.SockaddrInet6{Port: tcp.Port, Addr: [16]byte(tcp.IP.To16())})
	if v4 := tcp.IP.To4(); v4 != nil {
		family, bound = syscall.AF_INET, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(v4)}
	}
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	held := os.NewFile(uintptr(fd), "held port "+address.String())
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, reusePort(), 1); err != nil {
		_ = held.Close()
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, bound); err != nil {
		_ = held.Close()
		return nil, os.NewSyscallError("bind", err)
	}
	return held, nil
}
