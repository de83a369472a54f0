package stores

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const maxNodes = 9

// A RedisConfig says which Redis is started. The zero RedisConfig is one node, of whatever engine there is, that keeps nothing on disk.
// It is not changed by those who take it, and so safe for concurrent use as long as nobody writes to it.
type RedisConfig struct {
	// Kind is Auto, Local, Docker or Embedded. Empty means Auto: what is installed here, else containers when an engine answers and the image is there, else the
	// embedded one.
	Kind string

	// Nodes is the number of Redises, 1 to 9, that know nothing of each other, as Redlock wants them. 0 means 1.
	Nodes int

	// AppendOnly makes each node write what changes to its disk, and wait for that before it answers (appendfsync always), so that it survives a Kill and a Restart.
	// Without it a node that is restarted is empty. An embedded one is as if it did.
	AppendOnly bool

	// Args are given to redis-server after our own, such as "--maxmemory", "64mb". Port, address and password must stay as they are. Embedded has no use for them.
	Args []string

	// Binary is the redis-server to run as a local process. Empty means what FindRedis finds.
	Binary string

	// Image is the image of containers. Empty means ZKKIT_REDIS_IMAGE in the environment; without that DefaultRedisImage, or what docker/build made if only that is there.
	Image string

	// NoPull makes an image that is not on the engine count as missing, rather than to be pulled. Auto never pulls.
	NoPull bool

	// Logger hears of starts, stops, removed leftovers, and of what Auto has passed over. Nil means nobody.
	Logger *slog.Logger

	root string // Where the files of this machine are. Tests have another one.
}

func (c RedisConfig) withDefaults() (RedisConfig, error) {
	if c.Kind == "" {
		c.Kind = Auto
	}
	if c.Nodes == 0 {
		c.Nodes = 1
	}
	c.Logger, c.root = orDiscard(c.Logger), cmp.Or(c.root, "/")
	if c.Nodes < 1 || c.Nodes > maxNodes {
		return c, fmt.Errorf("%w: %d nodes: want 1 to %d", ErrConfig, c.Nodes, maxNodes)
	}
	return c, nil
}

// A Redis is one or more running nodes. [StartRedis] makes it, and whoever made it calls Stop. It is safe for concurrent use. The zero Redis is not usable.
type Redis struct {
	kind    string
	version string
	about   string
	nodes   []*RedisNode
	logger  *slog.Logger
	cleanup func() error // After the nodes have been stopped. Nil means that there is nothing to do.

	stop    sync.Once
	stopErr error // Written by stop.
}

// A RedisNode is one of the Redises. It comes from [Redis.Node]. It is safe for concurrent use. The zero RedisNode is not usable.
type RedisNode struct {
	addr   string
	server server
}

// StartRedis starts a Redis and blocks until every node answers PING, ctx ends, or a minute has passed.
//
// It returns a Redis that the caller stops. ctx bounds the start only. On failure nothing is left of it. The error is ErrConfig for a RedisConfig that cannot
// be, ErrNotInstalled when there is none of the kind that was asked for, be it for want of a Docker engine or of an image, an [*ExitError] when a process ended before it served,
// or ctx's cause. With Auto there is always one: at least the embedded one.
func StartRedis(ctx context.Context, cfg RedisConfig) (*Redis, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	began := time.Now()
	r, err := startRedis(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r.logger = cfg.Logger
	cfg.Logger.Info("Redis serves", "redis", r.String(), "addrs", r.Addrs(), "after", time.Since(began))
	return r, nil
}

func startRedis(ctx context.Context, cfg RedisConfig) (*Redis, error) {
	switch cfg.Kind {
	case Local:
		return startLocalRedis(ctx, cfg)
	case Docker:
		return startDockerRedis(ctx, cfg)
	case Embedded:
		return startEmbeddedRedis(ctx, cfg)
	case Auto:
	default:
		return nil, fmt.Errorf("%w: %q is no kind of Redis: want %s, %s, %s or %s", ErrConfig, cfg.Kind, Auto, Local, Docker, Embedded)
	}
	r, err := startLocalRedis(ctx, cfg)
	if !errors.Is(err, ErrNotInstalled) {
		return r, err
	}
	cfg.Logger.Info("Redis is not installed", "err", err)
	cfg.NoPull = true
	r, err = startDockerRedis(ctx, cfg)
	if !errors.Is(err, ErrNotInstalled) {
		return r, err
	}
	cfg.Logger.Info("Redis is not to be had as a container", "err", err)
	return startEmbeddedRedis(ctx, cfg)
}

// Kind returns the engine: Local, Docker or Embedded.
func (r *Redis) Kind() string { return r.kind }

// Version returns what the first node said its version is, such as "7.0.15"; that of miniredis for the embedded one.
func (r *Redis) Version() string { return r.version }

// String says in a few words what this runs on, such as "redis-server 7.0.15, 5 local processes".
func (r *Redis) String() string { return r.about }

// Addrs returns the address of each node, as host:port. They stay the same over a Restart. The slice is the caller's.
func (r *Redis) Addrs() []string {
	addrs := make([]string, len(r.nodes))
	for i, n := range r.nodes {
		addrs[i] = n.addr
	}
	return addrs
}

// Node returns a node, the first one for 0. Like an index, it panics when there is no such node.
func (r *Redis) Node(i int) *RedisNode { return r.nodes[i] }

// Nodes returns all nodes. The slice is the caller's.
func (r *Redis) Nodes() []*RedisNode { return slices.Clone(r.nodes) }

// Stop ends all nodes and removes their data. It blocks until that is done. The error is about what could not be removed, and is left behind. Stop may be called
// again, and then returns the same.
func (r *Redis) Stop() error {
	r.stop.Do(func() {
		errs := make([]error, len(r.nodes))
		each(r.nodes, func(i int, n *RedisNode) { errs[i] = n.server.stop() })
		if r.cleanup != nil {
			errs = append(errs, r.cleanup())
		}
		r.stopErr = errors.Join(errs...)
		r.logger.Info("Redis stopped", "redis", r.String(), "addrs", r.Addrs())
	})
	return r.stopErr
}

// each does something with all nodes at once, and returns when it is done with all.
func each[T any](all []T, do func(i int, one T)) {
	var wg sync.WaitGroup
	for i, one := range all {
		wg.Go(func() { do(i, one) })
	}
	wg.Wait()
}

// Addr returns the address, as host:port. It stays the same over a Restart.
func (n *RedisNode) Addr() string { return n.addr }

// Pause stops the node where it stands, and blocks until it has stopped. Connections stay open, new ones too, and nothing is answered; time goes on, and what
// expires meanwhile has expired when it is resumed. What was sent to it meanwhile is then done, even if nobody waits for the answer any more.
// It fails with ErrNotRunning when the node has ended, and with ErrNotPossible where processes cannot be stopped.
func (n *RedisNode) Pause(ctx context.Context) error { return n.server.pause(ctx) }

// Resume lets a paused node go on, and blocks until it does. It does nothing to one that runs. It fails with ErrNotRunning when the node has ended.
func (n *RedisNode) Resume(ctx context.Context) error { return n.server.resume(ctx) }

// Kill ends the node at once, paused or not, as kill -9 does, and blocks until it is gone. Restart brings it back. It fails with ErrNotRunning when it had ended before.
func (n *RedisNode) Kill(ctx context.Context) error { return n.server.kill(ctx) }

// Restart starts the node again on the same address, after ending it in order if it runs. It blocks until it answers, ctx ends, or a minute has passed. It is empty
// then, and knows no scripts, but with AppendOnly has its data. On failure it does not run, and Restart may be called again. It fails with ErrPortTaken when another
// process has taken its port meanwhile.
func (n *RedisNode) Restart(ctx context.Context) error { return n.server.restart(ctx) }
