package scenario

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zkkit/zkkit/ensemble"
)

// BenchServerScenario is the name of the server benchmark.
const BenchServerScenario = "bench-server"

// BenchServerConfig is a run of the server benchmark. The zero value of each field is the default.
type BenchServerConfig struct {
	Clients    int           // that write, each on a connection of its own; 8
	For        time.Duration // of all measurements together; 10 s
	OnProgress func(string)  // told what is being done
}

func (c BenchServerConfig) withDefaults() (BenchServerConfig, error) {
	c.Clients = cmp.Or(c.Clients, 8)
	c.For = cmp.Or(c.For, 10*time.Second)
	switch {
	case c.Clients < 1 || c.Clients > 1000:
		return c, usage("--clients %d: from 1 to 1000", c.Clients)
	case c.For < time.Second:
		return c, usage("--for %v: at least 1s, for the figures to mean anything", c.For)
	}
	if c.OnProgress == nil {
		c.OnProgress = func(string) {}
	}
	return c, nil
}

// The subjects of the server benchmark.
const (
	serverEmbedded = iota // zktest in this process
	serverReal            // a ZooKeeper as it comes
	serverNoFsync         // the same, answering before its disk has what it answered for
	serverSubjects
)

// RunBenchServer measures how many writes per second clients get out of zktest, and out of the ZooKeeper that is installed here: as it comes, and without waiting
// for its disk, which zktest has none of. A write is a create, a set or a delete of a small node, one at a time for each client, over TCP for all three. They are
// measured in turns, in one run. A ratio above 1 is in favour of zktest.
//
// Every set and delete names the version that the node must have, and in the end the directory's own version, which counts creates and deletes, is compared
// with what was acknowledged. A server that only says yes is not called fast: the verdict is violated.
//
// It fails with a *UsageError before anything is started, with an *EnvironmentError where no ZooKeeper is installed or one does not work, and with the cause of ctx
// when that ends. It leaves nothing behind.
func RunBenchServer(ctx context.Context, cfg BenchServerConfig) (Report, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Report{}, err
	}
	if _, err := ensemble.Find(); err != nil {
		return Report{}, environment(err)
	}
	b := &serverBench{cfg: cfg, root: fmt.Sprintf("/zkkit-bench-%016x", rand.Uint64())}
	defer b.close()
	if err := b.open(ctx); err != nil {
		return Report{}, told(ctx, err)
	}
	cfg.OnProgress(fmt.Sprintf("%s, on each server in turn", count(cfg.Clients, "writing client")))
	var turns []measured
	for _, s := range b.subjects {
		turns = append(turns, func() (time.Duration, error) { return window(ctx, len(s.conns), &s.writes, s.cycle) })
	}
	// Java compiles for seconds; nothing is counted until then.
	s, err := takeTurns(ctx, max(cfg.For/5, 3*time.Second), cfg.For, turns)
	if err != nil {
		return Report{}, benchFailed(ctx, err)
	}
	done, err := b.executed()
	if err != nil {
		return Report{}, benchFailed(ctx, err)
	}
	r := Result{Figures: serverFigures(s), Checks: []Check{checkExecuted(done), measuredCheck(len(s))}}
	r.Verdict, r.Reasons = Conclude(r.Checks)
	r.Exit = r.Verdict.Exit()
	return NewPlainReport(BenchServerScenario, b.subjects[serverEmbedded].server.engine, map[string]any{
		"clients": cfg.Clients, "for_ms": Ms(cfg.For), "data_bytes": benchBytes, "real": b.subjects[serverReal].server.engine,
	}, r, nil)
}

func serverFigures(s series) map[string]float64 {
	if len(s) == 0 {
		return nil
	}
	return map[string]float64{
		"zktest_writes_per_s":          s.rate(serverEmbedded),
		"real_writes_per_s":            s.rate(serverReal),
		"real_nofsync_writes_per_s":    s.rate(serverNoFsync),
		"zktest_vs_real_ratio":         s.ratio(serverEmbedded, serverReal),
		"zktest_vs_real_nofsync_ratio": s.ratio(serverEmbedded, serverNoFsync),
		"writes_samples":               float64(len(s)),
	}
}

// serverBench is one run, its servers and their clients.
type serverBench struct {
	cfg      BenchServerConfig
	root     string
	subjects []*serverSubject
}

// open starts the servers, and opens the connections to them.
func (b *serverBench) open(ctx context.Context) error {
	for subject, engine := range [serverSubjects]EngineConfig{
		serverEmbedded: {Kind: EngineEmbedded},
		serverReal:     {Kind: EngineLocal, usualJVM: true},
		serverNoFsync:  {Kind: EngineLocal, usualJVM: true, unsynced: true},
	} {
		b.cfg.OnProgress(fmt.Sprintf("starting server %d of %d", subject+1, serverSubjects))
		engine.Tick = benchTick
		srv, err := engine.start(ctx, benchSession, nil)
		if err != nil {
			return err
		}
		s := &serverSubject{server: srv, root: b.root}
		b.subjects = append(b.subjects, s)
		if err := s.open(ctx, b.cfg.Clients); err != nil {
			return err
		}
	}
	return nil
}

func (b *serverBench) close() {
	for _, s := range b.subjects {
		s.close()
	}
}

// executed is what a server has acknowledged, and what it has to show for it.
type executed struct {
	engine string
	acked  int64 // cycles of a create, a set and a delete
	stat   zk.Stat
}

// executed asks the servers whether they have done what they were measured doing.
func (b *serverBench) executed() ([]executed, error) {
	var all []executed
	for _, s := range b.subjects {
		_, stat, err := s.conns[0].Exists(b.root)
		if err != nil {
			return nil, err
		}
		all = append(all, executed{engine: s.server.engine.Kind, acked: s.cycles.Load(), stat: *stat})
	}
	return all, nil
}

// checkExecuted keeps a server that only says yes from being called fast. A directory counts each create and each delete, in 32 bits.
func checkExecuted(all []executed) Check {
	c := Check{Name: "executed", Kind: OfSafety, Want: "every node that a server said it made and deleted was made and deleted", OK: true}
	var got []string
	for _, e := range all {
		if e.stat.Cversion != int32(2*e.acked) || e.stat.NumChildren != 0 {
			c.OK = false
		}
		got = append(got, fmt.Sprintf("%d of %d on %s, %d left", uint32(e.stat.Cversion)/2, e.acked, e.engine, e.stat.NumChildren))
	}
	c.Got = strings.Join(got, "; ")
	return c
}

// serverSubject is one server and the clients that write to it.
type serverSubject struct {
	server *server
	root   string
	conns  []*zk.Conn

	writes atomic.Int64 // that were acknowledged
	cycles atomic.Int64 // of three writes
}

func (s *serverSubject) open(ctx context.Context, clients int) error {
	for range clients {
		conn, err := benchConn(s.server)
		if err != nil {
			return err
		}
		s.conns = append(s.conns, conn)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	_, err := s.conns[0].Create(s.root, nil, zk.FlagPersistent, zk.WorldACL(zk.PermAll))
	return environment(err)
}

func (s *serverSubject) close() {
	for _, c := range s.conns {
		c.Close()
	}
	_ = s.server.stop()
}

// benchBytes is the size of the data of each node.
const benchBytes = 100

// cycle makes, changes and deletes a node of this client's.
func (s *serverSubject) cycle(client int) error {
	conn, path, data := s.conns[client], fmt.Sprintf("%s/c%d", s.root, client), make([]byte, benchBytes)
	if _, err := conn.Create(path, data, zk.FlagPersistent, zk.WorldACL(zk.PermAll)); err != nil {
		return err
	}
	s.writes.Add(1)
	if _, err := conn.Set(path, data, 0); err != nil {
		return err
	}
	s.writes.Add(1)
	if err := conn.Delete(path, 1); err != nil {
		return err
	}
	s.writes.Add(1)
	s.cycles.Add(1)
	return nil
}
