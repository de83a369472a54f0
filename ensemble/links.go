package ensemble

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/zkkit/zkkit/partition"
)

// Links between servers.
//
// Every server has the same server.N lines, in which the members are zk1, zk2, and so on, and a hosts file of its own, in which zkJ is the address where its way to
// server J begins: 127.77.I.J for server I. On J's quorum port a link of Config.Network listens there, and leads to J.
//
// The way to J's election port begins at the same address. It is a link too, as somebody must listen there, but of a network that nobody else sees: to cut it would
// cut nothing, since a server tells its peers the address at which it listens itself (QuorumCnxManager's InitialMessage), and they dial that.
// Found by measuring, with ZooKeeper 3.8.0; the property that names a hosts file is Java's, from 9 on.

// links are those of one ensemble.
type links struct {
	shown  *partition.Network // Config.Network.
	hidden *partition.Network // For the election ports.
	undo   []func() error     // What ends them.
}

func linkName(from, to int) string { return fmt.Sprintf("zk%d-zk%d", from, to) }

func linkHost(from, to int) string { return fmt.Sprintf("127.77.%d.%d", from, to) }

// Links returns the links between servers i and j, by their numbers: first the one that i dials j through, "zk1-zk2" for 1 and 2, then the one that j dials i through.
// It returns nil without Config.Network, and for numbers that are no two servers. A connection is always dialled by the follower, so that of the two links
// between a leader and a follower only one carries anything, and whoever cuts both need not care which.
func (e *Ensemble) Links(i, j int) []*partition.Link {
	if e.links == nil {
		return nil
	}
	there, ok := e.links.shown.Lookup(linkName(i, j))
	back, both := e.links.shown.Lookup(linkName(j, i))
	if !ok || !both {
		return nil
	}
	return []*partition.Link{there, back}
}

// link makes all links, to the ports as they are now. On failure none is left.
func (e *Ensemble) link(ctx context.Context) (err error) {
	if e.links == nil {
		return nil
	}
	if e.links.hidden, err = partition.New(ctx, partition.Config{Logger: e.cfg.Logger}); err != nil {
		return err
	}
	e.links.undo = append(e.links.undo, e.links.hidden.Close)
	defer func() {
		if err != nil {
			err = errors.Join(err, e.unlink())
		}
	}()
	for _, from := range e.servers {
		for _, to := range e.servers {
			if from == to {
				continue
			}
			name, host := linkName(from.number, to.number), linkHost(from.number, to.number)
			for _, l := range []struct {
				network *partition.Network
				port    int
			}{{e.links.shown, to.ports.quorum}, {e.links.hidden, to.ports.election}} {
				port := strconv.Itoa(l.port)
				if _, err := l.network.LinkOn(ctx, name, net.JoinHostPort(host, port), net.JoinHostPort(to.host, port)); err != nil {
					return linkError(host, err)
				}
				if l.network == e.links.shown {
					e.links.undo = append(e.links.undo, func() error { return l.network.Unlink(name) })
				}
			}
		}
	}
	return nil
}

// linkError says what to do about a link that could not be made.
func linkError(host string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: %w", errPortTaken, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this system has no address %s: Linux has all of 127.0.0.0/8; elsewhere each must be added, as with ifconfig lo0 alias %s: %w", ErrNoLinks, host, host, err)
	}
	return fmt.Errorf("ensemble: links between servers: %w", err)
}

// unlink removes what link made.
func (e *Ensemble) unlink() error {
	if e.links == nil {
		return nil
	}
	var errs []error
	for _, undo := range e.links.undo {
		errs = append(errs, undo())
	}
	e.links.undo = nil
	return errors.Join(errs...)
}

// peerHost is what the configuration calls a member.
func (s *Server) peerHost() string {
	if s.ensemble.links != nil {
		return s.Name()
	}
	return s.host
}

func (s *Server) hostsFile() string { return filepath.Join(s.home, "hosts") }

// hosts is what this server takes its peers' names for.
func (s *Server) hosts() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s localhost\n", loopback)
	for _, peer := range s.ensemble.servers {
		host := s.host
		if peer != s {
			host = linkHost(s.number, peer.number)
		}
		fmt.Fprintf(&b, "%s %s\n", host, peer.Name())
	}
	return b.String()
}

// CanLink tries whether this machine has the addresses that Config.Network asks for. It returns nil, or an error that wraps ErrNoLinks, in one line.
func CanLink() error {
	host := linkHost(1, 2)
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return linkError(host, err)
	}
	return l.Close()
}
