package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/internal/stores"
)

// ContendScenario is the name of the contention experiment.
const ContendScenario = "contend"

const (
	contendRounds   = 5                      // in which each cell has its turn
	contendShortest = 40 * time.Millisecond  // that one worker is watched in a round
	contendRamp     = 500 * time.Millisecond // at most, before anything counts: those who line up must have done so
)

// contendStore is the store of a run, seen by the experiment itself.
type contendStore interface {
	// prepare makes the records of a cell's space, and total adds up what they hold, and tells the least that one holds if that is below 0.
	prepare(ctx context.Context, cell contendCell, job contendJob) error
	total(ctx context.Context, cell contendCell, job contendJob) (sum, lowest int64, err error)
	// clear removes all that was made.
	clear(ctx context.Context) error
	close()
}

// contendRun is one run.
type contendRun struct {
	cfg     ContendConfig
	engine  Engine
	setup   contendSetup
	store   contendStore
	crew    *contendCrew
	stop    func() error             // the server, if it was started here
	asked   func() (int64, bool)     // requests that the servers have received so far
	results map[string]*contendTally // by the names of cells
	spaces  map[string]*contendSpace
}

// A contendSpace is what is known of the records of some cells.
type contendSpace struct {
	initial   int64
	effect    int64 // that workers were told of
	unknown   int64 // updates of which nobody knows, each worth at most one, or one restock
	corrected int64 // what is explained already: each cell answers for its own
}

// RunContend measures how workers get on who all want to change the same few records, or many records: with a lock, optimistically, and in between. Each cell of the table has its turn in each of
// several rounds, in one run on one server, so that ratios mean something where figures do not. Workers are in processes of their own.
//
// It checks itself. What the records hold in the end must be what workers were told that they have done, after each cell, and a stock never falls below 0: otherwise the verdict is violated.
//
// It fails with a *UsageError before anything is started, with an *EnvironmentError where there is no store or it does not work, and with the cause of ctx when that ends. It leaves nothing behind.
func RunContend(ctx context.Context, cfg ContendConfig) (report Report, err error) {
	cfg, err = cfg.withDefaults(ctx)
	if err != nil {
		return Report{}, err
	}
	r := &contendRun{cfg: cfg, results: map[string]*contendTally{}, spaces: map[string]*contendSpace{}}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return Report{}, told(ctx, err)
	}
	if err := r.measure(ctx); err != nil {
		return Report{}, told(ctx, environment(fmt.Errorf("the experiment stopped: %w", err)))
	}
	doubled := -1.0
	if r.crew.curator != nil {
		cfg.OnProgress("Curator's counter, and a lost reply")
		n, err := curatorLosesReply(ctx)
		if err != nil {
			return Report{}, told(ctx, environment(fmt.Errorf("curator's lost reply: %w", err)))
		}
		doubled = float64(n - 1)
	}
	return r.report(doubled)
}

// open starts the store and the processes, and makes the records.
func (r *contendRun) open(ctx context.Context) error {
	id := fmt.Sprintf("%016x", rand.Uint64())
	r.setup = contendSetup{Store: r.cfg.Store, Root: contendNodes + id, Process: -1}
	r.stop = func() error { return nil }
	var err error
	if r.cfg.Store == ContendPostgres {
		r.setup.Root = contendTables + id
		err = r.openPostgres(ctx)
	} else {
		err = r.openZooKeeper(ctx)
	}
	if err != nil {
		return err
	}
	most := 1
	for _, cell := range r.cfg.cells() {
		most = max(most, cell.Processes)
	}
	r.cfg.OnProgress(fmt.Sprintf("starting worker processes: %d", most))
	if r.crew, err = hireCrew(ctx, r.cfg.Command, most, r.setup); err != nil {
		return err
	}
	if slices.ContainsFunc(r.cfg.cells(), func(c contendCell) bool { return c.Strategy == contendCurator }) {
		r.cfg.OnProgress("starting Curator")
		if r.crew.curator, err = startCurator(ctx, r.setup.Servers, most, r.setup.Root); err != nil {
			return environment(err)
		}
	}
	return r.prepare(ctx)
}

func (r *contendRun) openZooKeeper(ctx context.Context) error {
	r.cfg.OnProgress("starting a server")
	srv, err := r.cfg.Engine.start(ctx, benchSession, nil)
	if err != nil {
		return err
	}
	r.engine, r.stop, r.setup.Servers = srv.engine, srv.stop, srv.addrs
	r.asked = func() (int64, bool) { return received(ctx, srv.addrs) }
	zk, err := newContendZK(ctx, r.setup)
	if err != nil {
		return err
	}
	r.store = zk
	return environment(zk.begin(ctx))
}

func (r *contendRun) openPostgres(ctx context.Context) error {
	r.cfg.OnProgress("starting a PostgreSQL")
	pg, err := stores.StartPostgres(ctx, stores.PostgresConfig{DSN: r.cfg.Postgres, Settings: map[string]string{
		"max_connections": "1200", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", // else the disk is what is measured
	}})
	if err != nil {
		return told(ctx, environment(err))
	}
	r.engine, r.stop, r.setup.DSN = Engine{Kind: pg.Kind(), Version: pg.Version()}, pg.Stop, pg.DSN()
	r.asked = func() (int64, bool) { return 0, false }
	db, err := newContendSQL(ctx, r.setup)
	if err != nil {
		return err
	}
	r.store = db
	if err := db.begin(ctx, r.setup.Root); err != nil {
		return environment(err)
	}
	return environment(db.create(ctx))
}

// prepare makes the records.
func (r *contendRun) prepare(ctx context.Context) error {
	for _, cell := range r.cfg.cells() {
		if r.spaces[cell.space()] != nil || cell.Strategy == contendCurator {
			continue
		}
		job := r.cfg.job(cell.Workload)
		r.cfg.OnProgress("making " + count(job.Keys, "record") + " for " + cell.space())
		if err := r.store.prepare(ctx, cell, job); err != nil {
			return environment(err)
		}
		r.spaces[cell.space()] = &contendSpace{initial: job.initial().N * int64(job.Keys)}
	}
	return nil
}

// measure lets all cells have their turns, each round beginning with another one. A first round does not count: caches are cold, and a virtual machine compiles.
func (r *contendRun) measure(ctx context.Context) error {
	cells := r.cfg.cells()
	unit := r.cfg.For.Seconds() / contendRounds / contendWeights(cells)
	for round := -1; round < contendRounds; round++ {
		for i := range cells {
			cell := cells[(i+max(round, 0)*7)%len(cells)]
			length := time.Duration(unit * cell.weight() * float64(time.Second))
			task := contendTask{Cell: cell, Job: r.cfg.job(cell.Workload), Length: length * 4 / 5, Ramp: length / 5}
			if task.Ramp > contendRamp {
				task.Length, task.Ramp = length-contendRamp, contendRamp
			}
			if round < 0 {
				task.Length = max(length/4, contendShortest)
			}
			r.cfg.OnProgress(fmt.Sprintf("round %d of %d: %s, %s, %s", max(round+1, 1), contendRounds, cell.Workload, cell.Strategy, count(cell.Workers, "worker")))
			if err := r.turn(ctx, task, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn is one window of one cell. In the last round the cell answers for what it has done.
func (r *contendRun) turn(ctx context.Context, task contendTask, round int) error {
	before, _ := r.asked()
	w, err := r.crew.run(ctx, task)
	if err != nil {
		return err
	}
	after, counted := r.asked()
	t := r.results[task.Cell.name()]
	if t == nil {
		t = &contendTally{cell: task.Cell, times: contendTimes{}}
		r.results[task.Cell.name()] = t
	}
	if counted && w.Updates > 0 {
		w.Ops = (after - before) * w.Measured / w.Updates // The share of what was measured in all that there was.
	}
	if round >= 0 {
		t.note(w, task.Length)
	}
	t.lowest = min(t.lowest, w.Lowest)
	t.unknown += w.Unknown
	if task.Cell.Strategy == contendCurator {
		return r.auditCurator(ctx, t, round)
	}
	space := r.spaces[task.Cell.space()]
	space.effect += w.Effect
	space.unknown += w.Unknown
	if round < contendRounds-1 {
		return nil
	}
	sum, lowest, err := r.store.total(ctx, task.Cell, task.Job)
	if err != nil {
		return err
	}
	t.lowest = min(t.lowest, lowest)
	t.audit(space, sum, task.Job)
	return nil
}

func (r *contendRun) auditCurator(ctx context.Context, t *contendTally, round int) error {
	if round < contendRounds-1 {
		return nil
	}
	s, err := r.store.(*contendZK).client.Session(ctx)
	if err != nil {
		return err
	}
	n, err := r.crew.curator.value(ctx, s, t.cell)
	if err != nil {
		return err
	}
	t.audit(&contendSpace{effect: r.crew.curator.told[t.cell.name()]}, n, contendJob{Workload: ContendProfiles})
	return nil
}

// received is how many requests the servers have got so far. It fails where they do not say.
func received(ctx context.Context, addrs []string) (total int64, ok bool) {
	for _, addr := range addrs {
		srvr, err := ensemble.FourLetter(ctx, addr, "srvr")
		if err != nil {
			return 0, false
		}
		var n int64
		_, text, found := strings.Cut(srvr, "\nReceived: ")
		if _, err := fmt.Sscan(text, &n); !found || err != nil {
			return 0, false
		}
		total += n
	}
	return total, true
}

// close ends everything, and removes what was made.
func (r *contendRun) close() {
	if r.crew != nil {
		r.crew.close()
	}
	if r.store != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if r.engine.Kind == EngineConnect { // Else it goes with the server.
			_ = r.store.clear(ctx)
		}
		r.store.close()
	}
	if r.stop != nil {
		_ = r.stop()
	}
}
