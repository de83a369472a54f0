package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// The workloads of the contention experiment.
const (
	ContendProfiles  = "profiles"  // many records, each of which is updated now and then, and hardly ever by two at once
	ContendInventory = "inventory" // a few records that everybody wants to reserve from
	ContendBoth      = "both"
)

// The stores of the contention experiment.
const (
	ContendZooKeeper = "zookeeper"
	ContendPostgres  = "postgres"
)

// The strategies of the contention experiment.
const (
	contendLock        = "lock"        // a fair lock around read, change and write: zklock; PostgreSQL's advisory lock
	contendCAS         = "cas"         // read, change, write if nobody else has written, and again at once otherwise
	contendBackoff     = "backoff"     // the same, with a random pause
	contendAdaptive    = "adaptive"    // package cas with a store for each worker: turns, and a lock for who keeps losing
	contendCombining   = "combining"   // package cas with a store for each process
	contendForUpdate   = "for-update"  // SELECT ... FOR UPDATE in a transaction
	contendConditional = "conditional" // one statement that changes the value where it may be changed
	contendCurator     = "curator"     // Apache Curator's DistributedAtomicLong, as a peer
	contendBlind       = "blind"       // read, change, write, whoever else has written: the control, which loses updates
)

// contendStrategies are those that a store has, in the order in which they are shown.
func contendStrategies(store string) []string {
	common := []string{contendLock, contendCAS, contendBackoff, contendAdaptive, contendCombining}
	if store == ContendPostgres {
		return append(common, contendForUpdate, contendConditional)
	}
	return common
}

// bare reports whether a strategy keeps records as they are, and not as package cas does.
func bare(strategy string) bool { return strategy == contendLock || strategy == contendBlind }

// A contendCell is one thing that is measured: so many workers, in so many processes, on one workload, with one strategy.
type contendCell struct {
	Workload  string `json:"workload"`
	Strategy  string `json:"strategy"`
	Workers   int    `json:"workers"`
	Processes int    `json:"processes"`
	// Main is whether it is in as many processes as there are at most. The others are there to see what that matters.
	Main bool `json:"main"`
}

// name begins the names of the cell's figures.
func (c contendCell) name() string {
	return c.Workload + "_" + c.Strategy + "_" + c.size()
}

// size is the number of workers, and of processes where it is not the most: "128", "128x4".
func (c contendCell) size() string {
	if c.Main {
		return strconv.Itoa(c.Workers)
	}
	return fmt.Sprintf("%dx%d", c.Workers, c.Processes)
}

// space is where the cell's records are. Those of profiles are many, so that all cells of a strategy share them.
func (c contendCell) space() string {
	if c.Workload == ContendProfiles {
		return c.Workload + "-" + c.Strategy
	}
	return c.Workload + "-" + c.Strategy + "-" + c.size()
}

// share is how many of the cell's workers a process has, and the number of the first.
func (c contendCell) share(process int) (workers, first int) {
	if process >= c.Processes {
		return 0, 0
	}
	least, more := c.Workers/c.Processes, c.Workers%c.Processes
	first = process*least + min(process, more)
	if process < more {
		least++
	}
	return least, first
}

// contendCells lists what is measured. With fewer processes than the most, it is only the lock, the one that shares writes within a process, and what the two are compared by.
func contendCells(workloads, strategies []string, workers, processes []int) []contendCell {
	most := slices.Max(processes)
	var cells []contendCell
	for _, workload := range workloads {
		for _, w := range workers {
			for _, s := range strategies {
				if s != contendCurator {
					cells = append(cells, contendCell{Workload: workload, Strategy: s, Workers: w, Processes: min(w, most), Main: true})
				}
			}
			for _, p := range processes {
				if p >= min(w, most) {
					continue
				}
				for _, s := range []string{contendLock, contendCombining} {
					if !slices.Contains(strategies, s) {
						continue
					}
					cells = append(cells, contendCell{Workload: workload, Strategy: s, Workers: w, Processes: p})
				}
			}
			if workload == ContendInventory && slices.Contains(strategies, contendCurator) { // It has counters only, and all workers in one virtual machine.
				cells = append(cells, contendCell{Workload: workload, Strategy: contendCurator, Workers: w, Processes: 1, Main: true})
			}
		}
	}
	return cells
}

// weight is how long a cell is watched, in units of one with a single worker. Who lines up behind 127 others has a turn seldom, and there must be some to measure.
func (c contendCell) weight() float64 { return math.Cbrt(float64(c.Workers)) }

// contendWeights adds up those of all cells.
func contendWeights(cells []contendCell) (sum float64) {
	for _, c := range cells {
		sum += c.weight()
	}
	return sum
}
