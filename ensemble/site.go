package ensemble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// A Site is one end of the network of an ensemble with Config.Namespaces: that of a server ([Server.Site]), of a client ([Ensemble.Client]), or this machine
// ([Ensemble.Here]). It is what [Ensemble.Cut] cuts. It is safe for concurrent use, and ends with the ensemble. The zero Site is not usable.
type Site struct {
	name   string
	addr   netip.Addr
	fabric *fabric
	ns     *namespace // Nil for this machine's own.
}

// Name returns the name: "zk1" for the first server, "here" for this machine, and for a client what it was given.
func (s *Site) Name() string { return s.name }

// Addr returns its address: nobody else has it.
func (s *Site) Addr() netip.Addr { return s.addr }

// DialContext dials from there, as [net.Dialer.DialContext] does. It is what session.Config.Dial takes. The address is best an IP address: names are not looked up from there.
func (s *Site) DialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	if s.ns == nil {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	err = s.ns.do(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Do calls f on a thread that is there, and returns what it returns. A socket that f itself opens is there, and so is a process that it starts, for as long as they live; not what
// its other goroutines do. An example is a command's Start, with the server's address in its environment.
func (s *Site) Do(f func() error) error {
	if s.ns == nil {
		return f()
	}
	return s.ns.do(f)
}

// Here returns this machine's own end of the network: clients that dial as usual are there. It is nil without Config.Namespaces.
func (e *Ensemble) Here() *Site {
	if e.fabric == nil {
		return nil
	}
	return e.fabric.here
}

// Client makes a site for a client, with an address of its own, so that it can be cut off alone. The name tells it from others. It blocks for some milliseconds as a rule.
// The error is ErrConfig for a name that is taken and without Config.Namespaces, a [*NoNamespacesError], ErrStopped, ctx's cause, or what ip says; then nothing is left of it.
func (e *Ensemble) Client(ctx context.Context, name string) (*Site, error) {
	if e.fabric == nil {
		return nil, fmt.Errorf("%w: a site for %q without Config.Namespaces", ErrConfig, name)
	}
	return e.fabric.site(ctx, name)
}

// Site returns the server's end of the network, nil without Config.Namespaces.
func (s *Server) Site() *Site { return s.site }

// CanNamespaces tries whether this machine lets us make the network that Config.Namespaces asks for, and removes it again. It returns nil, a
// [*NoNamespacesError] that says in one line what is missing and how to get it, or ctx's cause. It blocks for some tens of milliseconds as a rule.
func CanNamespaces(ctx context.Context) error {
	f, err := newFabric(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	_, err = f.site(ctx, "try")
	return err
}

// noNamespace says what to do about a namespace that could not be made.
func noNamespace(err error) error {
	switch {
	case errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOSYS):
		return &NoNamespacesError{Missing: "Linux", Hint: "run it in a Linux machine or container, or with servers in containers", Err: err}
	case errors.Is(err, syscall.EPERM):
		return &NoNamespacesError{Missing: "the right to make network namespaces", Hint: "run it as root; in a container, with --privileged", Err: err}
	}
	return &NoNamespacesError{Missing: "network namespaces", Hint: "a kernel with CONFIG_NET_NS, and room for another one (user.max_net_namespaces)", Err: err}
}

func cannot(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return &NoNamespacesError{Missing: what, Hint: "run it as root on a kernel that has them; in a container, with --privileged", Err: err}
}

// routes reads the ranges out of /proc/net/route, but the default one.
func routes(table string) []netip.Prefix {
	var found []netip.Prefix
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		destination, err := strconv.ParseUint(fields[1], 16, 32)
		mask, errMask := strconv.ParseUint(fields[7], 16, 32)
		if err != nil || errMask != nil || mask == 0 {
			continue
		}
		var addr, ones [4]byte
		binary.NativeEndian.PutUint32(addr[:], uint32(destination))
		binary.NativeEndian.PutUint32(ones[:], uint32(mask))
		bits, _ := net.IPMask(ones[:]).Size()
		found = append(found, netip.PrefixFrom(netip.AddrFrom4(addr), bits))
	}
	return found
}
