package stores

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// PostgresVariable is the name in the environment that a DSN is looked for under.
const PostgresVariable = "ZKKIT_POSTGRES_DSN"

// A PostgresConfig says which PostgreSQL is started. The zero PostgresConfig is an empty one, of whatever engine there is, with the settings that it comes with:
// what is committed is on disk.
// It is not changed by those who take it, and so safe for concurrent use as long as nobody writes to it.
type PostgresConfig struct {
	// Kind is Auto, Local, Docker or Connect. Empty means Auto: the server that DSN or ZKKIT_POSTGRES_DSN names, else what is installed here, else containers when an
	// engine answers and the image is there.
	Kind string

	// DSN names a server that runs already, as a URL. Empty means what ZKKIT_POSTGRES_DSN in the environment says. It is looked at with Auto and Connect only.
	DSN string

	// Settings are given to the server, by their names in postgresql.conf, such as "synchronous_commit": "off". Connect has no use for them.
	Settings map[string]string

	// Bin is the directory of the initdb and the postgres to run as local processes. Empty means what FindPostgres finds.
	Bin string

	// Image is the image of the container. Empty means ZKKIT_POSTGRES_IMAGE in the environment; without that DefaultPostgresImage, or what docker/build made if only that is there.
	Image string

	// NoPull makes an image that is not on the engine count as missing, rather than to be pulled. Auto never pulls.
	NoPull bool

	// Logger hears of starts, stops, removed leftovers, and of what Auto has passed over. Nil means nobody.
	Logger *slog.Logger

	root string // Where the files of this machine are. Tests have another one.
}

// A Postgres is a running PostgreSQL. [StartPostgres] makes it, and whoever made it calls Stop. It is safe for concurrent use. The zero Postgres is not usable.
type Postgres struct {
	kind    string
	dsn     string
	version string
	about   string
	server  server
	logger  *slog.Logger

	once    sync.Once // Of Stop.
	stopErr error     // Written by once.
}

// StartPostgres starts a PostgreSQL and blocks until one can log in, ctx ends, or a minute has passed. A local one is ready after a second or two.
//
// It returns a Postgres that the caller stops. ctx bounds the start only. On failure nothing is left of it. The error is ErrConfig for a PostgresConfig that cannot
// be, ErrNotInstalled when there is none of the kind that was asked for, or none at all, an [*ExitError] when a process ended before it served, what the server says that DSN
// names, or ctx's cause.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if cfg.Kind == "" {
		cfg.Kind = Auto
	}
	if cfg.DSN == "" {
		cfg.DSN = os.Getenv(PostgresVariable)
	}
	cfg.Logger, cfg.root = orDiscard(cfg.Logger), cmp.Or(cfg.root, "/")
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	began := time.Now()
	p, err := startPostgres(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p.logger = cfg.Logger
	cfg.Logger.Info("PostgreSQL serves", "postgres", p.String(), "after", time.Since(began))
	return p, nil
}

func startPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	switch cfg.Kind {
	case Local:
		return startLocalPostgres(ctx, cfg)
	case Docker:
		return startDockerPostgres(ctx, cfg)
	case Connect:
		return connectPostgres(ctx, cfg)
	case Auto:
	default:
		return nil, fmt.Errorf("%w: %q is no kind of PostgreSQL: want %s, %s, %s or %s", ErrConfig, cfg.Kind, Auto, Local, Docker, Connect)
	}
	if cfg.DSN != "" {
		return connectPostgres(ctx, cfg)
	}
	p, missing := startLocalPostgres(ctx, cfg)
	if !errors.Is(missing, ErrNotInstalled) {
		return p, missing
	}
	cfg.Logger.Info("PostgreSQL is not installed", "err", missing)
	cfg.NoPull = true
	p, err := startDockerPostgres(ctx, cfg)
	if errors.Is(err, ErrNotInstalled) {
		cfg.Logger.Info("PostgreSQL is not to be had as a container", "err", err)
		return nil, missing
	}
	return p, err
}

// DSN returns how to connect, as a URL with the password in it: postgres://user:password@host:port/database. It stays the same over a Restart. The user may do anything.
func (p *Postgres) DSN() string { return p.dsn }

// Kind returns the engine: Local, Docker or Connect.
func (p *Postgres) Kind() string { return p.kind }

// Version returns what the server says its version is, such as "15.18".
func (p *Postgres) Version() string { return p.version }

// String says in a few words what this runs on, such as "PostgreSQL 15.18, a local process".
func (p *Postgres) String() string { return p.about }

// Pause stops the server where it stands, with all that it does for its clients, and blocks until it has stopped. Connections stay open, new ones too, and nothing is
// answered. It fails with ErrNotRunning when the server has ended, and with ErrNotPossible for one that is not ours.
func (p *Postgres) Pause(ctx context.Context) error { return p.server.pause(ctx) }

// Resume lets a paused server go on, and blocks until it does. It does nothing to one that runs. The errors are those of Pause.
func (p *Postgres) Resume(ctx context.Context) error { return p.server.resume(ctx) }

// Kill ends all of the server at once, paused or not, as a machine that loses its power does but for the cache of its disk, and blocks until it is gone. Restart brings it back.
// It fails with ErrNotRunning when it had ended before, and with ErrNotPossible for one that is not ours.
func (p *Postgres) Kill(ctx context.Context) error { return p.server.kill(ctx) }

// Restart starts the server again, on the same address and with the same data, after ending it in order if it runs. It blocks until one can log in, ctx ends, or a minute
// has passed. On failure it does not run, its data is there, and Restart may be called again. It fails with ErrPortTaken when another process has taken its port
// meanwhile, and with ErrNotPossible for one that is not ours.
func (p *Postgres) Restart(ctx context.Context) error { return p.server.restart(ctx) }

// Stop ends the server and removes its data. It blocks until that is done. One that is not ours goes on. The error is about what could not be removed, and is
// left behind. Stop may be called again, and then returns the same.
func (p *Postgres) Stop() error {
	p.once.Do(func() {
		p.stopErr = p.server.stop()
		p.logger.Info("PostgreSQL stopped", "postgres", p.String())
	})
	return p.stopErr
}
