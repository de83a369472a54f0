package scenario

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
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
	Recipe    string        // RecipeZklock
	Clients   int           // that want the lock, the holder included; 2
	LockPath  string        // a path of its own for each run
	Engine    EngineConfig
	Timeout   time.Duration // bound of the whole run; a minute beyond the cut
	Seed      uint64        // of the moment within the renewals at which the cut comes; 0 means a random one

	// OnEvent is shown each event once it is known where it stands relative to the cut: all that came before at once, then one by one.
	OnEvent func(Event)
	// OnPlan is told, before the cut, what is about to be tried, and with a reason when the run can prove nothing.
	OnPlan func(e Evidence, inconclusive string)
}

func (c PartitionConfig) withDefaults() (PartitionConfig, error) {
	if c.For == (Length{}) {
		c.For = Length{Plus: 3 * time.Second}
	}
	c.Session = cmp.Or(c.Session, 2*time.Second)
	c.Kind = cmp.Or(c.Kind, KindDrop)
	c.Direction = cmp.Or(c.Direction, DirectionBoth)
	c.Recipe = cmp.Or(c.Recipe, RecipeZklock)
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
	case c.Recipe != RecipeZklock && c.Recipe != RecipeStock:
		return c, usage("unknown recipe %q: %s or %s", c.Recipe, RecipeZklock, RecipeStock)
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
	var err error
	c.Engine, err = c.Engine.resolve(c.Session)
	return c, err
}

// RunPartition holds a lock, cuts its holder off, heals, and returns what everybody saw. It judges nothing.
//
// It fails with a *UsageError before anything is started, with an *EnvironmentError when the servers cannot be had, and with the cause of ctx when that
// ends; the evidence up to then comes with the latter. In every case all links are healed and everything that was started or created is gone
// when it returns.
func RunPartition(ctx context.Context, cfg PartitionConfig) (Evidence, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Evidence{}, err
	}
	r := &partitionRun{cfg: cfg, rec: &recorder{show: cfg.OnEvent}}
	defer r.close(context.WithoutCancel(ctx))
	err = r.prepare(ctx)
	if err == nil {
		err = r.play(ctx)
	}
	if ctx.Err() != nil {
		r.rec.now(Event{Who: WhoHarness, What: Interrupted})
		err = context.Cause(ctx)
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

	negotiated time.Duration
	length     time.Duration
	zk         []*partition.Link // holder to ZooKeeper
	res        *partition.Link   // holder to the resource
}

func (r *partitionRun) evidence() Evidence {
	c := r.cfg
	e := Evidence{Scenario: PartitionScenario, Parameters: Parameters{
		SessionRequested: Millis(c.Session), SessionNegotiated: Millis(r.negotiated), For: Millis(r.length), Kind: c.Kind, Direction: c.Direction,
		Recipe: c.Recipe, Clients: c.Clients, LockPath: c.LockPath, Fenced: c.Recipe == RecipeZklock, Seed: c.Seed,
		StalePlanned: c.Kind != KindNone, RejoinPlanned: c.Kind != KindNone,
	}}
	if r.server != nil {
		e.Engine, e.Parameters.Tick = r.server.engine, Millis(r.server.tick)
		e.Predicted = Predict(c.Kind, c.Direction, r.negotiated, r.server.tick)
	}
	return e
}
