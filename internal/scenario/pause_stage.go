package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	tied "github.com/zkkit/zkkit/internal/child"
	"github.com/zkkit/zkkit/internal/stores"
	"github.com/zkkit/zkkit/session"
)

// A pauseSession is all runs of one experiment, and what they run on.
type pauseSession struct {
	cfg      PauseConfig
	clock    machineClock
	id       string // in the names of what is created
	redis    *stores.Redis
	zk       *server
	postgres *stores.Postgres
	schema   *ledger // of PostgreSQL: where the schema was made
	dir      string  // of SQLite
	locks    map[string]Engine
	resource Engine

	mu    sync.Mutex // guards all below
	runs  [][]Event  // by number, counted from 0
	shown int
}

// redlockNodes is how many nodes a Redlock has.
const redlockNodes = 5

// start brings up what the locks and the resource run on.
func (s *pauseSession) start(ctx context.Context) error {
	if slices.Contains(s.cfg.Locks, LockRedlock) || slices.Contains(s.cfg.Locks, LockRedis) {
		nodes := 1
		if slices.Contains(s.cfg.Locks, LockRedlock) {
			nodes = redlockNodes
		}
		var err error
		if s.redis, err = stores.StartRedis(ctx, stores.RedisConfig{Kind: s.cfg.Redis, Nodes: nodes, Logger: s.cfg.Logger}); err != nil {
			return environment(err)
		}
		for _, lock := range []string{LockRedlock, LockRedis} {
			if slices.Contains(s.cfg.Locks, lock) {
				about := "SET NX PX by hand on one node of "
				if lock == LockRedlock {
					about = strings.TrimSpace("redsync "+redsyncVersion()) + " over "
				}
				s.locks[lock] = Engine{Name: "Redis", Kind: s.redis.Kind(), Version: s.redis.Version(), About: about + s.redis.String()}
			}
		}
	}
	if slices.Contains(s.cfg.Locks, LockZooKeeper) {
		var err error
		if s.zk, err = s.cfg.Engine.start(ctx, s.cfg.TTL, nil); err != nil {
			return err
		}
		s.locks[LockZooKeeper] = s.zk.engine
		if err := s.checkSession(ctx); err != nil {
			return err
		}
	}
	return s.startResource(ctx)
}

// redsyncVersion is that of the Redlock that is tried, "" if the build does not know it.
func redsyncVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/go-redsync/redsync/v4" {
				return m.Version
			}
		}
	}
	return ""
}

// checkSession wants the servers to give the session that is asked for: the lock lives as long.
func (s *pauseSession) checkSession(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := session.Open(ctx, session.Config{Servers: s.zk.addrs, Timeout: s.cfg.TTL})
	if err != nil {
		return environment(err)
	}
	defer client.Close()
	given, err := client.Session(ctx)
	if err != nil {
		return environment(fmt.Errorf("ZooKeeper at %s cannot be used: %w", strings.Join(s.zk.addrs, ","), err))
	}
	if given.Timeout() != s.cfg.TTL {
		return environment(fmt.Errorf("ZooKeeper gives a session of %v instead of %v: take that as --ttl, and a pause that is longer", given.Timeout(), s.cfg.TTL))
	}
	return nil
}

// startResource brings up the database.
func (s *pauseSession) startResource(ctx context.Context) error {
	why := ""
	if s.cfg.Resource != ResourceSQLite {
		p, err := stores.StartPostgres(ctx, stores.PostgresConfig{Logger: s.cfg.Logger})
		switch {
		case err == nil:
			s.postgres = p
			s.resource = Engine{Name: "PostgreSQL", Kind: p.Kind(), Version: p.Version(), About: p.String()}
			return s.makeSchema(ctx)
		case s.cfg.Resource == ResourcePostgres || !errors.Is(err, stores.ErrNotInstalled):
			return environment(err)
		}
		why = ", as no PostgreSQL was found"
	}
	var err error
	if s.dir, err = tied.MakeDir(os.TempDir(), "pause"); err != nil {
		return environment(err)
	}
	l, err := openLedger(ctx, ledgerAt{Driver: "sqlite", DSN: ":memory:"})
	if err != nil {
		return environment(err)
	}
	defer l.close()
	version := ""
	if err := l.db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return environment(err)
	}
	s.resource = Engine{Name: "SQLite", Kind: EngineEmbedded, Version: version, About: fmt.Sprintf("SQLite %s, a file for each run%s", version, why)}
	return nil
}

// makeSchema makes the tables in PostgreSQL, in a schema of this experiment's own.
func (s *pauseSession) makeSchema(ctx context.Context) error {
	l, err := openLedger(ctx, ledgerAt{Driver: "pgx", DSN: s.postgres.DSN()})
	if err != nil {
		return environment(err)
	}
	if _, err := l.db.ExecContext(ctx, `CREATE SCHEMA "`+s.schemaName()+`"`); err != nil {
		l.close()
		return environment(err)
	}
	s.schema = l
	tables, err := openLedger(ctx, ledgerAt{Driver: "pgx", DSN: s.schemaDSN()})
	if err != nil {
		return environment(err)
	}
	defer tables.close()
	return environment(tables.lay(ctx))
}

func (s *pauseSession) schemaName() string {
	return "zkkit_pause_" + strings.ReplaceAll(s.id, "-", "_")
}

// schemaDSN is that of the database, with the schema as the place for names without one.
func (s *pauseSession) schemaDSN() string {
	u, err := url.Parse(s.postgres.DSN())
	if err != nil {
		return s.postgres.DSN() + " search_path=" + s.schemaName() // In the form of keywords.
	}
	q := u.Query()
	q.Set("search_path", s.schemaName())
	u.RawQuery = q.Encode()
	return u.String()
}

// ledgerAt returns where the resource of a run is.
func (s *pauseSession) ledgerAt(number int, t Trial) ledgerAt {
	at := ledgerAt{Run: number, Fenced: t.Way.fenced(), Driver: "pgx"}
	if s.postgres != nil {
		at.DSN = s.schemaDSN()
		return at
	}
	at.Driver = "sqlite"
	at.DSN = "file:" + filepath.Join(s.dir, fmt.Sprintf("run-%d.db", number)) + "?_pragma=busy_timeout(10000)&_pragma=synchronous(off)&_txlock=immediate"
	return at
}

// lockPlace returns where the lock of a run is.
func (s *pauseSession) lockPlace(number int, t Trial) lockPlace {
	p := lockPlace{Name: fmt.Sprintf("zkkit:pause:%s:%d", s.id, number)}
	switch t.Lock {
	case LockRedlock:
		p.Redis = s.redis.Addrs()
	case LockRedis:
		p.Redis = s.redis.Addrs()[:1]
	case LockZooKeeper:
		p.ZooKeeper, p.Tick = s.zk.addrs, Millis(s.zk.tick)
		p.Name = fmt.Sprintf("/zkkit-pause-%s/%d", s.id, number)
	}
	return p
}

// close gives everything back, however far the start came.
func (s *pauseSession) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience+10*time.Second)
	defer cancel()
	if s.schema != nil {
		_, _ = s.schema.db.ExecContext(ctx, `DROP SCHEMA "`+s.schemaName()+`" CASCADE`)
		s.schema.close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	if s.zk != nil {
		if s.zk.engine.Kind == EngineConnect {
			s.removeLocks(ctx)
		}
		_ = s.zk.stop()
	}
	if s.redis != nil {
		_ = s.redis.Stop()
	}
	if s.postgres != nil {
		_ = s.postgres.Stop()
	}
}

// removeLocks removes the directories of the locks from a ZooKeeper that stays.
func (s *pauseSession) removeLocks(ctx context.Context) {
	client, err := session.Open(ctx, session.Config{Servers: s.zk.addrs})
	if err != nil {
		return
	}
	defer client.Close()
	given, err := client.Session(ctx)
	if err != nil {
		return
	}
	root := "/zkkit-pause-" + s.id
	names, _, err := given.Children(ctx, root)
	if err != nil {
		return
	}
	for _, name := range names {
		_ = given.Delete(ctx, session.Join(root, name), session.AnyVersion)
	}
	_ = given.Delete(ctx, root, session.AnyVersion)
}
