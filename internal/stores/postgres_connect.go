package stores

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const connectTimeout = 10 * time.Second

// connectPostgres logs in to a server that runs already, and out again.
func connectPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if cfg.DSN == "" {
		return nil, fmt.Errorf("%w: no PostgreSQL is named: set %s, or give a DSN", ErrConfig, PostgresVariable)
	}
	parsed, err := pgconn.ParseConfig(cfg.DSN)
	if err != nil {
		return nil, fmt.Errorf("%w: the DSN: %w", ErrConfig, err) // It shows no password.
	}
	where := net.JoinHostPort(parsed.Host, strconv.Itoa(int(parsed.Port))) + "/" + parsed.Database
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no answer after %v", connectTimeout))
	defer cancel()
	version, err := logIn(ctx, cfg.DSN)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("stores: PostgreSQL at %s: %w", where, &lineError{err})
	}
	return &Postgres{
		kind: Connect, dsn: cfg.DSN, version: version, about: fmt.Sprintf("PostgreSQL %s at %s, which was there before", version, where), server: notOurs{where},
	}, nil
}

// logIn returns the version of a server, after logging in and out again.
func logIn(ctx context.Context, dsn string) (version string, err error) {
	c, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	version, _, _ = strings.Cut(c.ParameterStatus("server_version"), " ") // Distributions add their own.
	return version, nil
}

// A lineError is an error in one line.
type lineError struct{ error }

func (e *lineError) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }

// Unwrap returns the error as it was.
func (e *lineError) Unwrap() error { return e.error }

// notOurs is a server that somebody else runs.
type notOurs struct{ where string }

func (s notOurs) refuse(what string) error {
	return fmt.Errorf("%w: cannot %s the PostgreSQL at %s, which is not ours", ErrNotPossible, what, s.where)
}

func (s notOurs) pause(context.Context) error   { return s.refuse("pause") }
func (s notOurs) resume(context.Context) error  { return s.refuse("resume") }
func (s notOurs) kill(context.Context) error    { return s.refuse("kill") }
func (s notOurs) restart(context.Context) error { return s.refuse("restart") }
func (s notOurs) stop() error                   { return nil }
