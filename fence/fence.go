// Package fence rejects writes that carry a token older than the newest one seen.
//
// A lock with a lease cannot protect a resource by itself. Between a holder's last look at its lock and the effect of its write any pause
// can happen (garbage collection, a stopped virtual machine, a packet that a switch kept), and by then the lock may have moved on. Only the
// resource can refuse what comes too late, and for that it needs an order. Each hold carries a [Token], each later hold a greater one, and the
// resource remembers the greatest it has seen: its mark. A request with an older token is refused with [ErrStale]; an equal one is accepted,
// because it comes from the same hold.
//
// # Seal first
//
// A new holder presents its token before its first read or write: it seals the resource. Without that the old token stays the greatest one
// seen until the new holder's first write. A holder that was paused and resumes after the hand-over but before that write still gets in, and
// what the new holder read meanwhile is no longer true. A guarded read seals too, as [Memory.Read] does; a read that does not is not guarded.
//
// # What a guard must do
//
//   - Compare and effect are one atomic step: one critical section, one transaction, one script. If the mark is compared first and the
//     write follows, a newer holder fits in between.
//   - The mark outlives what it protects. Deleting the row, the file or the key must leave the mark, else any token is welcome again.
//   - The mark is as durable as the data. A resource that forgets its mark on restart trusts the first token that comes.
//
// # What a fence does not give
//
//   - Nothing for side effects that cannot compare a token: mail, a card network, a third party's API. They need an idempotency key.
//   - Nothing between resources: each has its own mark, and a holder that was refused at one may already have changed another.
//   - No mutual exclusion while tokens are equal: two goroutines that share one hold are not kept apart.
//   - No liveness. It refuses the stale writer and does not tell who holds the lock now; [StaleError] names the greatest token seen.
//
// The need for it, with the case of the paused client, is in Martin Kleppmann, "How to do distributed locking" (2016). The order attached to a
// lock and checked by the servers that it protects is older: the sequencers of Mike Burrows, "The Chubby lock service for loosely-coupled
// distributed systems" (OSDI 2006).
package fence
