package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zkkit/zkkit/fence"
)

// BenchFenceScenario is the name of the benchmark of the fences.
const BenchFenceScenario = "bench-fence"

// BenchFenceConfig is a run of the benchmark of the fences. The zero value of each field is the default.
type BenchFenceConfig struct {
	Clients    int           // that write, each under a hold and to rows, keys or nodes of its own; 8
	For        time.Duration // of all measurements together; 20 s
	Stores     []string      // that are measured, of FenceStores; all
	OnProgress func(string)  // told what is being done
}

func (c BenchFenceConfig) withDefaults() (BenchFenceConfig, error) {
	c.Clients = cmp.Or(c.Clients, 8)
	c.For = cmp.Or(c.For, 20*time.Second)
	switch {
	case c.Clients < 1 || c.Clients > 1000:
		return c, usage("--clients %d: from 1 to 1000", c.Clients)
	case c.For < time.Second:
		return c, usage("--for %v: at least 1s, for the figures to mean anything", c.For)
	}
	for _, name := range c.Stores {
		if !slices.Contains(FenceStores(), name) {
			return c, usage("--store %s: one of %s", name, strings.Join(FenceStores(), ", "))
		}
	}
	if len(c.Stores) == 0 {
		c.Stores = FenceStores()
	}
	if c.OnProgress == nil {
		c.OnProgress = func(string) {}
	}
	return c, nil
}

// FenceStores returns the names of what the fences are measured on.
func FenceStores() []string {
	var names []string
	for _, s := range fenceStores() {
		names = append(names, s.name)
	}
	return names
}

// A fenceStore is something that is written to, with and without a fence.
type fenceStore struct {
	name  string
	open  func(ctx context.Context, clients int) (*fencedStore, error) // fails with what lacks(err) is true of where the machine has none
	lacks func(error) bool
}

// A fencedStore is one that runs.
type fencedStore struct {
	about    string // kind and version
	engine   Engine // of the ZooKeeper
	subjects []func(ctx context.Context, client int) error
	costs    []fenceCost
	stale    func(ctx context.Context) error // a fenced write of a holder that has lost its lock
	refused  func(error) bool                // whether that says so; nil asks for fence.ErrStale
	close    func()
}

// A fenceCost compares two subjects.
type fenceCost struct {
	name          string
	plain, fenced int
}

// fenceStores are all of them.
func fenceStores() []fenceStore { return []fenceStore{fencePostgres(), fenceZooKeeper(), fenceRedis()} }

// RunBenchFence measures what a write costs that the resource refuses if its token is stale, next to the same write without that: in PostgreSQL, in ZooKeeper and in
// Redis, as far as this machine has them. Each client writes to rows, keys or nodes of its own. The writes of one store are measured in turns, in one run, so that the
// ratios mean something where the figures do not. A ratio is time: 1.10 says that the fenced write takes a tenth longer.
//
// A PostgreSQL is measured as it comes, and without waiting for its disk. A ZooKeeper and a Redis that are started for it never wait for theirs, which would be most of
// every figure, and would bring every ratio near 1.
//
// It fails with a *UsageError before anything is started, with an *EnvironmentError where there is no store at all or one does not work, and with the cause of ctx
// when that ends. It leaves nothing behind.
func RunBenchFence(ctx context.Context, cfg BenchFenceConfig) (Report, error) {
	return runBenchFence(ctx, cfg, fenceStores())
}

func runBenchFence(ctx context.Context, cfg BenchFenceConfig, stores []fenceStore) (Report, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Report{}, err
	}
	b := fenceBench{cfg: cfg, figures: map[string]float64{}, about: map[string]string{}, missing: map[string]string{}}
	defer b.close()
	for _, s := range stores {
		if !slices.Contains(cfg.Stores, s.name) {
			continue
		}
		if err := b.open(ctx, s); err != nil {
			return Report{}, told(ctx, environment(err))
		}
	}
	if len(b.running) == 0 {
		return Report{}, environment(fmt.Errorf("nothing to measure on: %s", strings.Join(b.lines, "; ")))
	}
	r := Result{Figures: b.figures}
	turns := 0
	for i, s := range b.running {
		n, err := b.measure(ctx, s, cfg.For/time.Duration(len(b.running)))
		if err != nil {
			return Report{}, benchFailed(ctx, fmt.Errorf("%s: %w", s.name, err))
		}
		if turns = min(turns, n); i == 0 {
			turns = n
		}
		r.Checks = append(r.Checks, s.check(ctx))
	}
	r.Checks = append(r.Checks, measuredCheck(turns))
	r.Verdict, r.Reasons = Conclude(r.Checks)
	r.Exit = r.Verdict.Exit()
	return NewPlainReport(BenchFenceScenario, b.engine, map[string]any{
		"clients": cfg.Clients, "for_ms": Ms(cfg.For), "data_bytes": benchBytes, "stores": b.about, "missing": b.missing,
	}, r, nil)
}

// fenceBench is one run.
type fenceBench struct {
	cfg     BenchFenceConfig
	running []runningStore
	lines   []string // about what is missing
	engine  Engine
	figures map[string]float64
	about   map[string]string
	missing map[string]string
}

type runningStore struct {
	name string
	*fencedStore
}

// open starts a store, or notes that there is none.
func (b *fenceBench) open(ctx context.Context, s fenceStore) error {
	b.cfg.OnProgress("starting " + s.name)
	f, err := s.open(ctx, b.cfg.Clients)
	switch {
	case err == nil:
		b.running = append(b.running, runningStore{s.name, f})
		b.about[s.name] = f.about
		b.engine = cmp.Or(b.engine, f.engine)
		return nil
	case s.lacks(err):
		b.missing[s.name] = err.Error()
		b.lines = append(b.lines, err.Error())
		return nil
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

func (b *fenceBench) close() {
	for _, s := range b.running {
		s.close()
	}
}

// measure adds the figures of a store, and returns how many turns they are from.
func (b *fenceBench) measure(ctx context.Context, store runningStore, length time.Duration) (int, error) {
	b.cfg.OnProgress(fmt.Sprintf("%s, on %s", count(b.cfg.Clients, "writing client"), store.about))
	var turns []measured
	for _, write := range store.subjects {
		var writes atomic.Int64
		turns = append(turns, func() (time.Duration, error) {
			return window(ctx, b.cfg.Clients, &writes, func(client int) error {
				err := write(ctx, client)
				if err == nil {
					writes.Add(1)
				}
				return err
			})
		})
	}
	s, err := takeTurns(ctx, max(length/5, time.Second), length, turns)
	if err != nil || len(s) == 0 {
		return len(s), err
	}
	for _, c := range store.costs {
		b.figures[c.name+"_plain_writes_per_s"] = s.rate(c.plain)
		b.figures[c.name+"_fenced_writes_per_s"] = s.rate(c.fenced)
		b.figures[c.name+"_fenced_vs_plain_ratio"] = s.ratio(c.plain, c.fenced) // how many times as fast the plain one is: time, fenced by plain
		b.figures[c.name+"_samples"] = float64(len(s))
	}
	return len(s), nil
}

// check keeps a fence that lets everything through from being called cheap.
func (s runningStore) check(ctx context.Context) Check {
	refused := s.refused
	if refused == nil {
		refused = func(err error) bool { return errors.Is(err, fence.ErrStale) }
	}
	c := Check{Name: "refused-" + s.name, Kind: OfSafety, Want: "a stale write is refused by " + s.name}
	switch err := s.stale(ctx); {
	case err == nil:
		c.Got = s.name + " accepted a stale write"
	case !refused(err):
		c.Got = fmt.Sprintf("%s did not refuse a stale write, but failed: %v", s.name, err)
	default:
		c.Got, c.OK = err.Error(), true
	}
	return c
}
