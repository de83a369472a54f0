package main

import (
	"context"
	"fmt"
	"time"

	"github.com/zkkit/zkkit/internal/stores"
)

// A storeState is what is known of one kind of store that an experiment writes to.
type storeState struct {
	Name    string `json:"name"`
	Status  string `json:"status"`            // of a real one
	Kind    string `json:"kind"`              // the engine that an experiment gets, which may be one that is not real
	Version string `json:"version,omitempty"` // of that
	Detail  string `json:"detail"`
}

// storeStates looks for a Redis and a PostgreSQL, and unless it is to be quick starts them and stops them again. An image is never pulled.
func storeStates(ctx context.Context, c *console, quick bool) []storeState {
	return []storeState{redisState(ctx, quick), postgresState(ctx, c.getenv(stores.PostgresVariable), quick)}
}

func redisState(ctx context.Context, quick bool) storeState {
	const instead = "; experiments take miniredis, in their own process, which is not a real Redis"
	s := storeState{Name: "redis", Kind: stores.Embedded, Status: statusMissing}
	path, missing := stores.FindRedis()
	if quick {
		if missing != nil {
			s.Detail = missing.Error() + instead
			return s
		}
		s.Kind, s.Status, s.Detail = stores.Local, statusFound, path+"; not started"
		return s
	}
	start := time.Now()
	r, err := stores.StartRedis(ctx, stores.RedisConfig{})
	if err != nil {
		s.Kind, s.Status, s.Detail = stores.Local, statusFails, err.Error()
		return s
	}
	s.Kind, s.Version = r.Kind(), r.Version()
	tried(&s, r, start)
	if s.Kind == stores.Embedded {
		s.Status, s.Detail = statusMissing, missing.Error()+instead
	}
	return s
}

func postgresState(ctx context.Context, dsn string, quick bool) storeState {
	const instead = "; experiments take SQLite"
	s := storeState{Name: "postgres", Status: statusMissing}
	bin, missing := stores.FindPostgres()
	if quick && dsn == "" {
		if missing != nil {
			s.Detail = missing.Error() + instead
			return s
		}
		s.Kind, s.Status, s.Detail = stores.Local, statusFound, "in "+bin+"; not started"
		return s
	}
	start := time.Now()
	p, err := stores.StartPostgres(ctx, stores.PostgresConfig{DSN: dsn})
	switch {
	case err != nil && missing != nil && dsn == "":
		s.Detail = err.Error() + instead
		return s
	case err != nil:
		s.Kind, s.Status, s.Detail = stores.Local, statusFails, err.Error()
		if dsn != "" {
			s.Kind = stores.Connect
		}
		return s
	}
	s.Kind, s.Version = p.Kind(), p.Version()
	tried(&s, p, start)
	return s
}

// tried stops a store that was started, and says how that went.
func tried(s *storeState, store interface {
	fmt.Stringer
	Stop() error
}, start time.Time) {
	ready := time.Since(start)
	s.Status = statusWorks
	start = time.Now()
	if err := store.Stop(); err != nil {
		s.Status, s.Detail = statusFails, err.Error()
		return
	}
	s.Detail = store.String()
	if s.Kind != stores.Connect {
		s.Detail += fmt.Sprintf("; started in %.1fs, stopped in %.1fs", ready.Seconds(), time.Since(start).Seconds())
	}
}
