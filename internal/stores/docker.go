package stores

import (
	"context"
	"errors"
	"fmt"
)

var errNoContainersYet = errors.New("no containers yet")

func startDockerRedis(context.Context, RedisConfig) (*Redis, error) {
	return nil, fmt.Errorf("stores: %w", errNoContainersYet)
}

func startDockerPostgres(context.Context, PostgresConfig) (*Postgres, error) {
	return nil, fmt.Errorf("stores: %w", errNoContainersYet)
}

func noContainers(err error) bool { return errors.Is(err, errNoContainersYet) }
