package scenario

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/partition"
)

// The engines: where the ZooKeeper of a run comes from.
const (
	EngineAuto     = "auto"     // servers that are named, else what is installed here, else containers whose images are here, else EngineEmbedded
	EngineLocal    = "local"    // a server started here, as a process of its own
	EngineDocker   = "docker"   // servers in containers, on this machine's Docker engine
	EngineConnect  = "connect"  // servers that the user names; only the run's own clients are ever cut off
	EngineEmbedded = "embedded" // package zktest in this process: not a real ZooKeeper
)

// shortestSession is what a server that is started here is asked for, at least: with less, the moments at which a process does not run are what is measured.
const shortestSession = 50 * time.Millisecond

// EngineKinds returns the names of all engines.
func EngineKinds() []string {
	return []string{EngineAuto, EngineLocal, EngineDocker, EngineConnect, EngineEmbedded}
}

// A UsageError is a wish that makes no sense, with what to wish for instead, in one line.
type UsageError struct{ Text string }

// Error is one line.
func (e *UsageError) Error() string { return e.Text }

func usage(format string, args ...any) error { return &UsageError{Text: fmt.Sprintf(format, args...)} }

// An EnvironmentError is a wish that this machine, or the servers, cannot fulfil. Nothing of the run is left behind.
type EnvironmentError struct{ Err error }

// Error is what Err says.
func (e *EnvironmentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *EnvironmentError) Unwrap() error { return e.Err }

func environment(err error) error {
	if err == nil {
		return nil
	}
	return &EnvironmentError{Err: err}
}

// EngineConfig says which ZooKeeper to use.
type EngineConfig struct {
	// Kind is one of the engines; "" means EngineAuto.
	Kind string
	// Servers are the addresses for EngineConnect.
	Servers []string
	// Ensemble is how many servers are started here, 1 to 5; 0 means 1.
	Ensemble int
	// Tick is the tickTime of a server that is started here; 0 means a tenth of the session.
	Tick time.Duration
	// Logger hears of starts and stops. Nil means nobody.
	Logger *slog.Logger

	// syncLimit is how long servers go on with each other without hearing anything; 0 means what package ensemble takes.
	syncLimit time.Duration
	// namespaces gives each server a network of its own.
	namespaces bool
	// unsynced lets a local server acknowledge what is not on the disk yet.
	unsynced bool
	// usualJVM gives a local server the memory, collector and compiler that Java takes by itself, instead of those that start fast.
	usualJVM bool
}

// server is a running ZooKeeper, as an experiment sees it.
type server struct {
	engine Engine
	addrs  []string
	tick   time.Duration // 0 if it is not known
	stop   func() error

	fleet     *fleet        // nil if they were not started here
	syncLimit time.Duration // 0 if it does not matter
}

// resolve checks c for sense and settles EngineAuto.
func (c EngineConfig) resolve(ctx context.Context, session time.Duration) (EngineConfig, error) {
	if c.Ensemble < 0 || c.Ensemble > 5 {
		return c, usage("--ensemble %d: from 1 to 5 servers", c.Ensemble)
	}
	if c.Ensemble > 1 {
		switch {
		case len(c.Servers) > 0 || c.Kind == EngineConnect:
			return c, usage("--servers names servers to connect to, --ensemble starts some: leave one of them out")
		case c.Kind == EngineEmbedded:
			return c, usage("--engine embedded is a single server: --engine local, or leave --ensemble out")
		}
		c = c.ofServers(ctx)
	}
	switch c.Kind {
	case "", EngineAuto:
		c.Kind = AutoEngine(ctx, c.Servers)
	case EngineLocal, EngineDocker, EngineEmbedded:
		if len(c.Servers) > 0 {
			return c, usage("--servers names servers to connect to, --engine %s starts one: leave one of them out", c.Kind)
		}
	case EngineConnect:
		if len(c.Servers) == 0 {
			return c, usage("--engine connect needs --servers, such as --servers 127.0.0.1:2181")
		}
	default:
		return c, usage("unknown engine %q: one of %s", c.Kind, strings.Join(EngineKinds(), ", "))
	}
	if c.Kind == EngineConnect {
		if c.Tick != 0 {
			return c, usage("--tick is for a server that is started here, and --servers have theirs")
		}
		return c, nil
	}
	if session < shortestSession {
		return c, usage("a session of %v is lost before its first answer on any loaded machine: at least %v", session, shortestSession)
	}
	if c.Tick == 0 {
		c.Tick = max(session/10, time.Millisecond).Truncate(time.Millisecond)
	}
	if session < 2*c.Tick {
		return c, usage("a session of %v on a tick of %v: servers grant no less than two ticks, so a session of at least %v or a tick of at most %v",
			session, c.Tick, 2*c.Tick, session/2)
	}
	return c, nil
}

// start brings the servers up, or finds them. It fails with an *EnvironmentError and leaves nothing running then.
// Where a network is given, the servers reach each other through its links.
func (c EngineConfig) start(ctx context.Context, session time.Duration, network *partition.Network) (*server, error) {
	switch c.Kind {
	case EngineConnect:
		return c.connect(ctx)
	case EngineEmbedded:
		return c.embed(ctx, session)
	case EngineDocker:
		return c.contain(ctx, session)
	}
	cfg := ensemble.Config{
		Servers: c.Ensemble, Network: network, Namespaces: c.namespaces, SyncLimit: c.syncLimit,
		Tick: c.Tick, MaxSession: c.maxSession(session), Logger: c.Logger, JVMFlags: ensemble.DefaultJVMFlags(),
	}
	if c.usualJVM {
		cfg.JVMFlags = []string{}
	}
	if c.unsynced {
		cfg.JVMFlags = append(cfg.JVMFlags, "-Dzookeeper.forceSync=no")
	}
	e, err := ensemble.Start(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if errors.Is(err, ensemble.ErrNotInstalled) {
			err = fmt.Errorf("%w; or --servers to use one that runs already, or --engine embedded for one in memory that is not real", err)
		}
		return nil, environment(err)
	}
	return &server{
		engine: Engine{Kind: EngineLocal, Version: e.Version()}, addrs: e.Addrs(), tick: c.Tick, stop: e.Stop, fleet: localFleet(e, c.namespaces), syncLimit: c.syncLimit,
	}, nil
}

// maxSession is the longest session that a server started here grants: never less than what is asked for.
func (c EngineConfig) maxSession(session time.Duration) time.Duration {
	return max(40*time.Second, 20*c.Tick, session)
}

var versionLine = regexp.MustCompile(`(?m)^Zookeeper version: (\d+(?:\.\d+)*[^,\s]*)`)

// connect asks the servers what they are. A server that lists no four-letter words is used all the same.
func (c EngineConfig) connect(ctx context.Context) (*server, error) {
	s := &server{engine: Engine{Kind: EngineConnect}, stop: func() error { return nil }}
	for _, addr := range c.Servers {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			host, port = addr, "2181"
		}
		if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
			return nil, usage("server %q: want host:port", addr)
		}
		s.addrs = append(s.addrs, net.JoinHostPort(host, port))
	}
	ask, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, addr := range s.addrs {
		srvr, err := ensemble.FourLetter(ask, addr, "srvr")
		if err != nil {
			continue
		}
		if m := versionLine.FindStringSubmatch(srvr); m != nil {
			s.engine.Version, _, _ = strings.Cut(m[1], "-")
			if strings.HasSuffix(m[1], zktestSuffix) {
				s.engine.Version += zktestSuffix
			}
		}
		if conf, err := ensemble.FourLetter(ask, addr, "conf"); err == nil {
			s.tick = tickOf(conf)
		}
		break
	}
	return s, nil
}

// tickOf reads the tickTime out of what conf answers, 0 if it is not there.
func tickOf(conf string) time.Duration {
	for line := range strings.Lines(conf) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "tickTime="); ok {
			if n, err := strconv.Atoi(v); err == nil && n > 0 {
				return time.Duration(n) * time.Millisecond
			}
		}
	}
	return 0
}
