package stores

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// DefaultRedisImage is the official image of Redis.
const DefaultRedisImage = "redis:7-alpine"

const redisPort = 6379

// startDockerRedis starts nodes in containers.
func startDockerRedis(ctx context.Context, cfg RedisConfig) (_ *Redis, err error) {
	cs, err := newContainers(ctx, "Redis", imageOf(cfg.Image, "redis", DefaultRedisImage), !cfg.NoPull, cfg.Logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cs.remove())
		}
	}()
	// The container's own address is its protection: it is published on the loopback interface only.
	command := append([]string{"redis-server", "--port", strconv.Itoa(redisPort), "--bind", "*", "--dir", "/tmp"}, redisArgs(cfg, "no")...)
	all := make([]*contained, cfg.Nodes)
	for i := range all {
		c := &contained{of: cs, name: "redis" + strconv.Itoa(i+1), inside: redisPort, command: command}
		c.probe = func(ctx context.Context) (string, bool, error) { return probeRedis(ctx, addrOf(c.port), 0) }
		all[i] = c
	}
	if err := bootContained(ctx, all); err != nil {
		return nil, err
	}
	r := &Redis{kind: Docker, version: all[0].version, cleanup: cs.remove}
	for _, c := range all {
		r.nodes = append(r.nodes, &RedisNode{addr: addrOf(c.port), server: c})
	}
	r.about = fmt.Sprintf("redis-server %s, %s of %s", r.version, count(cfg.Nodes, "container", "containers"), cs.image)
	return r, nil
}
