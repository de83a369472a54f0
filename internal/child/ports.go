package child

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Loopback is the address on which servers of this process listen.
const Loopback = "127.0.0.1"

// Ports are taken from below those that systems give to outgoing connections: a client that dials its dead server again and again would get
// that server's port sooner or later, and even connect to itself.
const (
	firstPort   = 20000
	lastPort    = 32767
	portGuesses = 1000
)

// FreePorts returns n different ports of the loopback interface that nobody listens on now. Until a server binds one, anybody may.
func FreePorts(n int) ([]int, error) {
	var free []int
	taken := map[int]bool{}
	for range portGuesses {
		if len(free) == n {
			return free, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if !taken[port] && IsFree(port) {
			free = append(free, port)
		}
		taken[port] = true
	}
	return nil, errors.New("all that were tried are taken")
}

// IsFree reports whether a server could bind the port now.
func IsFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(Loopback, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}
