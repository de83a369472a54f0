// Package redisfence guards data in Redis: a write that carries a token older than the newest one seen is refused by the server itself.
//
//	guard, err := redisfence.New(client, redisfence.Config{})
//	err = guard.Seal(ctx, "orders", hold.Token())
//	err = guard.Write(ctx, "orders", hold.Token(), "shipped")
//
// Each resource has a mark beside its data, in the same hash slot. Comparing the token with the mark, moving the mark up and the effect are one Lua script, and so one
// step on one server. [Guard.Write] and [Guard.Delete] change one value; [Guard.Do] puts any script of the caller's own behind the same comparison, and
// [Guard.Batch] sends many in one round trip.
//
// # What the mark is worth
//
// The mark is an ordinary key without expiry. This guard is as good as Redis's memory of it, and no better:
//
//   - Failover loses acknowledged marks. Replication is asynchronous: a replica that is promoted may lack the last marks and the last writes together, and then accepts
//     a token that was shut out. WAIT narrows that and does not close it, and so there is no option for it here. Where a stale write costs money, let a
//     database decide that commits before it answers: see package sqlfence.
//   - A restart loses what the disk does not have: everything without persistence, up to a second with appendfsync everysec, and what came since the last snapshot with
//     RDB alone. Only appendfsync always keeps every mark that was acknowledged, and it must be the same disk that comes back.
//   - Eviction takes marks under the allkeys policies. Use noeviction, or a volatile policy, which leaves keys without expiry alone.
//   - FLUSHALL, DEL of a mark, and the restore of an old backup make any token welcome again. So does a sharding client that moves a key to another server when one does
//     not answer: [New] refuses a redis.Ring for that.
//
// After any of these, raise the generation of the tokens (Config.Generation of package zklock) or let the present holder seal again before anybody writes.
//
// # When no answer comes
//
// go-redis sends a command again when the reply is lost: by default up to three times, also if the server has carried it out. Here that is one time too many: an effect
// would happen twice, a write would come again over that of another goroutine with the same token, and a seal that was accepted would be told that it is stale. So a
// command with a token is sent once, whatever MaxRetries says, and when it was sent and no answer came, the error is a [*fence.UnknownError]. Seal and Read may be called
// again after it.
//
// A write whose outcome is unknown may still be on its way: in the socket of a server that is stopped, it is carried out when the server goes on. As long as its
// token is the greatest, nothing keeps it from being applied later, not even that it was not there when somebody looked. It is settled when a later token has been
// sealed: what a Read with that token shows is how it ended. [Guard.Peek] tells whose the last effect was. An effect that must be told apart from others of the same
// hold stores an identifier of its own, in the same script.
//
// An error of the server's own, as OOM, READONLY or CLUSTERDOWN, is an answer, and means that Write and Delete did nothing. A proxy in between that answers in the
// server's name when it has lost the server's answer makes that untrue.
package redisfence

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A Config describes where the guarded data are. Its zero value is useful.
type Config struct {
	// Prefix begins every key of the guard; empty means "fence:". Guards with the same prefix on the same server are one guard. It has no braces.
	Prefix string
}

// A Guard guards values in one Redis, or Redis Cluster, each behind a mark of its own. It keeps no state and owns no connection: closing the client is its owner's
// business.
//
// A Guard is safe for concurrent use. There is no useful zero value: use [New].
type Guard struct {
	client redis.UniversalClient
	prefix string
}

// New returns a guard on client. It does no I/O. It fails on a redis.Ring, which forgets marks, and on a prefix with braces.
//
// How long a call waits for an answer is the client's ReadTimeout; a deadline of ctx counts for that when the client has ContextTimeoutEnabled. Until a command is
// sent, ctx is honoured in any case.
func New(client redis.UniversalClient, cfg Config) (*Guard, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = "fence:"
	}
	switch _, ring := client.(*redis.Ring); {
	case client == nil:
		return nil, errors.New("redisfence: no client")
	case ring:
		return nil, errors.New("redisfence: a redis.Ring moves keys to another server when one does not answer, and that one has not seen the marks")
	case strings.ContainsAny(cfg.Prefix, "{}"):
		return nil, fmt.Errorf("redisfence: prefix %q: braces are for the resource", cfg.Prefix)
	}
	return &Guard{client: client, prefix: cfg.Prefix}, nil
}
