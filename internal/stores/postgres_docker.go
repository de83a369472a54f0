package stores

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// DefaultPostgresImage is the official image of PostgreSQL.
const DefaultPostgresImage = "postgres:17-alpine"

const postgresPort = 5432

// startDockerPostgres starts a server in a container.
func startDockerPostgres(ctx context.Context, cfg PostgresConfig) (_ *Postgres, err error) {
	cs, err := newContainers(ctx, "PostgreSQL", imageOf(cfg.Image, "postgres", DefaultPostgresImage), !cfg.NoPull, cfg.Logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cs.remove())
		}
	}()
	password := rand.Text()
	c := &contained{
		of: cs, name: "postgres", inside: postgresPort, command: postgresSettings(cfg.Settings),
		env: []string{"POSTGRES_USER=" + postgresUser, "POSTGRES_PASSWORD=" + password, "POSTGRES_DB=" + postgresDatabase},
	}
	c.probe = func(ctx context.Context) (string, bool, error) {
		version, err := logIn(ctx, postgresDSN(password, c.port))
		return version, err == nil, nil
	}
	if err := bootContained(ctx, []*contained{c}); err != nil {
		return nil, err
	}
	return &Postgres{
		kind: Docker, dsn: postgresDSN(password, c.port), version: c.version,
		about:  fmt.Sprintf("PostgreSQL %s, a container of %s", c.version, cs.image),
		server: &containedPostgres{c},
	}, nil
}

// A containedPostgres is the only server of its containers.
type containedPostgres struct{ *contained }

func (p *containedPostgres) stop() error { return errors.Join(p.contained.stop(), p.of.remove()) }
