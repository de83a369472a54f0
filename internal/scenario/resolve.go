package scenario

import (
	"cmp"
	"context"
	"time"
)

// resolve checks that servers and cut fit each other, and settles what was left open.
func (c PartitionConfig) resolve(ctx context.Context) (PartitionConfig, error) {
	if c.Where.amongServers() {
		if c.Direction != DirectionBoth {
			return c, usage("--cut %s is in both directions: leave --direction out", c.Where)
		}
		if len(c.Engine.Servers) > 0 {
			return c, usage("--cut %s is between servers, and only those can be cut off that are started here: leave --servers out", c.Where)
		}
		if c.Engine.Kind == EngineEmbedded {
			return c, usage("--cut %s is between servers, and --engine embedded is a single one: --engine local", c.Where)
		}
		c.Engine = c.Engine.ofServers(ctx)
		c.Engine.Ensemble = cmp.Or(c.Engine.Ensemble, map[Where]int{WhereMinority: 5}[c.Where], 3)
		if c.Engine.Ensemble < 3 {
			return c, usage("--cut %s needs a quorum without the servers that are cut off: --ensemble 3 or 5", c.Where)
		}
		if (c.Where == WhereLeader || c.Engine.Kind == EngineDocker) && c.Kind != KindDrop && c.Kind != KindNone {
			return c, usage("--cut %s is made by the network here, which drops what is sent: leave --kind out", c.Where)
		}
		if c.Where == WhereLeader {
			c.Engine.namespaces, c.Engine.syncLimit = c.Engine.Kind == EngineLocal, max(c.Session, 2*time.Second)
			return c.engine(ctx)
		}
		// A follower that gave up its leader at once would drop its clients, and nobody would believe anything. A stock server, too, goes on for longer than its shortest session.
		c.Engine.syncLimit = 2 * c.Session
	}
	return c.engine(ctx)
}

func (c PartitionConfig) engine(ctx context.Context) (PartitionConfig, error) {
	var err error
	c.Engine, err = c.Engine.resolve(ctx, c.Session)
	return c, err
}
