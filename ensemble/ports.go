package ensemble

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

const loopback = "127.0.0.1"

// Ports are taken from below those that systems give to outgoing connections: a client that dials its dead server again and again would get
// that server's port sooner or later, and even connect to itself.
const (
	firstPort    = 20000
	lastPort     = 32767
	portGuesses  = 1000
	portsPerHost = 3
)

// ports are those of one server. Only a member of a larger ensemble uses the last two.
type ports struct{ client, quorum, election int }

// usualPorts are for a server that has an address of its own.
var usualPorts = ports{client: 2181, quorum: 2888, election: 3888}

// freePorts returns n different ports of the loopback interface that nobody listens on now. Until a server binds one, anybody may.
func freePorts(n int) ([]int, error) {
	var free []int
	taken := map[int]bool{}
	for range portGuesses {
		if len(free) == n {
			return free, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if !taken[port] && isFree(port) {
			free = append(free, port)
		}
		taken[port] = true
	}
	return nil, errors.New("all that were tried are taken")
}

// isFree reports whether a server could bind the port now.
func isFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}
