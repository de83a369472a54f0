package scenario

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/session"
)

// taken reports whether somebody has a lock, as the servers see it: more than half of the nodes of a Redis, or a ZooKeeper.
func (s *pauseSession) taken(ctx context.Context, at lockPlace) (bool, error) {
	if len(at.ZooKeeper) > 0 {
		return s.takenInZooKeeper(ctx, at)
	}
	have := 0
	for _, addr := range at.Redis {
		node := redis.NewClient(&redis.Options{Addr: addr})
		n, err := node.Exists(ctx, at.Name).Result()
		_ = node.Close()
		if err != nil {
			return false, err
		}
		have += int(n)
	}
	return have > len(at.Redis)/2, nil
}

func (s *pauseSession) takenInZooKeeper(ctx context.Context, at lockPlace) (bool, error) {
	client, err := session.Open(ctx, session.Config{Servers: at.ZooKeeper})
	if err != nil {
		return false, err
	}
	defer client.Close()
	given, err := client.Session(ctx)
	if err != nil {
		return false, err
	}
	if err := given.Sync(ctx, at.Name); err != nil {
		return false, err
	}
	names, _, err := given.Children(ctx, at.Name)
	if errors.Is(err, session.ErrNoNode) {
		return false, nil
	}
	return len(names) > 0, err
}
