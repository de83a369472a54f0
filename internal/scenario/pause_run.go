package scenario

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zkkit/zkkit/internal/stores"
)

// PauseConfig is a run of the pause scenario. The zero value of each field but Worker is the default.
type PauseConfig struct {
	TTL      time.Duration // how long a lock lives; 5 s
	For      time.Duration // how long worker A stands still, at least; 8 s
	Locks    []string      // of [PauseLocks]; LockRedlock
	Cases    []Case        // all
	Repeat   int           // how often each is played; 1
	Parallel int           // how many runs at a time, each with a lock and a resource of its own; 20, and 6 for a TTL below 2 s
	Redis    string        // an engine of package stores; "auto"
	Resource string        // ResourceAuto
	Engine   EngineConfig  // of the ZooKeeper, for LockZooKeeper
	Worker   []string      // the command that is [PauseWorker]
	Logger   *slog.Logger  // hears of starts and stops; nil means nobody

	// OnPlan is told what is about to be tried, before anything is.
	OnPlan func(e PauseEvidence)
	// OnRun is given each run that has come to its end, in their order.
	OnRun func(e PauseEvidence, number int)
}

// The resources of a pause.
const (
	ResourceAuto     = "auto"     // ResourcePostgres where there is one, else ResourceSQLite
	ResourcePostgres = "postgres" // the one that ZKKIT_POSTGRES_DSN names, or one that is started here
	ResourceSQLite   = "sqlite"   // a file for each run
)

// PauseResources returns the names of all resources.
func PauseResources() []string { return []string{ResourceAuto, ResourcePostgres, ResourceSQLite} }

// PauseRedises returns the names of the engines that a Redis can come from.
func PauseRedises() []string {
	return []string{stores.Auto, stores.Local, stores.Docker, stores.Embedded}
}

// What --fast stands for.
const (
	FastTTL = 500 * time.Millisecond
	FastFor = 800 * time.Millisecond
)

// shortestTTL is the least that is of any use: with less, the moments at which a process does not run are what is measured.
const shortestTTL = 100 * time.Millisecond

// How many runs are played at a time. Most of the time of most of them nobody does anything; with a short time to live, what little is done must not wait.
const (
	pauseParallel     = 20
	pauseParallelFast = 6
	shortTTL          = 2 * time.Second
)

func (c PauseConfig) withDefaults(ctx context.Context) (PauseConfig, error) {
	c.TTL, c.For = cmp.Or(c.TTL, 5*time.Second), cmp.Or(c.For, 8*time.Second)
	c.Repeat = cmp.Or(c.Repeat, 1)
	if c.TTL < shortTTL {
		c.Parallel = cmp.Or(c.Parallel, pauseParallelFast)
	}
	c.Parallel = cmp.Or(c.Parallel, pauseParallel)
	c.Redis, c.Resource = cmp.Or(c.Redis, EngineAuto), cmp.Or(c.Resource, ResourceAuto)
	if len(c.Locks) == 0 {
		c.Locks = []string{LockRedlock}
	}
	if len(c.Cases) == 0 {
		c.Cases = Cases()
	}
	switch {
	case c.TTL < shortestTTL:
		return c, usage("--ttl %v: a lock that lives for less than %v is over before it is used on any loaded machine", c.TTL, shortestTTL)
	case c.For <= 0:
		return c, usage("--for %v: a pause lasts longer than 0, for example 8s", c.For)
	case c.Repeat < 1 || c.Repeat > 10_000:
		return c, usage("--repeat %d: from 1 to 10000", c.Repeat)
	case c.Parallel < 1 || c.Parallel > 100:
		return c, usage("--parallel %d: from 1 to 100", c.Parallel)
	case !slices.Contains(PauseResources(), c.Resource):
		return c, usage("unknown resource %q: one of %s", c.Resource, strings.Join(PauseResources(), ", "))
	case len(c.Worker) == 0:
		return c, usage("nothing to start as a worker")
	}
	for _, lock := range c.Locks {
		if !slices.Contains(PauseLocks(), lock) {
			return c, usage("unknown lock %q: one of %s", lock, strings.Join(PauseLocks(), ", "))
		}
	}
	for _, what := range c.Cases {
		if what.Number() == "" {
			return c, usage("unknown scenario %q: one of %v", what, Cases())
		}
	}
	if slices.Contains(c.Locks, LockZooKeeper) {
		var err error
		if c.Engine, err = c.Engine.resolve(ctx, c.TTL); err != nil {
			return c, err
		}
	}
	return c, nil
}

// RunPause lets workers be frozen in every way of the plan, as often as wanted, and returns what was seen. It judges nothing. A pause that is not longer than the lock lives is
// not played: nothing would happen, and the evidence says no more than that.
//
// It fails with a *UsageError before anything is started, with an *EnvironmentError when what it needs cannot be had, and with the cause of ctx when that ends; the
// evidence up to then comes with the latter. In every case all processes are gone and everything that was created is removed when it returns.
func RunPause(ctx context.Context, cfg PauseConfig) (PauseEvidence, error) {
	cfg, err := cfg.withDefaults(ctx)
	if err != nil {
		return PauseEvidence{}, err
	}
	s := &pauseSession{cfg: cfg, clock: readMachineClock(), locks: map[string]Engine{}, id: fmt.Sprintf("%x-%x", os.Getpid(), time.Now().UnixNano())}
	if cfg.For <= cfg.TTL {
		return s.evidence(), nil
	}
	defer s.close(context.WithoutCancel(ctx))
	if err := s.start(ctx); err != nil {
		return PauseEvidence{}, told(ctx, err)
	}
	if cfg.OnPlan != nil {
		cfg.OnPlan(s.evidence())
	}
	err = s.playAll(ctx)
	return s.evidence(), told(ctx, err)
}

// playAll plays all runs, some at a time.
func (s *pauseSession) playAll(ctx context.Context) error {
	plan := pausePlan(s.cfg.Locks, s.cfg.Cases)
	s.runs = make([][]Event, len(plan)*s.cfg.Repeat)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range min(s.cfg.Parallel, len(s.runs)) {
		wg.Go(func() {
			for n := range numbers {
				events, err := s.playUndisturbed(ctx, n, plan[(n-1)%len(plan)])
				if err != nil {
					cancel(err)
					continue
				}
				s.finished(n, events)
			}
		})
	}
	for n := range len(s.runs) {
		select {
		case numbers <- n + 1:
		case <-ctx.Done():
		}
	}
	close(numbers)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// finished keeps the events of a run, and shows those that are at their turn.
func (s *pauseSession) finished(number int, events []Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[number-1] = events
	for s.shown < len(s.runs) && s.runs[s.shown] != nil {
		s.shown++
		if s.cfg.OnRun != nil {
			e := s.evidenceLocked()
			e.Events = s.runs[s.shown-1]
			s.cfg.OnRun(e, s.shown)
		}
	}
}

func (s *pauseSession) evidence() PauseEvidence {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.evidenceLocked()
	e.Events = slices.Concat(s.runs...)
	return e
}

func (s *pauseSession) evidenceLocked() PauseEvidence {
	return PauseEvidence{Scenario: PauseScenario, Engine: s.locks[s.cfg.Locks[0]], Parameters: s.parameters()}
}

func (s *pauseSession) parameters() PauseParameters {
	return PauseParameters{
		TTL: Millis(s.cfg.TTL), For: Millis(s.cfg.For), Plan: pausePlan(s.cfg.Locks, s.cfg.Cases), Repeat: s.cfg.Repeat, Locks: s.locks, Resource: s.resource,
	}
}
