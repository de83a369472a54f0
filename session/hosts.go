package session

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// hosts hands go-zookeeper one server after the other, from a random start. It replaces that client's own provider, which resolves names once and
// for all, and which makes a client of one server sleep a second and fail every queued request on each reconnect.
type hosts struct {
	servers []string
	next    int // used by go-zookeeper's connecting goroutine only
	over    atomic.Bool
}

func newHosts(servers []string) *hosts {
	h := &hosts{servers: slices.Clone(servers)}
	rand.Shuffle(len(h.servers), func(i, j int) { h.servers[i], h.servers[j] = h.servers[j], h.servers[i] })
	return h
}

// Init is given the servers that Connect was given, which are ours already.
func (h *hosts) Init([]string) error { return nil }

// Len returns the number of servers.
func (h *hosts) Len() int { return len(h.servers) }

// Next returns the next server. The second result makes go-zookeeper fail what is queued and look whether it was closed: it is
// given when the session is over, and only then.
func (h *hosts) Next() (string, bool) {
	s := h.servers[h.next%len(h.servers)]
	h.next++
	return s, h.over.Load()
}

// Connected is of no interest: the wire knows better.
func (h *hosts) Connected() {}
