package scenario

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zkkit/zkkit/partition"
)

// PartitionConfig is a run of the partition scenario. The zero value of each field is the default.
type PartitionConfig struct {
	For       Length        // how long the holder is cut off; 3 s
	Session   time.Duration // session timeout to ask for; 2 s
	Kind      Kind          // of the fault between the holder and ZooKeeper; KindDrop
	Direction Direction     // DirectionBoth
	Where     Where         // WhereHolder
	Recipe    string        // RecipeZklock
	Clients   int           // that want the lock, the holder included; 2
	LockPath  string        // a path of its own for each run
	Engine    EngineConfig
	Timeout   time.Duration // bound of the whole run; a minute beyond the cut
	Seed      uint64        // of the moment within the renewals at which the cut comes; 0 means a random one
	Program   *Program      // of the user, that takes part instead of clients with a Recipe; nil for none

	// OnEvent is shown each event once it is known where it stands relative to the cut: all that came before at once, then one by one.
	OnEvent func(Event)
	// OnPlan is told, before the cut, what is about to be tried, and with a reason when the run can prove nothing.
	OnPlan func(e Evidence, inconclusive string)
}

func (c PartitionConfig) withDefaults(ctx context.Context) (PartitionConfig, error) {
	if c.For == (Length{}) {
		c.For = Length{Plus: 3 * time.Second}
	}
	c.Session = cmp.Or(c.Session, 2*time.Second)
	c.Kind = cmp.Or(c.Kind, KindDrop)
	c.Direction = cmp.Or(c.Direction, DirectionBoth)
	c.Where = cmp.Or(c.Where, WhereHolder)
	c.Recipe = cmp.Or(c.Recipe, RecipeZklock)
	if c.Program != nil {
		program, err := c.Program.withDefaults(c.LockPath)
		if err != nil {
			return c, err
		}
		c.Program, c.Recipe = program, RecipeProgram
	}
	c.Clients = cmp.Or(c.Clients, 2)
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	if c.LockPath == "" {
		c.LockPath = fmt.Sprintf("/zkkit-partition-%016x", rand.Uint64())
	}
	switch {
	case c.Session < time.Millisecond:
		return c, usage("--session %v: want at least 1ms, for example 2s", c.Session)
	case c.Clients < 2:
		return c, usage("--clients %d: at least 2, a holder and one that waits", c.Clients)
	case c.Clients > 100:
		return c, usage("--clients %d: at most 100", c.Clients)
	case !slices.Contains(Recipes(), c.Recipe) && c.Program == nil:
		return c, usage("unknown recipe %q: one of %s", c.Recipe, strings.Join(Recipes(), ", "))
	case c.Where.About() == "":
		return c, usage("unknown place of a cut %q: one of %v", c.Where, Wheres())
	case c.Program != nil && c.Where != WhereHolder:
		return c, usage("--cut %s: a program is cut off from its servers itself: leave --cut out", c.Where)
	case !strings.HasPrefix(c.LockPath, "/") || c.LockPath == "/" || strings.HasSuffix(c.LockPath, "/") || strings.Contains(c.LockPath, "//"):
		return c, usage("--lock-path %q: want an absolute path such as /locks/orders", c.LockPath)
	case c.Timeout < 0:
		return c, usage("--timeout %v: want a positive duration", c.Timeout)
	}
	if c.Kind != KindNone {
		kind, err := partition.ParseKind(string(c.Kind))
		if err != nil {
			return c, usage("--kind: %v", err)
		}
		direction, err := partition.ParseDirection(string(c.Direction))
		if err != nil {
			return c, usage("--direction: %v", err)
		}
		if direction != partition.Both && !kind.OneWay() {
			return c, usage("--kind %s works in both directions only: leave --direction out", kind)
		}
	}
	return c.resolve(ctx)
}

// RunPartition holds a lock, cuts its holder off, heals, and returns what everybody saw. It judges nothing.
//
// It fails with a *UsageError before anything is started, with an *EnvironmentError when the servers cannot be had, and with the cause of ctx when that
// ends; the evidence up to then comes with the latter. In every case all links are healed and everything that was started or created is gone
// when it returns.
func RunPartition(ctx context.Context, cfg PartitionConfig) (Evidence, error) {
	cfg, err := cfg.withDefaults(ctx)
	if err != nil {
		return Evidence{}, err
	}
	r := &partitionRun{cfg: cfg, rec: &recorder{show: cfg.OnEvent}}
	defer r.close(context.WithoutCancel(ctx))
	err = r.prepare(ctx)
	switch {
	case err != nil:
	case cfg.Program != nil:
		err = r.playInstances(ctx)
	default:
		err = r.play(ctx)
	}
	if ctx.Err() != nil {
		r.rec.now(Event{Who: WhoHarness, What: Interrupted})
		err = context.Cause(ctx)
		r.cause = err
	}
	e := r.evidence()
	e.Events = r.rec.all()
	r.rec.mute()
	return e, err
}

// partitionRun is one run and everything that it has to give back.
type partitionRun struct {
	cfg      PartitionConfig
	rec      *recorder
	server   *server
	network  *partition.Network
	resource *resource
	observer *observer
	actors   []*actor // the holder first
	playing  sync.WaitGroup
	made     []string // paths that did not exist before
	stopAll  context.CancelFunc
	cause    error // of an interruption

	resourceAddr string
	instances    []*instance // the holder first, where the clients are programs
	owners       *owners
	showing      sync.Mutex // held while what an instance has printed is shown

	negotiated time.Duration
	requested  time.Duration // by a program
	length     time.Duration
	cut        []*partition.Link // what the fault is injected into
	apart      []int             // the servers that are cut off from the others, of the fleet
	near, far  []string          // the servers of the holder, and those of everybody else
	res        *partition.Link   // holder to the resource
}

func (r *partitionRun) evidence() Evidence {
	c := r.cfg
	e := Evidence{Scenario: PartitionScenario, Parameters: Parameters{
		SessionRequested: Millis(c.Session), SessionNegotiated: Millis(r.negotiated), For: Millis(r.length), Kind: c.Kind, Direction: c.Direction,
		Where: c.Where, Recipe: c.Recipe, Clients: c.Clients, LockPath: c.LockPath, Fenced: c.Recipe != RecipeStock, Seed: c.Seed,
		StalePlanned: c.Kind != KindNone, RejoinPlanned: c.Kind != KindNone,
	}}
	if p := c.Program; p != nil {
		e.Parameters.Command, e.Parameters.Resource, e.Parameters.Fenced = p.Command, p.Resource, p.Resource == ResourceFenced
		e.Parameters.SessionRequested, e.Parameters.StalePlanned, e.Parameters.RejoinPlanned = Millis(r.requested), false, false
	}
	if r.server != nil {
		e.Engine, e.Parameters.Tick, e.Parameters.SyncLimit = r.server.engine, Millis(r.server.tick), Millis(r.server.syncLimit)
		e.Parameters.Servers = len(r.server.addrs)
		e.Predicted = Predict(e.Parameters)
	}
	return e
}
