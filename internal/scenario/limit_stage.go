package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/internal/stores"
	"github.com/zkkit/zkkit/partition"
)

// A limitStage is one run of the rate limit scenario, and what it runs on.
type limitStage struct {
	cfg     RateLimitConfig
	id      string // in the names of what is created
	redis   *stores.Redis
	zk      *server
	network *partition.Network // for those that are cut off
	far     *partition.Network // all its links are a millisecond long
	servers []*limitServer

	engines map[string]Engine
	rec     recorder
}

// The names of what it runs on, in the parameters.
const (
	onRedis     = "redis"
	onZooKeeper = "zookeeper"
)

func (s *limitStage) start(ctx context.Context) (err error) {
	quietRedis()
	s.cfg.OnProgress("starting the servers")
	s.engines = map[string]Engine{}
	if s.redis, err = stores.StartRedis(ctx, stores.RedisConfig{Kind: s.cfg.Redis, Logger: s.cfg.Logger}); err != nil {
		return environment(err)
	}
	s.engines[onRedis] = Engine{Name: "Redis", Kind: s.redis.Kind(), Version: s.redis.Version(), About: s.redis.String()}
	if s.uses(ModeLockZooKeeper) {
		if s.zk, err = s.cfg.Engine.start(ctx, benchSession, nil); err != nil {
			return err
		}
		s.engines[onZooKeeper] = s.zk.engine
		if err := s.makeRoot(ctx); err != nil {
			return err
		}
	}
	if s.network, err = partition.New(ctx, partition.Config{Logger: s.cfg.Logger}); err != nil {
		return environment(err)
	}
	s.far, err = partition.New(ctx, partition.Config{Logger: s.cfg.Logger, Delay: time.Millisecond})
	return environment(err)
}

func (s *limitStage) uses(mode string) bool { return slices.Contains(s.cfg.Modes, mode) }

// name begins all names of what is made.
func (s *limitStage) name() string { return "zkkit-ratelimit-" + s.id }

// place is where a limit is kept, for one purpose.
func (s *limitStage) place(purpose string, count int64, per time.Duration) limitPlace {
	p := limitPlace{
		Name: s.name() + "-" + purpose, Redis: s.redis.Addrs()[0], Max: count, Per: per, Batch: limitBatch, Life: s.life(),
	}
	if s.zk != nil {
		p.ZooKeeper = s.zk.addrs
		p.Name = s.name() + "/" + purpose
	}
	return p
}

// limitBatch is the batch of leases where a limit is tried, and fastBatch where speed is measured.
const (
	limitBatch = 10
	fastBatch  = 50
)

// life is that of leases: a second, or a twentieth of the limit's period if that is less.
func (s *limitStage) life() time.Duration {
	return min(time.Second, s.cfg.Per/20).Truncate(time.Millisecond)
}

// makeRoot makes the directory of everything in ZooKeeper.
func (s *limitStage) makeRoot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := s.place("", 1, time.Second).zookeeper(ctx)
	if err != nil {
		return environment(err)
	}
	defer c.Close()
	session, err := c.Session(ctx)
	if err != nil {
		return environment(err)
	}
	for _, purpose := range []string{purposeTrips, purposeSpeed, purposeFar, purposePlay} {
		if err := session.EnsureContainers(ctx, "/"+s.name()+"/"+purpose, nil); err != nil {
			return environment(err)
		}
	}
	return nil
}

// What limits are kept for.
const (
	purposeTrips  = "trips"
	purposeAbuser = "abuser"
	purposeSpeed  = "speed"
	purposeFar    = "far"
	purposePlay   = "play"
)

// close gives everything back, however far the start came.
func (s *limitStage) close(ctx context.Context) {
	for _, w := range s.servers {
		w.end()
	}
	for _, n := range []*partition.Network{s.network, s.far} {
		if n != nil {
			_ = n.Close()
		}
	}
	if s.zk != nil {
		if s.zk.engine.Kind == EngineConnect {
			s.removeAll(ctx)
		}
		_ = s.zk.stop()
	}
	if s.redis != nil {
		_ = s.redis.Stop()
	}
}

// removeAll removes what was made in a ZooKeeper that stays.
func (s *limitStage) removeAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := s.place("", 1, time.Second).zookeeper(ctx)
	if err != nil {
		return
	}
	defer c.Close()
	given, err := c.Session(ctx)
	if err != nil {
		return
	}
	var remove func(path string)
	remove = func(path string) {
		names, _, err := given.Children(ctx, path)
		if err != nil {
			return
		}
		for _, name := range names {
			remove(path + "/" + name)
		}
		_ = given.Delete(ctx, path, -1)
	}
	remove("/" + s.name())
}

// evidence is what was seen so far.
func (s *limitStage) evidence() RateLimitEvidence {
	p := RateLimitParameters{
		Users: s.cfg.Users, Servers: s.cfg.Servers, Max: s.cfg.Max, Per: Millis(s.cfg.Per), Modes: s.cfg.Modes, Callers: s.cfg.Callers, Life: Millis(s.life()),
		On: s.engines, Bounds: map[string]RateLimitBound{},
	}
	for _, m := range s.cfg.Modes {
		bound, loss := declared(m, s.cfg.Max, s.cfg.Per, s.cfg.Servers, s.life())
		p.Bounds[m] = RateLimitBound{Bound: bound, Loss: loss}
	}
	return RateLimitEvidence{Scenario: RateLimitScenario, Engine: s.engines[onRedis], Parameters: p, Events: s.rec.all()}
}

// quietRedis keeps go-redis from telling the standard error about each connection that cannot be made.
func quietRedis() { redis.SetLogger(silentRedis{}) }

type silentRedis struct{}

func (silentRedis) Printf(context.Context, string, ...any) {}

// about says in a few words what a run runs on.
func (p RateLimitParameters) about() string {
	var parts []string
	for _, on := range []string{onRedis, onZooKeeper} {
		if e, ok := p.On[on]; ok {
			parts = append(parts, e.String())
		}
	}
	return fmt.Sprint(strings.Join(parts, "; "))
}
