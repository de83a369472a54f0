package containers

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// A Config says which ZooKeeper is started. The zero Config is one server with a tick of 200 ms.
// It is not changed by those who take it, and so safe for concurrent use as long as nobody writes to it.
type Config struct {
	// Servers is the number of servers, 1 to 5. 0 means 1.
	Servers int

	// Tick is ZooKeeper's tickTime: the unit in which a server counts sessions, in whole milliseconds. 0 means 200 ms.
	// A session of T ends between T and T plus one tick after the last that was heard of its client. A stock server ticks every 2 s.
	Tick time.Duration

	// MinSession is the shortest session timeout that a client is granted; a shorter wish is raised to it. 0 means two ticks.
	MinSession time.Duration

	// MaxSession is the longest session timeout that a client is granted; a longer wish is cut to it. 0 means 40 s, or 20 ticks if that is more.
	MaxSession time.Duration

	// SyncLimit is how long a follower and its leader live without hearing from each other, in whole ticks. 0 means 2 s, or two ticks if that is
	// more. After it a leader that is cut off resigns, and followers look for another one.
	SyncLimit time.Duration

	// ZooKeeperImage is the image of the servers. Empty means ZKKIT_ZOOKEEPER_IMAGE in the environment; without that, DefaultZooKeeperImage, or
	// what docker/build made if only that is there.
	ZooKeeperImage string

	// ToxiproxyImage is the image of the Toxiproxy, as above with ZKKIT_TOXIPROXY_IMAGE and DefaultToxiproxyImage. The official one has no gate:
	// see partition.Network.Caveats.
	ToxiproxyImage string

	// NoPull makes an image that is not on the engine count as missing, rather than to be pulled.
	NoPull bool

	// Logger hears of starts, stops and removed leftovers. Nil means nobody.
	Logger *slog.Logger
}

const (
	// DefaultZooKeeperImage is the official image of ZooKeeper.
	DefaultZooKeeperImage = "zookeeper:3.9"

	// DefaultToxiproxyImage is the official image of Toxiproxy, where its project publishes it, at the version that package partition is built with.
	DefaultToxiproxyImage = "ghcr.io/shopify/toxiproxy:2.12.0"

	maxServers        = 5
	defaultTick       = 200 * time.Millisecond
	defaultMaxSession = 40 * time.Second
	defaultSyncLimit  = 2 * time.Second
	initLimit         = 10 * time.Second // For followers to join their leader, on a machine that is busy.
)

// withDefaults returns the Config with its zero values filled in, but for the images, or an error that wraps ErrConfig.
func (c Config) withDefaults() (Config, error) {
	c.Servers = cmp.Or(c.Servers, 1)
	c.Tick = cmp.Or(c.Tick, defaultTick)
	c.MinSession = cmp.Or(c.MinSession, 2*c.Tick)
	c.MaxSession = cmp.Or(c.MaxSession, max(defaultMaxSession, 20*c.Tick, c.MinSession))
	c.SyncLimit = cmp.Or(c.SyncLimit, max(defaultSyncLimit, 2*c.Tick))
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	switch {
	case c.Servers < 1 || c.Servers > maxServers:
		return c, fmt.Errorf("%w: %d servers: want 1 to %d", ErrConfig, c.Servers, maxServers)
	case c.Tick < time.Millisecond || c.Tick%time.Millisecond != 0:
		return c, fmt.Errorf("%w: a tick of %v: want whole milliseconds, at least one", ErrConfig, c.Tick)
	case c.MinSession < time.Millisecond:
		return c, fmt.Errorf("%w: a shortest session of %v: want at least 1ms", ErrConfig, c.MinSession)
	case c.MaxSession < c.MinSession:
		return c, fmt.Errorf("%w: the longest session, %v, is below the shortest, %v", ErrConfig, c.MaxSession, c.MinSession)
	case c.SyncLimit < c.Tick:
		return c, fmt.Errorf("%w: a sync limit of %v: want at least one tick, %v", ErrConfig, c.SyncLimit, c.Tick)
	}
	return c, nil
}

// ticks returns the least number of ticks that are at least d.
func (c Config) ticks(d time.Duration) int64 { return int64((d + c.Tick - 1) / c.Tick) }
