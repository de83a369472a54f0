package scenario

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/zkkit/zkkit/internal/stores"
	"github.com/zkkit/zkkit/ratelimit"
)

// RateLimitScenario is the name of the story in which many servers limit the same users.
const RateLimitScenario = "ratelimit"

// RateLimitConfig is a run of the rate limit scenario. The zero value of each field but Worker is the default.
type RateLimitConfig struct {
	Users      int           // that are limited; 6
	Servers    int           // processes that limit them; 50
	Max        int64         // requests per Per of each user; 100
	Per        time.Duration // a minute
	Modes      []string      // of [RateLimitModes]; all
	For        time.Duration // of the measurements of speed, together; 20 s
	Callers    int           // at one key, of these; 64
	Redis      string        // an engine of package stores; "auto"
	Engine     EngineConfig  // of the ZooKeeper, for ModeLockZooKeeper
	Worker     []string      // the command that is [RateLimitWorker]
	Logger     *slog.Logger  // hears of starts and stops; nil means nobody
	OnProgress func(string)  // told what is being done
}

// What --fast stands for.
const (
	FastServers = 12
	FastMax     = 60
	FastPer     = 3 * time.Second
	FastSpeed   = 6 * time.Second
)

const (
	shortestPer = time.Second
	leastMax    = 20
)

func (c RateLimitConfig) withDefaults(ctx context.Context) (RateLimitConfig, error) {
	c.Users, c.Servers = cmp.Or(c.Users, 6), cmp.Or(c.Servers, 50)
	c.Max, c.Per = cmp.Or(c.Max, 100), cmp.Or(c.Per, time.Minute)
	c.For, c.Callers = cmp.Or(c.For, 20*time.Second), cmp.Or(c.Callers, 64)
	c.Redis = cmp.Or(c.Redis, stores.Auto)
	if len(c.Modes) == 0 {
		c.Modes = RateLimitModes()
	}
	if c.OnProgress == nil {
		c.OnProgress = func(string) {}
	}
	limit := ratelimit.Limit{Max: c.Max, Per: c.Per}
	switch {
	case c.Users < 1 || c.Users > 1000:
		return c, usage("--users %d: from 1 to 1000", c.Users)
	case c.Servers < 2 || c.Servers > 200:
		return c, usage("--servers %d: from 2 to 200, as one server alone shares nothing", c.Servers)
	case limit.Validate() != nil:
		return c, usage("--limit: %v", limit.Validate())
	case c.Max < leastMax || c.Max > 100_000:
		return c, usage("--limit %d per %v: from %d to 100000 requests, for the figures to mean anything", c.Max, c.Per, leastMax)
	case c.Per < shortestPer || c.Per > time.Hour:
		return c, usage("--limit %d per %v: a period from %v to 1h", c.Max, c.Per, shortestPer)
	case c.For < time.Second:
		return c, usage("--for %v: at least 1s, for the figures to mean anything", c.For)
	case c.Callers < 1 || c.Callers > 1000:
		return c, usage("--callers %d: from 1 to 1000", c.Callers)
	}
	var modes []string // each once
	for _, m := range c.Modes {
		if !slices.Contains(modes, m) {
			modes = append(modes, m)
		}
	}
	c.Modes = modes
	for _, m := range c.Modes {
		if !slices.Contains(RateLimitModes(), m) {
			return c, usage("unknown mode %q: one of %v", m, RateLimitModes())
		}
	}
	if slices.Contains(c.Modes, ModeLockZooKeeper) {
		c.Engine.unsynced = c.Engine.Kind != EngineConnect && len(c.Engine.Servers) == 0 // Else the disk is what is measured.
		if !c.Engine.unsynced {
			c.Engine.Tick = 0
		} else {
			c.Engine.Tick = cmp.Or(c.Engine.Tick, benchTick)
		}
		var err error
		if c.Engine, err = c.Engine.resolve(ctx, benchSession); err != nil {
			return c, err
		}
	}
	return c, nil
}

// RunRateLimit has processes limit the same users, each mode with keys of its own and all at the same time, while users do their worst, and things break; and measures how fast the modes
// are, in turns. It returns what was seen, and judges nothing.
//
// It fails with a *UsageError before anything is started, with an *EnvironmentError when what it needs cannot be had, and with the cause of ctx when that ends. In every case all
// processes are gone and everything that was created is removed when it returns.
func RunRateLimit(ctx context.Context, cfg RateLimitConfig) (RateLimitEvidence, error) {
	cfg, err := cfg.withDefaults(ctx)
	if err != nil {
		return RateLimitEvidence{}, err
	}
	s := &limitStage{cfg: cfg, id: fmt.Sprintf("%016x", time.Now().UnixNano())}
	defer s.close(context.WithoutCancel(ctx))
	if err := s.start(ctx); err != nil {
		return RateLimitEvidence{}, told(ctx, err)
	}
	for _, step := range []func(context.Context) error{s.measureTrips, s.measureAbuser, s.measureSpeed, s.measureFar, s.play} {
		if err := step(ctx); err != nil {
			return s.evidence(), benchFailed(ctx, err)
		}
	}
	return s.evidence(), nil
}
