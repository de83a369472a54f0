// Package partition breaks and heals the network between named clients and servers, and records what happened when. Each link between a
// client and a server is a proxy of Toxiproxy, in this process or elsewhere; the client dials the link's address instead of the server's.
//
//	func TestHolderLosesTheLock(t *testing.T) {
//		net := partition.Run(t, map[string]string{"holder-zk": "127.0.0.1:2181"})
//		link := net.MustLink("holder-zk")
//		hold := acquire(t, link.Addr())
//		cut := link.MustCut(t, partition.Drop, partition.Both)
//		<-hold.Done()
//		cut.MustHeal(t)
//		traffic, _ := cut.Traffic()
//		require.Zero(t, traffic.ToServer.Forwarded)
//	}
//
// # Faults
//
//	kind    a connection that exists           a new connection                     on heal
//	drop    bytes and closes are lost          is made, and hears nothing           all that lived through it are closed
//	jam     bytes and closes are held          is made, and hears nothing           held bytes arrive, then held closes
//	refuse  is closed, on both sides           ECONNREFUSED; the port stays taken   the link listens again
//	reset   is reset (RST), on both sides      is made and reset at once            new connections work
//
// A drop is a partition that outlives the connection, as when a firewall has forgotten it meanwhile. A jam is a partition that TCP
// outlives by retransmitting: only a jam makes the late write that fencing tokens are for. Both can be one-way ([ToServer], [FromServer]):
// then the other direction works, closes included. Refuse and reset are of a whole connection.
//
// In process, cutting and healing take microseconds for a few connections and wait for no peer, and a cut is complete: once [Link.Cut]
// has returned, no byte, no close and no reset crosses a direction that it cuts. Both directions of a cut change at one instant. What the
// kernel had accepted for the receiver before, the receiver still gets.
//
// # What a proxy cannot do
//
// The kernel completes the handshake of every connection to a proxy that listens, so a lost SYN, and with it a dial that hangs, takes a
// firewall, a network namespace or a container. Here, a connection made during any drop or jam, even a one-way one, is accepted; the server
// is not dialled, because its half of the handshake could not pass either. At the heal of a jam the server is dialled and what the client
// sent arrives; at the heal of a drop the connection is closed. A client whose server cannot be reached is reset.
//
// # Elsewhere
//
// With [Config.API] the links are proxies of a Toxiproxy that runs elsewhere. If it knows the toxic of [RegisterGate], drop and jam are as
// above; if it is a stock one they are what its own toxics make of them. [Network.Caveats] says what that costs.
package partition

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// DefaultDialTimeout is how long a link of this process tries to reach its server when [Config.DialTimeout] is 0.
const DefaultDialTimeout = 5 * time.Second

// Config says where the links of a network are. The zero Config is in this process, on 127.0.0.1, and silent. It is a value, safe to copy.
type Config struct {
	// API is the base URL of a Toxiproxy that runs elsewhere, such as http://127.0.0.1:8474. If empty, the links are in this process.
	API string

	// Listen is the host on which links listen, each on a port of its own that the system chooses. If empty it is 127.0.0.1, or 0.0.0.0
	// when API is on another machine, which then is what listens.
	Listen string

	// DialTimeout bounds how long a link tries to reach its server. If 0 it is [DefaultDialTimeout]. A Toxiproxy elsewhere has its own.
	DialTimeout time.Duration

	// Delay is how much longer bytes take in each direction, on all links: whole milliseconds, as of a network that is that far away. New connections are made as fast as ever. It is
	// for links of this process.
	Delay time.Duration

	// Reach turns the address on which a Toxiproxy elsewhere listens for a link into the one that clients are to dial, for ports that are
	// mapped on the way. If nil it is the same port on the host of API.
	Reach func(listen string) string

	// Logger is told about servers that cannot be reached. If nil, nobody is.
	Logger *slog.Logger
}

// A Network is a set of links. It comes from [New] or [Run], and is to be closed. A Network is safe for concurrent use; the zero Network
// is of no use.
type Network struct {
	config   Config
	api      *toxiproxy.ApiServer // of this process, nil if elsewhere
	remote   *remoteServer        // elsewhere, nil if in this process
	timeline Timeline

	turn turn // held by who makes a link or closes

	mu     sync.Mutex // guards links and closed; written by who has the turn
	links  map[string]*Link
	closed bool
}

// New returns a network without links. In process it does nothing else. With [Config.API] it asks that Toxiproxy what it can do, until ctx
// ends, and returns an error that wraps [ErrUnreachable] if there is none.
func New(ctx context.Context, c Config) (*Network, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.DialTimeout <= 0 {
		c.DialTimeout = DefaultDialTimeout
	}
	if c.Delay < 0 || c.Delay%time.Millisecond != 0 || c.Delay > 0 && c.API != "" {
		return nil, fmt.Errorf("%w: a delay of %v: want whole milliseconds, and links of this process", ErrBadLink, c.Delay)
	}
	n := &Network{turn: make(turn, 1), links: make(map[string]*Link)}
	if c.API == "" {
		if c.Listen == "" {
			c.Listen = "127.0.0.1"
		}
		RegisterGate()
		n.api = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	} else {
		remote, err := newRemoteServer(ctx, &c)
		if err != nil {
			return nil, err
		}
		n.remote = remote
	}
	n.config = c
	return n, nil
}

// Link makes a link to the server at upstream, host:port, and returns when clients can dial it. The server need not be there yet.
//
// name tells links apart; it must not be empty nor contain a slash. With a Toxiproxy elsewhere, a proxy of that name that exists is used
// if it has the same upstream, and outlives the network; otherwise one is created, and deleted by [Network.Close].
//
// On failure, which is [ErrLinkExists], [ErrBadLink], [ErrClosed], ctx's cause or that of the system or of Toxiproxy, no link is made.
func (n *Network) Link(ctx context.Context, name, upstream string) (*Link, error) {
	return n.link(ctx, name, "", upstream)
}

// LinkOn is [Network.Link] with a say in where the link listens: at listen, host:port, rather than on a port that the system chooses. It is for clients that
// cannot be told any other port. A host that is not of the machine that listens, and a port that is taken, are errors of the system.
func (n *Network) LinkOn(ctx context.Context, name, listen, upstream string) (*Link, error) {
	if err := checkAddress(name, "address to listen on", listen); err != nil {
		return nil, err
	}
	return n.link(ctx, name, listen, upstream)
}

// link makes a link that listens at listen, or on Config.Listen and any port if that is empty.
func (n *Network) link(ctx context.Context, name, listen, upstream string) (*Link, error) {
	if err := checkLink(name, upstream); err != nil {
		return nil, err
	}
	if err := n.turn.take(ctx); err != nil {
		return nil, fmt.Errorf("partition: making the link %s: %w", name, err)
	}
	defer n.turn.pass()
	if n.isClosed() {
		return nil, fmt.Errorf("%w: making the link %s", ErrClosed, name)
	}
	if _, exists := n.Lookup(name); exists {
		return nil, fmt.Errorf("%w: %s", ErrLinkExists, name)
	}
	w, err := n.newWire(ctx, name, listen, upstream)
	if errors.Is(err, ErrBadLink) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("partition: making the link %s: %w", name, err)
	}
	l := &Link{name: name, upstream: upstream, wire: w, timeline: &n.timeline, turn: make(turn, 1)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[name] = l
	return l, nil
}

func (n *Network) newWire(ctx context.Context, name, listen, upstream string) (wire, error) {
	if n.remote != nil {
		return newRemote(ctx, n.remote, name, listen, upstream)
	}
	return newLocal(ctx, n.api, n.config, name, listen, upstream)
}

// Unlink heals a link and ends it, as [Network.Close] does with all of them, and blocks as long. Then its name and its port are free again; its events stay in the
// timeline. A name that no link has is no error, nor is a network that is closed. The error is what went wrong at a Toxiproxy elsewhere; the link is gone from the network all the same.
func (n *Network) Unlink(name string) error {
	n.turn <- struct{}{}
	defer n.turn.pass()
	l, ok := n.Lookup(name)
	if !ok || n.isClosed() {
		return nil
	}
	err := l.close()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, name)
	return err
}

func checkLink(name, upstream string) error {
	if name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%w: the name %q is empty or has a slash", ErrBadLink, name)
	}
	return checkAddress(name, "upstream", upstream)
}

func checkAddress(name, what, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s: the %s is no host:port: %w", ErrBadLink, name, what, err)
	}
	if p, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || p == 0 {
		return fmt.Errorf("%w: %s: the %s %q needs a host and a port from 1 to 65535", ErrBadLink, name, what, address)
	}
	return nil
}

// Lookup returns the link of that name, or false.
func (n *Network) Lookup(name string) (*Link, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, ok := n.links[name]
	return l, ok
}

// Links returns all links, by name.
func (n *Network) Links() []*Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	links := make([]*Link, 0, len(n.links))
	for _, l := range n.links {
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b *Link) int { return strings.Compare(a.name, b.name) })
	return links
}

// Timeline returns the record of what happened, to which anybody may add.
func (n *Network) Timeline() *Timeline { return &n.timeline }

// Caveats returns in what this network's faults fall short of the package's table, one sentence each; none in process.
func (n *Network) Caveats() []string {
	if n.remote == nil {
		return nil
	}
	return n.remote.caveats()
}

// Heal heals all links that are cut, as [Cut.Heal] does, at the same time. It tries all, and returns the errors of those that failed.
func (n *Network) Heal(ctx context.Context) error {
	return n.each(func(l *Link) error { return l.heal(ctx) })
}

// Close heals all links, ends their connections, and returns when nothing of them is left in this process, nor in a Toxiproxy elsewhere
// what the network created there. What a jam still held may be lost. In process it does not wait for peers; elsewhere it waits for
// Toxiproxy, which can take some seconds, but less than two minutes. It returns what went wrong elsewhere. To close again does nothing.
func (n *Network) Close() error {
	n.turn <- struct{}{}
	defer n.turn.pass()
	if n.isClosed() {
		return nil
	}
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	err := n.each((*Link).close)
	if n.remote != nil {
		n.remote.close()
	}
	return err
}

// each does something with all links at once, and returns when it is done with all.
func (n *Network) each(do func(*Link) error) error {
	links := n.Links()
	errs := make([]error, len(links))
	var wg sync.WaitGroup
	for i, l := range links {
		wg.Go(func() { errs[i] = do(l) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (n *Network) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}
