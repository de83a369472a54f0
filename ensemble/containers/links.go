package containers

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"github.com/moby/moby/api/types/container"
	api "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/zkkit/zkkit/internal/docker"
	"github.com/zkkit/zkkit/partition"
)

const (
	proxyName     = "toxiproxy"
	apiPort       = 8474
	firstLinkPort = 8666 // As the official image's users do.
	maxLinks      = 16
)

// A toxiproxyContainer is where the links are. Ports cannot be published later, so there are some from the beginning.
type toxiproxyContainer struct {
	id      string
	api     string            // Its base URL.
	ports   map[string]string // Addresses on the loopback interface, by port in the container.
	next    int               // Links so far.
	network *partition.Network
}

// Link makes a link through Toxiproxy to the server at upstream, a host:port on the network of the clients, such as [Server.Upstream].
// Clients in this process dial the link's Addr, those in containers what [Ensemble.LinkInside] says. It blocks until they can.
//
// There are 16 links at most, then it fails with ErrNoLinks. Other errors are those of [partition.Network.Link], and ErrStopped after Stop.
// On failure no link is made.
func (e *Ensemble) Link(ctx context.Context, name, upstream string) (*partition.Link, error) {
	e.change.Lock()
	defer e.change.Unlock()
	p := e.proxy
	switch _, exists := p.network.Lookup(name); {
	case e.stopped.Load():
		return nil, ErrStopped
	case exists:
		return nil, fmt.Errorf("%w: %s", partition.ErrLinkExists, name)
	case p.next == maxLinks:
		return nil, fmt.Errorf("%w: there are %d", ErrNoLinks, maxLinks)
	}
	if host, port, err := net.SplitHostPort(upstream); err != nil || host == "" || port == "" || name == "" || strings.Contains(name, "/") {
		return p.network.Link(ctx, name, upstream) // It says what is wrong.
	}
	// The network adopts a proxy that is there, and so one that listens where a port is published.
	tp := toxiproxy.NewClient(p.api)
	proxy, err := tp.CreateProxy(name, net.JoinHostPort("0.0.0.0", strconv.Itoa(firstLinkPort+p.next)), upstream)
	if err != nil {
		return nil, fmt.Errorf("containers: making the link %s: %w", name, err)
	}
	l, err := p.network.Link(ctx, name, upstream)
	if err != nil {
		_ = proxy.Delete() // What went wrong first is what the caller must hear of.
		return nil, err
	}
	p.next++
	return l, nil
}

// LinkInside returns the address of a link for clients in containers on the network of the clients, as host:port. It returns false for a link
// that is not of this ensemble.
func (e *Ensemble) LinkInside(l *partition.Link) (addr string, ok bool) {
	for port, mapped := range e.proxy.ports {
		if mapped == l.Addr() {
			return net.JoinHostPort(proxyName, port), true
		}
	}
	return "", false
}

// bootProxy starts the Toxiproxy and waits until its API answers.
func (e *Ensemble) bootProxy(ctx context.Context, image string) error {
	p := &toxiproxyContainer{ports: map[string]string{}}
	e.proxy = p
	published, exposed := api.PortMap{}, api.PortSet{}
	for _, number := range append([]int{apiPort}, linkPorts()...) {
		port := api.MustParsePort(strconv.Itoa(number) + "/tcp")
		published[port], exposed[port] = []api.PortBinding{{HostIP: loopback}}, struct{}{}
	}
	clients := e.networks[Clients]
	var err error
	p.id, err = e.engine.Create(ctx, client.ContainerCreateOptions{
		Name:       "zkkit-" + e.id + "-" + proxyName,
		Config:     &container.Config{Image: image, Hostname: proxyName, Labels: e.labels, ExposedPorts: exposed},
		HostConfig: &container.HostConfig{PortBindings: published, NetworkMode: container.NetworkMode(clients.name)},
		NetworkingConfig: &api.NetworkingConfig{
			EndpointsConfig: map[string]*api.EndpointSettings{clients.name: clients.endpoint(proxyNumber, proxyName)},
		},
	})
	if err == nil {
		_, err = e.engine.ContainerStart(ctx, p.id, client.ContainerStartOptions{})
	}
	if err != nil {
		return docker.Explain(ctx, "starting "+proxyName, err)
	}
	inspected, err := e.engine.ContainerInspect(ctx, p.id, client.ContainerInspectOptions{})
	if err != nil {
		return docker.Explain(ctx, "starting "+proxyName, err)
	}
	for port, bindings := range inspected.Container.NetworkSettings.Ports {
		for _, b := range bindings {
			p.ports[strconv.Itoa(int(port.Num()))] = net.JoinHostPort(b.HostIP.String(), b.HostPort)
		}
	}
	p.api = "http://" + p.ports[strconv.Itoa(apiPort)]
	return p.await(ctx, e.engine)
}

func linkPorts() []int {
	ports := make([]int, maxLinks)
	for i := range ports {
		ports[i] = firstLinkPort + i
	}
	return ports
}

// await blocks until Toxiproxy answers.
func (p *toxiproxyContainer) await(ctx context.Context, e *docker.Engine) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("containers: %s is not ready after %v", proxyName, startTimeout))
	defer cancel()
	for {
		probe, cancel := context.WithTimeout(ctx, 10*probeTimeout)
		n, err := partition.New(probe, partition.Config{API: p.api, Listen: "0.0.0.0", Reach: p.reach})
		cancel()
		if err == nil {
			p.network = n
			return nil
		}
		c, err := e.ContainerInspect(ctx, p.id, client.ContainerInspectOptions{})
		if err != nil {
			return docker.Explain(ctx, "waiting for "+proxyName, err)
		}
		if state := c.Container.State; state != nil && !state.Running {
			log, _ := e.Log(ctx, p.id)
			return &ExitError{Name: proxyName, Status: state.ExitCode, Log: log}
		}
		if docker.Wait(ctx, probeEvery) != nil {
			return context.Cause(ctx)
		}
	}
}

// reach turns the address on which Toxiproxy listens into the one that is published.
func (p *toxiproxyContainer) reach(listen string) string {
	if _, port, err := net.SplitHostPort(listen); err == nil && p.ports[port] != "" {
		return p.ports[port]
	}
	return listen
}
