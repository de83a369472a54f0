package containers

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	api "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/zkkit/zkkit/internal/docker"
)

// A Side says who is on a network: the clients, or the other servers.
type Side uint8

const (
	// Clients is the network of the clients and of Toxiproxy.
	Clients Side = iota
	// Peers is the network on which the servers talk to each other.
	Peers
	// Both is both of them.
	Both
)

var sideNames = [...]string{Clients: "clients", Peers: "peers", Both: "both"}

// String returns the name of the side.
func (s Side) String() string {
	if int(s) < len(sideNames) {
		return sideNames[s]
	}
	return fmt.Sprintf("Side(%d)", uint8(s))
}

// networks returns the networks of a side, nil for one that is none.
func (s Side) networks() []Side {
	switch s {
	case Clients, Peers:
		return []Side{s}
	case Both:
		return []Side{Clients, Peers}
	}
	return nil
}

// A network is one that Start made.
type network struct {
	id, name string
	subnet   netip.Prefix
}

const (
	networkAttempts = 10
	proxyNumber     = 9 // Toxiproxy's address among the fixed ones of a network; that of server n is 10 + n.
)

// makeNetwork makes a network whose addresses can be chosen, so that a container has the same one after it was away. The engine allows that only
// where the subnet was given, and which one is free only it knows: so it is asked for a network, and then for the same one again.
func makeNetwork(ctx context.Context, e *docker.Engine, name string, internal bool, labels map[string]string) (network, error) {
	options := client.NetworkCreateOptions{Driver: "bridge", Internal: internal, Labels: labels}
	if internal {
		// Without an address of this machine in it, or the engine would forward published ports through it when the other network is gone.
		options.Options = map[string]string{"com.docker.network.bridge.inhibit_ipv4": "true"}
	}
	if ctx.Err() != nil {
		return network{}, context.Cause(ctx)
	}
	ctx, cancel := docker.Whole(ctx)
	defer cancel()
	for attempt := 1; ; attempt++ {
		options.IPAM = nil
		draft, err := e.NetworkCreate(ctx, name, options)
		if err != nil {
			return network{}, docker.Explain(ctx, "making the network "+name, err)
		}
		seen, err := e.NetworkInspect(ctx, draft.ID, client.NetworkInspectOptions{})
		if err != nil {
			return network{}, docker.Explain(ctx, "making the network "+name, err)
		}
		config, err := plan(seen.Network.IPAM.Config)
		if err != nil {
			return network{}, fmt.Errorf("containers: the network %s: %w", name, err)
		}
		if _, err = e.NetworkRemove(ctx, draft.ID, client.NetworkRemoveOptions{}); err != nil {
			return network{}, docker.Explain(ctx, "making the network "+name, err)
		}
		options.IPAM = &api.IPAM{Driver: "default", Config: []api.IPAMConfig{config}}
		made, err := e.NetworkCreate(ctx, name, options)
		if err == nil {
			return network{id: made.ID, name: name, subnet: config.Subnet}, nil
		}
		// Somebody else may have got that subnet in between.
		if attempt == networkAttempts || ctx.Err() != nil || !strings.Contains(err.Error(), "overlaps") {
			return network{}, docker.Explain(ctx, "making the network "+name, err)
		}
	}
}

// plan returns a network's IPv4 configuration with its lower half left for fixed addresses.
func plan(configs []api.IPAMConfig) (api.IPAMConfig, error) {
	for _, c := range configs {
		if !c.Subnet.Addr().Is4() || c.Subnet.Bits() > 27 {
			continue
		}
		subnet := c.Subnet.Masked()
		upper := subnet.Addr().As4()
		bit := subnet.Bits() // The first one of the host's part.
		upper[bit/8] |= 0x80 >> (bit % 8)
		return api.IPAMConfig{Subnet: subnet, Gateway: c.Gateway, IPRange: netip.PrefixFrom(netip.AddrFrom4(upper), bit+1)}, nil
	}
	return api.IPAMConfig{}, fmt.Errorf("%v leaves no room for addresses of our own", configs)
}

// address returns a fixed address of the network.
func (n network) address(number int) netip.Addr {
	a := n.subnet.Addr().As4()
	a[3] += byte(number) // The subnet has at least 32 addresses, so this is within its lower half.
	return netip.AddrFrom4(a)
}

// endpoint returns how a container is connected to the network.
func (n network) endpoint(number int, alias string) *api.EndpointSettings {
	return &api.EndpointSettings{
		Aliases:    []string{alias},
		IPAMConfig: &api.EndpointIPAMConfig{IPv4Address: n.address(number)},
	}
}
