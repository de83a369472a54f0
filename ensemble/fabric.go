package ensemble

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
)

// The network of an ensemble with Config.Namespaces is a star of veth pairs: a router in a namespace of its own, and around it the servers, the clients that are
// asked for, each in theirs, and this machine itself. Every packet passes the router, so that a rule there, from one address to another, is all that a cut needs:
// the packet is not forwarded, and nobody is told. A SYN is lost as everything else is, and a connection lives on by TCP's own retransmission if the heal comes in time.
//
// The namespaces have no names, and the one interface outside of them is an end of a pair whose other end is inside: when this process dies all of it goes.

// The addresses are from those that RFC 2544 set aside for tests of networks: nobody's hosts have them, also if somebody dials one when all is over.
var testNet = netip.MustParsePrefix("198.18.0.0/15")

const (
	fabricGuesses = 20
	hostOfRouter  = 1
	hostOfHere    = 2
	hostOfControl = 3 // A second address of this machine, for what the ensemble itself asks of its servers: no cut concerns it.
	hostOfFirst   = 11
	hostOfLast    = 254
	firstRule     = 100 // After the local table, before the main one.
)

// A fabric is that network.
type fabric struct {
	ip     string // The command.
	prefix netip.Prefix
	device string // The interface of this machine.
	router *namespace
	here   *Site

	mu     sync.Mutex // guards the fields below, and is held while something is changed
	sites  []*Site
	rules  []rule
	closed bool
}

// A rule loses what is sent from one address to another.
type rule struct{ from, to netip.Addr }

// newFabric makes a router that this machine reaches. On failure nothing is left. The error is a [*NoNamespacesError].
func newFabric(ctx context.Context) (*fabric, error) {
	ip, err := findIP()
	if err != nil {
		return nil, &NoNamespacesError{Missing: "the command ip", Hint: "apt-get install iproute2", Err: err}
	}
	router, err := newNamespace()
	if err != nil {
		return nil, noNamespace(err)
	}
	f := &fabric{ip: ip, router: router}
	if err := f.build(ctx); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *fabric) build(ctx context.Context) error {
	f.device = fmt.Sprintf("zk%08x", rand.Uint32())
	err := f.run(ctx, nil,
		fmt.Sprintf("link add name %s type veth peer name here netns %s", f.device, f.router.path()),
		fmt.Sprintf("link set dev %s alias zkkit-ensemble-pid-%d", f.device, os.Getpid()),
		fmt.Sprintf("link set dev %s up", f.device))
	if err != nil {
		return cannot(ctx, "veth pairs", err)
	}
	if err := f.claim(ctx); err != nil {
		return err
	}
	gateway := f.host(hostOfRouter)
	err = f.run(ctx, nil,
		fmt.Sprintf("addr add %s peer %s dev %s", f.host(hostOfHere), gateway, f.device),
		fmt.Sprintf("addr add %s/32 dev %s", f.host(hostOfControl), f.device),
		fmt.Sprintf("route replace %s via %s src %s dev %s", f.prefix, gateway, f.host(hostOfHere), f.device))
	if err == nil {
		err = f.run(ctx, f.router,
			"link set dev lo up",
			"link set dev here up",
			fmt.Sprintf("addr add %s peer %s dev here", gateway, f.host(hostOfHere)),
			fmt.Sprintf("route add %s dev here", f.host(hostOfControl)))
	}
	if err != nil {
		return cannot(ctx, "addresses on veth pairs", err)
	}
	// Any address that is not one of a site: the rule is only tried.
	if err := f.change("add", rule{f.host(hostOfLast), f.host(hostOfLast)}); err != nil {
		return cannot(ctx, "rules for policy routing (CONFIG_IP_MULTIPLE_TABLES)", err)
	}
	f.rules = append(f.rules, rule{f.host(hostOfLast), f.host(hostOfLast)})
	if err := f.heal(ctx); err != nil {
		return cannot(ctx, "rules for policy routing (CONFIG_IP_MULTIPLE_TABLES)", err)
	}
	err = f.router.do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
	if err != nil {
		return cannot(ctx, "leave to forward packets (/proc/sys that is not read-only)", err)
	}
	f.here = &Site{name: "here", addr: f.host(hostOfHere), fabric: f}
	f.sites = append(f.sites, f.here)
	return nil
}

// claim finds a range that this machine has no other way to, and takes it: the kernel has one route to a range, and refuses a second one.
func (f *fabric) claim(ctx context.Context) error {
	used, err := usedPrefixes()
	if err != nil {
		return cannot(ctx, "a look at the routes (/proc/net/route)", err)
	}
	for range fabricGuesses {
		first := testNet.Addr().As4()
		n := rand.IntN(1 << (24 - testNet.Bits()))
		first[1], first[2] = first[1]+byte(n>>8), byte(n)
		f.prefix = netip.PrefixFrom(netip.AddrFrom4(first), 24)
		if slices.ContainsFunc(used, f.prefix.Overlaps) {
			continue
		}
		err = f.run(ctx, nil, fmt.Sprintf("route add %s dev %s", f.prefix, f.device))
		switch {
		case err == nil:
			return nil
		case !strings.Contains(err.Error(), "File exists"):
			return cannot(ctx, "leave to add routes", err)
		}
	}
	return cannot(ctx, "free addresses in "+testNet.String(), err)
}

// usedPrefixes returns the ranges that this machine has addresses of or routes to, other than its default route.
func usedPrefixes() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var used []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			used = append(used, p.Masked())
		}
	}
	table, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil, err
	}
	return append(used, routes(string(table))...), nil
}

// host returns the address with that number.
func (f *fabric) host(n int) netip.Addr {
	a := f.prefix.Addr().As4()
	a[3] = byte(n)
	return netip.AddrFrom4(a)
}

// site adds a place with a namespace and an address of its own.
func (f *fabric) site(ctx context.Context, name string) (*Site, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	number := hostOfFirst + len(f.sites) - 1 // Without here.
	switch {
	case f.closed:
		return nil, ErrStopped
	case name == "" || slices.ContainsFunc(f.sites, func(s *Site) bool { return s.name == name }):
		return nil, fmt.Errorf("%w: a site named %q: want a name that no other has", ErrConfig, name)
	case number >= hostOfLast:
		return nil, fmt.Errorf("%w: more than %d sites", ErrConfig, hostOfLast-hostOfFirst)
	}
	ns, err := newNamespace()
	if err != nil {
		return nil, noNamespace(err)
	}
	s := &Site{name: name, addr: f.host(number), fabric: f, ns: ns}
	device, gateway := fmt.Sprintf("site%d", number), f.host(hostOfRouter)
	err = f.run(ctx, f.router,
		fmt.Sprintf("link add name %s type veth peer name eth0 netns %s", device, ns.path()),
		fmt.Sprintf("link set dev %s up", device),
		fmt.Sprintf("addr add %s peer %s dev %s", gateway, s.addr, device))
	if err == nil {
		err = f.run(ctx, ns,
			"link set dev lo up",
			"link set dev eth0 up",
			fmt.Sprintf("addr add %s peer %s dev eth0", s.addr, gateway),
			fmt.Sprintf("route add %s via %s", f.prefix, gateway))
	}
	if err != nil {
		ns.close()
		return nil, err
	}
	f.sites = append(f.sites, s)
	return s, nil
}

// close removes everything. What is in the namespaces goes when the processes there have ended.
func (f *fabric) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	_, _ = f.ask(nil, "link del dev "+f.device) // Else it goes with the router, a moment later.
	for _, s := range f.sites {
		if s.ns != nil {
			s.ns.close()
		}
	}
	f.router.close()
}
