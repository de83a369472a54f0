package containers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	api "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/zkkit/zkkit/internal/docker"
)

// Start starts a ZooKeeper and a Toxiproxy and blocks until all servers serve, ctx ends, or a minute has passed for any of them; pulling images
// that are not there yet is bounded by ctx only.
//
// It returns an Ensemble that the caller stops. ctx bounds the start only. On failure nothing is left of it. The error is ErrConfig for a Config
// that cannot be, ErrNoEngine when no engine answers or it goes away meanwhile, ErrNoImage, an [*ExitError] with the last lines of its log when a
// container died before it served, or ctx's cause.
func Start(ctx context.Context, cfg Config) (_ *Ensemble, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	engine, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	e := &Ensemble{cfg: cfg, engine: engine, id: strings.ToLower(rand.Text()[:8])}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.abandon(context.WithoutCancel(ctx)))
		}
	}()
	zookeeper, err := image(ctx, engine, zooKeeperImage(cfg.ZooKeeperImage), !cfg.NoPull)
	if err != nil {
		return nil, err
	}
	toxiproxy, err := image(ctx, engine, toxiproxyImage(cfg.ToxiproxyImage), !cfg.NoPull)
	if err != nil {
		return nil, err
	}
	if err := engine.Sweep(ctx, cfg.Logger); err != nil {
		return nil, err
	}
	began := time.Now()
	e.labels = docker.Labels(ensembleLabel, e.id)
	if err := e.makeNetworks(ctx); err != nil {
		return nil, err
	}
	for n := 1; n <= cfg.Servers; n++ {
		e.servers = append(e.servers, &Server{ensemble: e, number: n, name: "zk" + strconv.Itoa(n)})
	}
	if err := e.boot(ctx, zookeeper, toxiproxy); err != nil {
		return nil, err
	}
	cfg.Logger.Info("ZooKeeper serves", "addrs", e.ConnectString(), "version", e.Version(), "image", zookeeper, "after", time.Since(began))
	return e, nil
}

// ensembleLabel names the ensemble that something belongs to.
const ensembleLabel = "zkkit.ensemble"

// abandon removes what there is of an ensemble that could not be started.
func (e *Ensemble) abandon(ctx context.Context) error {
	if e.labels == nil {
		_ = e.engine.Close()
		return nil
	}
	if e.proxy != nil && e.proxy.network != nil {
		_ = e.proxy.network.Close() // It has no links yet.
	}
	return e.remove(ctx)
}

// makeNetworks makes both networks. That of the peers leads nowhere else, so that the other one is the way to and from this machine.
func (e *Ensemble) makeNetworks(ctx context.Context) (err error) {
	for _, side := range []Side{Clients, Peers} {
		e.networks[side], err = makeNetwork(ctx, e.engine, "zkkit-"+e.id+"-"+side.String(), side == Peers, e.labels)
		if err != nil {
			return err
		}
	}
	return nil
}

// boot starts all containers at once and waits until they serve.
func (e *Ensemble) boot(ctx context.Context, zookeeper, toxiproxy string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	start := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
				cancel(err) // The others need not go on.
			}
		})
	}
	for _, s := range e.servers {
		start(func() error { return s.boot(ctx, zookeeper) })
	}
	start(func() error { return e.bootProxy(ctx, toxiproxy) })
	wg.Wait()
	return first
}

// boot creates and starts the server's container, on a free port, and waits until it serves.
func (s *Server) boot(ctx context.Context, image string) error {
	for attempt := 1; ; attempt++ {
		err := s.create(ctx, image)
		if err == nil {
			s.version, err = s.awaitReady(ctx)
			return err
		}
		if attempt == portAttempts || !docker.LostPort(err) || ctx.Err() != nil {
			return docker.Explain(ctx, "starting "+s.name, err)
		}
		if err := s.ensemble.engine.RemoveContainer(ctx, s.id); err != nil {
			return err
		}
	}
}

// create creates and starts the server's container.
func (s *Server) create(ctx context.Context, image string) (err error) {
	e := s.ensemble
	if s.port, err = freePort(); err != nil {
		return err
	}
	port := api.MustParsePort(strconv.Itoa(clientPort) + "/tcp")
	s.id, err = e.engine.Create(ctx, client.ContainerCreateOptions{
		Name: "zkkit-" + e.id + "-" + s.name,
		Config: &container.Config{
			Image: image, Hostname: s.name, Labels: e.labels, Env: environment(e.cfg, e.networks[Peers], s.number),
			ExposedPorts: api.PortSet{port: {}},
		},
		HostConfig: &container.HostConfig{
			PortBindings: api.PortMap{port: {{HostIP: loopback, HostPort: strconv.Itoa(s.port)}}},
			NetworkMode:  container.NetworkMode(e.networks[Clients].name),
		},
		NetworkingConfig: &api.NetworkingConfig{EndpointsConfig: map[string]*api.EndpointSettings{e.networks[Clients].name: s.endpoint(Clients)}},
	})
	if err != nil {
		return err
	}
	connect := client.NetworkConnectOptions{Container: s.id, EndpointConfig: s.endpoint(Peers)}
	if _, err := e.engine.NetworkConnect(ctx, e.networks[Peers].id, connect); err != nil {
		return err
	}
	_, err = e.engine.ContainerStart(ctx, s.id, client.ContainerStartOptions{})
	return err
}

func (s *Server) endpoint(side Side) *api.EndpointSettings {
	return s.ensemble.networks[side].endpoint(10+s.number, s.name)
}

// environment returns what the official image, and ours, make a server's configuration of.
func environment(c Config, peers network, number int) []string {
	env := []string{
		"ZOO_MY_ID=" + strconv.Itoa(number),
		"ZOO_TICK_TIME=" + strconv.FormatInt(c.Tick.Milliseconds(), 10),
		"ZOO_INIT_LIMIT=" + strconv.FormatInt(c.ticks(initLimit), 10),
		"ZOO_SYNC_LIMIT=" + strconv.FormatInt(c.ticks(c.SyncLimit), 10),
		"ZOO_MAX_CLIENT_CNXNS=0", // The default is 60 for each address, and here all clients have the same one.
		"ZOO_ADMINSERVER_ENABLED=false",
		"ZOO_4LW_COMMANDS_WHITELIST=srvr,ruok,mntr,cons,dump,conf,stat,wchs,wchp,envi,isro",
		// A server that comes back to the network must find its ports again, wherever its address is by then.
		fmt.Sprintf("ZOO_CFG_EXTRA=minSessionTimeout=%d maxSessionTimeout=%d quorumListenOnAllIPs=true", c.MinSession.Milliseconds(), c.MaxSession.Milliseconds()),
		"ZK_SERVER_HEAP=128",
		"JVMFLAGS=-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData",
	}
	if c.Servers == 1 {
		return env // The image's own default is one that stands alone.
	}
	// Addresses, since a server that is disconnected can resolve no names, its own included.
	servers := make([]string, c.Servers)
	for i := range servers {
		servers[i] = fmt.Sprintf("server.%d=%s:2888:3888;%d", i+1, peers.address(10+i+1), clientPort)
	}
	return append(env, "ZOO_SERVERS="+strings.Join(servers, " "))
}

// freePort returns a port of the loopback interface that nobody listens on now. The engine could choose one, but another one at each start.
func freePort() (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback.String(), "0"))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
