package ensemble

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/zkkit/zkkit/partition"
)

// A Config says how a ZooKeeper is started. The zero Config is one server with a tick of 200 ms, its data in a temporary directory.
// It is not changed by those who take it, and so safe for concurrent use as long as nobody writes to it.
type Config struct {
	// Servers is the number of servers, 1 to 5. 0 means 1. Two of three must run for anything to be served, and three of five; a pair serves only while both run.
	Servers int

	// Tick is ZooKeeper's tickTime: the unit in which a server counts sessions, in whole milliseconds. 0 means 200 ms.
	// A session of T ends between T and T plus one tick after the last that was heard of its client. A stock server ticks every 2 s.
	Tick time.Duration

	// MinSession is the shortest session timeout that a client is granted; a shorter wish is raised to it. 0 means two ticks.
	MinSession time.Duration

	// MaxSession is the longest session timeout that a client is granted; a longer wish is cut to it.
	// 0 means 40 s, as on a stock server, or 20 ticks if that is more.
	MaxSession time.Duration

	// InitLimit is how long a server may take to connect to its leader and to copy the leader's data; ZooKeeper's initLimit, in whole ticks: what is
	// not is rounded up. 0 means 10 s, or 10 ticks if that is more. A single server has no use for it.
	InitLimit time.Duration

	// SyncLimit is how long leader and follower go on with each other without hearing anything; ZooKeeper's syncLimit, in whole ticks: what is not is
	// rounded up. 0 means 2 s, or 5 ticks if that is more. A single server has no use for it.
	//
	// A follower that is cut off from its leader answers its clients' pings and reads for up to that long, while the leader lets the sessions of those clients
	// expire; a leader that is cut off from its followers does the same. A stock server waits for 10 s. With less than about a second, a busy machine holds elections.
	SyncLimit time.Duration

	// Network, if not nil, gets a link for each way from one server to another, named zk1-zk2 for what server 1 dials server 2 through, and so on: [Ensemble.Links]
	// finds them. Stop removes them again; whoever made the network closes it afterwards. Two ensembles on one network get in each other's way. A single server has no use for it.
	//
	// The links carry what a follower and its leader say to each other once they are that. To cut them cuts a follower off from its leader, and to slow them slows its writes.
	// They do not carry elections, as servers tell each other where they listen and dial that. So a follower that is cut off keeps hearing who leads, and a leader
	// cannot be isolated this way: its followers would drop it, vote for it again because they hear that it leads, and elect nobody for as long as the cut lasts.
	// It needs all of 127.0.0.0/8 on the loopback interface, as Linux has it, and Java 9 or later; without the addresses Start fails with ErrNoLinks.
	Network *partition.Network

	// Namespaces gives each server a network namespace of its own, so that the network between them can be cut as a cable is: [Ensemble.Isolate], [Ensemble.Cut]. A leader can be
	// isolated from its followers while its clients reach it, and a SYN is lost rather than refused. This process reaches all servers; [Ensemble.Client] makes namespaces for
	// clients. It needs Linux, root and the command ip: [CanNamespaces] tells. Nothing of it can be seen outside but one interface, and nothing outlives this process. Not together with Network.
	Namespaces bool

	// DataDir holds the configuration and the data, one directory for each server. It is made if it is not there, and kept by Stop, so that a
	// later Start goes on with the same data, and with as many servers. No two ensembles may use it at once. Empty means a temporary directory, removed by Stop.
	DataDir string

	// Installation is the ZooKeeper to run. Nil means what Find finds.
	Installation *Installation

	// JVMFlags are given to java, the same to each server. Nil means what DefaultJVMFlags returns; system properties for ZooKeeper can be appended to it.
	JVMFlags []string

	// Logger hears of starts, stops and removed leftovers, not of each line that a server writes. Nil means nobody.
	Logger *slog.Logger
}

const (
	defaultTick       = 200 * time.Millisecond
	defaultMaxSession = 40 * time.Second
	defaultInitLimit  = 10 * time.Second // Of a real clock, not of small ticks: a busy machine is not faster because its servers tick faster.
	defaultSyncLimit  = 2 * time.Second
	maxServers        = 5
)

// DefaultJVMFlags returns the flags for a small server that starts fast: little memory, the simple collector, the fast compiler, no files
// for monitoring tools. The slice is the caller's.
func DefaultJVMFlags() []string {
	return []string{"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"}
}

// withDefaults returns the Config with its zero values filled in, or an error that wraps ErrConfig.
func (c Config) withDefaults() (Config, error) {
	if c.Servers == 0 {
		c.Servers = 1
	}
	if c.Tick == 0 {
		c.Tick = defaultTick
	}
	if c.MinSession == 0 {
		c.MinSession = 2 * c.Tick
	}
	if c.MaxSession == 0 {
		c.MaxSession = max(defaultMaxSession, 20*c.Tick, c.MinSession)
	}
	if c.InitLimit == 0 {
		c.InitLimit = max(defaultInitLimit, 10*c.Tick)
	}
	if c.SyncLimit == 0 {
		c.SyncLimit = max(defaultSyncLimit, 5*c.Tick)
	}
	if c.JVMFlags == nil {
		c.JVMFlags = DefaultJVMFlags()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Servers < 1 || c.Servers > maxServers:
		return c, fmt.Errorf("%w: %d servers: want 1 to %d", ErrConfig, c.Servers, maxServers)
	case c.Tick < time.Millisecond || c.Tick%time.Millisecond != 0:
		return c, fmt.Errorf("%w: a tick of %v: want whole milliseconds, at least one", ErrConfig, c.Tick)
	case c.MinSession < time.Millisecond:
		return c, fmt.Errorf("%w: a shortest session of %v: want at least 1ms", ErrConfig, c.MinSession)
	case c.MaxSession < c.MinSession:
		return c, fmt.Errorf("%w: the longest session, %v, is below the shortest, %v", ErrConfig, c.MaxSession, c.MinSession)
	case c.Namespaces && c.Network != nil:
		return c, fmt.Errorf("%w: Namespaces and Network: want one of them, as only the first can isolate a leader", ErrConfig)
	case c.InitLimit < time.Millisecond || c.SyncLimit < time.Millisecond:
		return c, fmt.Errorf("%w: an initLimit of %v and a syncLimit of %v: want at least 1ms each", ErrConfig, c.InitLimit, c.SyncLimit)
	case c.Installation != nil && (c.Installation.Java == "" || len(c.Installation.Classpath) == 0):
		return c, fmt.Errorf("%w: an installation without a Java or without a class path", ErrConfig)
	}
	return c, nil
}

// ticks returns the number of ticks that d is, rounded up.
func (c Config) ticks(d time.Duration) int { return int((d + c.Tick - 1) / c.Tick) }
