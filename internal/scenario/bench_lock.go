package scenario

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// BenchLockScenario is the name of the lock benchmark.
const BenchLockScenario = "bench-lock"

// BenchLockConfig is a run of the lock benchmark. The zero value of each field is the default.
type BenchLockConfig struct {
	Clients    int           // that contend; 8
	For        time.Duration // of all measurements together; 10 s
	Engine     EngineConfig
	OnProgress func(string) // told what is being measured
}

// benchSession is the session timeout of all clients. It is long, so that a loaded machine costs no locks.
const benchSession = 20 * time.Second

// benchTick is the tick of a server that is started for the benchmark.
const benchTick = 2 * time.Second

func (c BenchLockConfig) withDefaults(ctx context.Context) (BenchLockConfig, error) {
	c.Clients = cmp.Or(c.Clients, 8)
	c.For = cmp.Or(c.For, 10*time.Second)
	switch {
	case c.Clients < 2 || c.Clients > 1000:
		return c, usage("--clients %d: from 2 to 1000, as one client alone never hands over", c.Clients)
	case c.For < time.Second:
		return c, usage("--for %v: at least 1s, for the figures to mean anything", c.For)
	}
	if c.Engine.Kind != EngineConnect && len(c.Engine.Servers) == 0 {
		c.Engine.Tick = cmp.Or(c.Engine.Tick, benchTick)
		c.Engine.unsynced = true // else the disk is what is measured
	}
	if c.OnProgress == nil {
		c.OnProgress = func(string) {}
	}
	var err error
	c.Engine, err = c.Engine.resolve(ctx, benchSession)
	return c, err
}

// RunBenchLock measures how long it takes to take and give back a lock that nobody else wants, and how long to hand over one that everybody wants: with
// package zklock, with go-zookeeper's own lock, and with nothing but the znode operations that any such lock needs. All are measured in turns, in one run, on
// one server, so that the ratios mean something where the figures do not. A ratio above 1 is in favour of zklock. A server that is started for it does not
// wait for its disk, which would be most of every figure; the parameter fsync of the report says so.
//
// It fails as RunPartition does, and leaves nothing behind.
func RunBenchLock(ctx context.Context, cfg BenchLockConfig) (Report, error) {
	cfg, err := cfg.withDefaults(ctx)
	if err != nil {
		return Report{}, err
	}
	srv, err := cfg.Engine.start(ctx, benchSession, nil)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = srv.stop() }()
	b := &bench{cfg: cfg, root: fmt.Sprintf("/zkkit-bench-%016x", rand.Uint64())}
	defer b.close()
	if err := b.open(ctx, srv); err != nil {
		return Report{}, told(ctx, err)
	}
	// A cycle takes a millisecond and a window of contention a hundred times that, so the latter needs the time.
	alone, err := b.uncontended(ctx, cfg.For/4)
	if err != nil {
		return Report{}, benchFailed(ctx, err)
	}
	together, err := b.contended(ctx, cfg.For-cfg.For/4)
	if err != nil {
		return Report{}, benchFailed(ctx, err)
	}
	r := Result{Figures: map[string]float64{}, Checks: []Check{
		{Name: "exclusive", Kind: OfSafety, Want: "no two clients in the critical section at once", Got: fmt.Sprintf("seen %d times", b.broken.Load()), OK: b.broken.Load() == 0},
		{Name: "tokens-rise", Kind: OfSafety, Want: "every hold of zklock has a greater token than the one before",
			Got: fmt.Sprintf("%d did not", b.fell.Load()), OK: b.fell.Load() == 0},
		measuredCheck(min(len(alone), len(together))),
	}}
	lockFigures(r.Figures, "uncontended", alone)
	lockFigures(r.Figures, "handover", together)
	r.Verdict, r.Reasons = Conclude(r.Checks)
	r.Exit = r.Verdict.Exit()
	return NewPlainReport(BenchLockScenario, srv.engine, map[string]any{"clients": cfg.Clients, "for_ms": Ms(cfg.For), "fsync": !cfg.Engine.unsynced}, r, nil)
}

// The subjects of the lock benchmark.
const (
	lockOurs  = iota // package zklock
	lockGozk         // go-zookeeper's own lock
	lockFloor        // the znode operations that no such lock can do without
	lockSubjects
)

// lockFigures adds the throughput of each subject, and how zklock compares.
func lockFigures(into map[string]float64, name string, s series) {
	if len(s) == 0 {
		return
	}
	into[name+"_per_s"] = s.rate(lockOurs)
	into["gozk_"+name+"_per_s"] = s.rate(lockGozk)
	into["floor_"+name+"_per_s"] = s.rate(lockFloor)
	into[name+"_vs_gozk_ratio"] = s.ratio(lockOurs, lockGozk)
	into[name+"_vs_floor_ratio"] = s.ratio(lockOurs, lockFloor)
	into[name+"_samples"] = float64(len(s))
}

// benchConn returns a connection of go-zookeeper's that is connected.
func benchConn(srv *server) (*zk.Conn, error) {
	conn, _, err := zk.Connect(srv.addrs, benchSession, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return nil, environment(err)
	}
	if _, _, err := conn.Exists("/"); err != nil { // connected, and its class of work is loaded
		conn.Close()
		return nil, environment(err)
	}
	return conn, nil
}

func benchFailed(ctx context.Context, err error) error {
	return told(ctx, environment(fmt.Errorf("the benchmark stopped: %w", err)))
}

// bench is one run and its clients.
type bench struct {
	cfg     BenchLockConfig
	root    string
	clients []*session.Client
	mutexes []*zklock.Mutex // all on one path
	alone   *zklock.Mutex   // on a path of its own
	conns   []*zk.Conn      // one more than there are clients, for the floor

	inside  atomic.Int32
	broken  atomic.Int64 // how often two were inside at once
	newest  atomic.Uint64
	fell    atomic.Int64
	counted atomic.Int64
}

func (b *bench) open(ctx context.Context, srv *server) error {
	within, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
	defer cancel()
	for range b.cfg.Clients {
		c, err := session.Open(within, session.Config{Servers: srv.addrs, Timeout: benchSession})
		if err != nil {
			return environment(err)
		}
		b.clients = append(b.clients, c)
		m, err := zklock.NewMutex(c, b.root+"/ours", zklock.Config{Label: "zkctl bench"})
		if err != nil {
			return err
		}
		b.mutexes = append(b.mutexes, m)
	}
	var err error
	if b.alone, err = zklock.NewMutex(b.clients[0], b.root+"/alone", zklock.Config{Label: "zkctl bench"}); err != nil {
		return err
	}
	for range b.cfg.Clients + 1 {
		conn, err := benchConn(srv)
		if err != nil {
			return err
		}
		b.conns = append(b.conns, conn)
	}
	for _, path := range []string{"", "/floor", "/stock", "/stock-alone"} {
		if _, err := b.conns[0].Create(b.root+path, nil, zk.FlagPersistent, zk.WorldACL(zk.PermAll)); err != nil {
			return environment(err)
		}
	}
	return nil
}

func (b *bench) close() {
	for _, c := range b.clients {
		_ = c.Close()
	}
	if len(b.conns) > 0 {
		for _, path := range []string{"/ours", "/alone", "/floor", "/stock", "/stock-alone", ""} {
			_ = b.conns[0].Delete(b.root+path, -1)
		}
	}
	for _, c := range b.conns {
		c.Close()
	}
}

// enter and leave bracket the critical section, which is as short as it can be.
func (b *bench) enter() {
	if b.inside.Add(1) != 1 {
		b.broken.Add(1)
	}
}

func (b *bench) leave() {
	b.counted.Add(1)
	b.inside.Add(-1)
}

// rise checks the token of a hold, inside the critical section.
func (b *bench) rise(token uint64) {
	if before := b.newest.Swap(token); before >= token {
		b.fell.Add(1)
	}
}
