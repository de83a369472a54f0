package ensemble

import (
	"fmt"
	"log/slog"
	"time"
)

// A Config says how a ZooKeeper is started. The zero Config is one server with a tick of 200 ms, its data in a temporary directory.
// It is not changed by those who take it, and so safe for concurrent use as long as nobody writes to it.
type Config struct {
	// Servers is the number of servers. 0 means 1, and more are not supported yet.
	Servers int

	// Tick is ZooKeeper's tickTime: the unit in which a server counts sessions, in whole milliseconds. 0 means 200 ms.
	// A session of T ends between T and T plus one tick after the last that was heard of its client. A stock server ticks every 2 s.
	Tick time.Duration

	// MinSession is the shortest session timeout that a client is granted; a shorter wish is raised to it. 0 means two ticks.
	MinSession time.Duration

	// MaxSession is the longest session timeout that a client is granted; a longer wish is cut to it.
	// 0 means 40 s, as on a stock server, or 20 ticks if that is more.
	MaxSession time.Duration

	// DataDir holds the configuration and the data, one directory for each server. It is made if it is not there, and kept by Stop, so that a
	// later Start goes on with the same data. No two servers may use it at once. Empty means a temporary directory, removed by Stop.
	DataDir string

	// Installation is the ZooKeeper to run. Nil means what Find finds.
	Installation *Installation

	// JVMFlags are given to java. Nil means what DefaultJVMFlags returns; system properties for ZooKeeper can be appended to it.
	JVMFlags []string

	// Logger hears of starts, stops and removed leftovers, not of each line that the server writes. Nil means nobody.
	Logger *slog.Logger
}

const (
	defaultTick       = 200 * time.Millisecond
	defaultMaxSession = 40 * time.Second
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
	if c.JVMFlags == nil {
		c.JVMFlags = DefaultJVMFlags()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Servers != 1:
		return c, fmt.Errorf("%w: %d servers: only a single one can be started so far", ErrConfig, c.Servers)
	case c.Tick < time.Millisecond || c.Tick%time.Millisecond != 0:
		return c, fmt.Errorf("%w: a tick of %v: want whole milliseconds, at least one", ErrConfig, c.Tick)
	case c.MinSession < time.Millisecond:
		return c, fmt.Errorf("%w: a shortest session of %v: want at least 1ms", ErrConfig, c.MinSession)
	case c.MaxSession < c.MinSession:
		return c, fmt.Errorf("%w: the longest session, %v, is below the shortest, %v", ErrConfig, c.MaxSession, c.MinSession)
	case c.Installation != nil && (c.Installation.Java == "" || len(c.Installation.Classpath) == 0):
		return c, fmt.Errorf("%w: an installation without a Java or without a class path", ErrConfig)
	}
	return c, nil
}
