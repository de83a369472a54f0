package scenario

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// ContendConfig is a run of the contention experiment. The zero value of each field is the default, except for Command.
type ContendConfig struct {
	Workload   string        // ContendProfiles, ContendInventory or ContendBoth; both
	Workers    []int         // how many there are, one measurement for each; 1, 8, 32 and 128
	Processes  []int         // in how many processes they are; 16, 4 and 1
	Strategies []string      // that are measured; all
	Keys       int           // records; 5000 profiles, one stock
	Think      time.Duration // what a decision takes between reading and writing
	For        time.Duration // of all measurements together; 3 min
	Store      string        // ContendZooKeeper or ContendPostgres; ZooKeeper
	Engine     EngineConfig  // of the ZooKeeper
	Postgres   string        // the URL of a PostgreSQL that runs already; one is started where there is none
	Command    []string      // starts a worker process, which calls RunContendWorker; nil: all are in this process
	OnProgress func(string)  // told what is being done
}

func (c ContendConfig) withDefaults(ctx context.Context) (ContendConfig, error) {
	c.Workload, c.Store = cmp.Or(c.Workload, ContendBoth), cmp.Or(c.Store, ContendZooKeeper)
	c.For = cmp.Or(c.For, 3*time.Minute)
	if len(c.Workers) == 0 {
		c.Workers = []int{1, 8, 32, 128}
	}
	if len(c.Processes) == 0 {
		c.Processes = []int{16, 4, 1}
	}
	if c.OnProgress == nil {
		c.OnProgress = func(string) {}
	}
	for _, w := range c.Workers {
		if w < 1 || w > 1000 {
			return c, usage("--workers %d: from 1 to 1000", w)
		}
	}
	for _, p := range c.Processes {
		if p < 1 || p > 64 {
			return c, usage("--processes %d: from 1 to 64", p)
		}
	}
	slices.Sort(c.Workers)
	slices.SortFunc(c.Processes, func(a, b int) int { return b - a })
	c.Workers, c.Processes = slices.Compact(c.Workers), slices.Compact(c.Processes)
	switch {
	case c.Workload != ContendProfiles && c.Workload != ContendInventory && c.Workload != ContendBoth:
		return c, usage("unknown workload %q: one of %s, %s, %s", c.Workload, ContendProfiles, ContendInventory, ContendBoth)
	case c.Store != ContendZooKeeper && c.Store != ContendPostgres:
		return c, usage("unknown store %q: one of %s, %s", c.Store, ContendZooKeeper, ContendPostgres)
	case c.Keys != 0 && c.Workload == ContendBoth:
		return c, usage("--keys is of one workload: add --workload %s or --workload %s", ContendProfiles, ContendInventory)
	case c.Keys < 0 || c.Keys > 100_000:
		return c, usage("--keys %d: from 1 to 100000", c.Keys)
	case c.Think < 0 || c.Think > time.Second:
		return c, usage("--think %v: at most 1s", c.Think)
	}
	if err := c.choose(); err != nil {
		return c, err
	}
	cells := c.cells()
	if least := time.Duration(contendWeights(cells)*contendRounds*contendShortest.Seconds()) * time.Second; c.For < least {
		return c, usage("--for %v is too short for %d measurements of %d windows each: at least %v, or fewer --workers", c.For, len(cells), contendRounds, least)
	}
	if c.Store == ContendPostgres {
		return c, nil
	}
	if c.Engine.Kind != EngineConnect && len(c.Engine.Servers) == 0 {
		c.Engine.Tick = cmp.Or(c.Engine.Tick, benchTick)
		c.Engine.unsynced, c.Engine.usualJVM = true, true // Else the disk is what is measured, or a server as it is for its first second.
	}
	var err error
	c.Engine, err = c.Engine.resolve(ctx, benchSession)
	return c, err
}

// choose settles which strategies are measured.
func (c *ContendConfig) choose() error {
	known := contendStrategies(c.Store)
	all := len(c.Strategies) == 0
	_, _, missing := findCurator()
	if c.Think > 0 {
		missing = usage("strategy %s has no place for --think: its counter adds, and decides nothing", contendCurator)
	}
	if c.Store == ContendZooKeeper && missing == nil {
		known = append(known, contendCurator)
	}
	if all {
		c.Strategies = known
	}
	known = append(known, contendBlind) // Only for who asks for it.
	for i, s := range c.Strategies {
		switch {
		case slices.Contains(known, s) && slices.Index(c.Strategies, s) < i:
			return usage("strategy %s is named twice", s)
		case slices.Contains(known, s):
		case s == contendCurator && c.Store == ContendZooKeeper:
			var wrong *UsageError
			if errors.As(missing, &wrong) {
				return wrong
			}
			return environment(missing)
		default:
			return usage("unknown strategy %q for %s: one of %s", s, c.Store, strings.Join(known, ", "))
		}
	}
	return nil
}

func (c ContendConfig) workloads() []string {
	if c.Workload == ContendBoth {
		return []string{ContendProfiles, ContendInventory}
	}
	return []string{c.Workload}
}

func (c ContendConfig) cells() []contendCell {
	return contendCells(c.workloads(), c.Strategies, c.Workers, c.Processes)
}

func (c ContendConfig) job(workload string) contendJob {
	return contendJob{Workload: workload, Think: c.Think, Keys: cmp.Or(c.Keys, map[string]int{ContendProfiles: 5000, ContendInventory: 1}[workload])}
}
