package ratelimit

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Config says how a limit is kept. Its zero value is useful: strict, and closed during an outage.
type Config struct {
	// Prefix begins every key in Redis; empty means "ratelimit:". It has no braces.
	Prefix string
	// Lease has servers borrow tokens in batches, for keys with a high rate.
	Lease Lease
	// Spread divides each key into so many sub-buckets, which lie on different servers of a cluster: for keys that are too hot for one. Each has its part of Max, and a request is
	// admitted by one of them, so that a key may deny while another part of it has tokens. 0 and 1 mean not to divide.
	Spread int
	// Outage is what is done while Redis cannot be asked; nil means [Closed].
	Outage Outage
	// Timeout bounds one question to Redis; 0 means 250 ms. What has no answer by then is decided by Outage.
	Timeout time.Duration
	// Logger is told, at level Warn, when Redis cannot be asked, and at level Info when it can again. Nil means silence.
	Logger *slog.Logger
}

func (c Config) withDefaults(client redis.UniversalClient) (Config, error) {
	if c.Prefix == "" {
		c.Prefix = "ratelimit:"
	}
	if c.Outage == nil {
		c.Outage = Closed{}
	}
	if c.Timeout == 0 {
		c.Timeout = 250 * time.Millisecond
	}
	if c.Lease.Life == 0 {
		c.Lease.Life = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	share, shared := c.Outage.(LocalShare)
	switch {
	case client == nil:
		return c, fmt.Errorf("%w: no client", ErrBadConfig)
	case !boundedByContext(client):
		return c, fmt.Errorf("%w: a client that takes no notice of contexts: set ContextTimeoutEnabled in its options", ErrBadConfig)
	case isRing(client):
		return c, fmt.Errorf("%w: a redis.Ring moves keys to a server that knows nothing of them when one does not answer", ErrBadConfig)
	case strings.ContainsAny(c.Prefix, "{}"):
		return c, fmt.Errorf("%w: prefix %q: braces are for the key", ErrBadConfig, c.Prefix)
	case c.Lease.Batch < 0 || c.Lease.Batch > exact:
		return c, fmt.Errorf("%w: Lease.Batch %d: want 1 to 2^51, or 0 for no leases", ErrBadConfig, c.Lease.Batch)
	case c.Lease.Life < time.Millisecond || c.Lease.Life > time.Hour:
		return c, fmt.Errorf("%w: Lease.Life %v: want 1ms to 1h, or 0 for a second", ErrBadConfig, c.Lease.Life)
	case c.Spread < 0 || c.Spread > maxSpread:
		return c, fmt.Errorf("%w: Spread %d: want 2 to %d, or 0 for none", ErrBadConfig, c.Spread, maxSpread)
	case c.Timeout < 0:
		return c, fmt.Errorf("%w: Timeout %v: want one above 0, or 0 for 250ms", ErrBadConfig, c.Timeout)
	case shared && share.Servers == nil:
		return c, fmt.Errorf("%w: LocalShare needs to know the number of servers", ErrBadConfig)
	}
	return c, nil
}

// boundedByContext reports whether a client gives up when a context does. Of a client of another make it is believed.
func boundedByContext(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	}
	return true
}

func isRing(client redis.UniversalClient) bool {
	_, ok := client.(*redis.Ring)
	return ok
}
