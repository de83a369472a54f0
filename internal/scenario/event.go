package scenario

// Who recorded an event. Further waiters are called "waiter-2", "waiter-3" and so on.
const (
	WhoHolder   = "holder"   // the client whose link is cut
	WhoWaiter   = "waiter"   // the first client that waits for the lock, on a link that is never cut
	WhoObserver = "observer" // a client of its own that reads the truth from ZooKeeper
	WhoResource = "resource" // what the lock protects
	WhoProxy    = "proxy"    // the link between the holder and ZooKeeper
	WhoHarness  = "harness"  // what makes the faults

	// WhoResourceProxy is the link between the holder and the resource, when it is proxied as well.
	WhoResourceProxy = "resource-proxy"
)

// What happened: the fixed vocabulary of events. The comment says who records it, and what it must carry besides its time.
const (
	// Cut is the moment from which the fault is in force, recorded by the harness. All times are relative to it.
	Cut = "cut"
	// Heal is the moment at which bytes can flow again, so the end of healing and not its start, recorded by the harness.
	// Its figure [HealMs] says how long the healing took.
	Heal = "heal"
	// State is a change of a client's session state, with the new state in Detail.
	State = "state"
	// Acquired is a client being granted the lock, with the token. A belief starts.
	Acquired = "acquired"
	// Rejoined is the holder being granted the lock again after it had lost it, with the new token. A belief starts.
	Rejoined = "rejoined"
	// BeliefEnded is the first moment at which a client is known not to believe in its hold any more, with the reason in Detail. The figure
	// [KnownHeldMs] says until when it is known to have believed, if that is not the same moment.
	BeliefEnded = "belief-ended"
	// Released is a client giving its hold back, stamped before it asks for the deletion. A belief ends.
	Released = "released"
	// StillBelieving is recorded at the end of the run for every belief that is still open. Without it, such a belief ends nobody knows when.
	StillBelieving = "still-believing"
	// NodeSeen is the last time at which the observer knows that the holder's node existed: the time at which it began the last reading
	// that found the node, before the sync of that reading and not when the answer came. Recorded once, with NodeGone.
	NodeSeen = "node-seen"
	// NodeGone is the first time at which the observer knows that the holder's node does not exist any more: the time at which the answer or
	// the notification arrived. Zxid is that of the deletion, if known.
	NodeGone = "node-gone"
	// Owner is the observer's reading, after the heal and when things have settled, of who owns the lock. Detail is one of
	// [OwnerHolder], [OwnerWaiter] and [OwnerNobody], and Token the owner's.
	Owner = "owner"
	// ObserverLost is the observer losing its own connection: what it says is not complete.
	ObserverLost = "observer-lost"
	// Sealed is the resource learning the token of a new owner before that owner's first write.
	Sealed = "sealed"
	// Write is a write arriving at the resource, with its token; OK says whether it was accepted.
	Write = "write"
	// WriteSent is a client sending a write to the resource, with its token.
	WriteSent = "write-sent"
	// WriteAnswered is a client learning what became of its write: OK is true for applied, false for refused, absent for unknown.
	WriteAnswered = "write-answered"
	// Traffic is what a proxy saw while the cut was in force: those of the figures [BytesOfferedToServer] to [ConnectionsForwarded] that it
	// counts. More than one event of one proxy is added up.
	Traffic = "traffic"
	// SessionExpiredLearnt is a client library reporting that the server expired its session; of a program, the server saying so on the program's link.
	SessionExpiredLearnt = "session-expired-learnt"
	// Elected is another server leading while the one that led is cut off, recorded by the harness when it learns of that.
	Elected = "elected"
	// Owns is the first moment at which the observer knows that a node is the first in the queue, and By whose it is. Recorded where the clients are
	// programs of the user: see [RecipeProgram].
	Owns = "owns"
	// Owned is the last time at which the observer knows that a node was the first in the queue: the beginning of the last reading that said so.
	// It goes with an Owns of the same token.
	Owned = "owned"
	// Started is a program being started, and Exited a program having ended, recorded under the name of its instance. A belief ends with the process, unless OK is
	// false: then the harness had to kill what the program had left running, which might have gone on believing.
	Started = "started"
	Exited  = "exited"
	// Behind is the last that the holder's server knows of, as its Zxid, shortly before the heal of a cut among servers that nobody counts. Recorded by the harness.
	Behind = "behind"
	// Interrupted is the run being stopped from outside.
	Interrupted = "interrupted"
	// Note is a remark for the reader. No check looks at it.
	Note = "note"
)

// What the Detail of an [Owner] event may be, and [Result.OwnerAfterRecovery].
const (
	OwnerHolder = "holder"
	OwnerWaiter = "waiter"
	OwnerNobody = "nobody"
)

// Figures that events carry.
const (
	// HealMs is how long healing took, on [Heal].
	HealMs = "heal_ms"
	// KnownHeldMs is the last moment, relative to the cut, at which the client is known to have believed, on [BeliefEnded].
	KnownHeldMs = "known_held_ms"
	// ReportedWithinMs is, on what a program says of itself, how much earlier than the time of the event it may have said so.
	ReportedWithinMs = "reported_within_ms"

	// What a proxy counted while the cut was in force, on [Traffic]: what reached the proxy, and what it passed on.
	BytesOfferedToServer     = "bytes_offered_to_server"
	BytesForwardedToServer   = "bytes_forwarded_to_server"
	BytesOfferedFromServer   = "bytes_offered_from_server"
	BytesForwardedFromServer = "bytes_forwarded_from_server"
	ConnectionsOffered       = "connections_offered"
	ConnectionsForwarded     = "connections_forwarded"
)

// An Event is one thing that one party saw. It is a value; the zero Event is not an event.
type Event struct {
	// Run is the number of the run, where a story has many that happen beside each other, and 0 where it has one.
	Run int `json:"run,omitempty"`
	// AtMs is the time in milliseconds relative to the cut, negative before it, to the microsecond: see [Ms].
	AtMs float64 `json:"at_ms"`
	// Who saw it, and What it was: one of the constants above.
	Who  string `json:"who"`
	What string `json:"what"`
	// By is the client that the event is about, where Who is another party that can tell clients apart, and "" where it could not.
	By string `json:"by,omitempty"`
	// Token is the fencing token concerned, 0 if none is. It is the token's ID: one run has one generation.
	Token uint64 `json:"token,omitempty"`
	// Zxid is ZooKeeper's own order of the event, 0 if it has none.
	Zxid uint64 `json:"zxid,omitempty"`
	// OK is the outcome, nil if the event has none or if it is unknown.
	OK *bool `json:"ok,omitempty"`
	// Detail is a sentence for people, without capital and full stop, except on [Owner].
	Detail string `json:"detail,omitempty"`
	// Figures are the numbers that belong to the event, with the unit as suffix.
	Figures map[string]float64 `json:"figures,omitempty"`
}

// known reports whether what belongs to the vocabulary.
func known(what string) bool {
	switch what {
	case Cut, Heal, State, Acquired, Rejoined, BeliefEnded, Released, StillBelieving, NodeSeen, NodeGone, Owner, ObserverLost, Sealed, Write,
		WriteSent, WriteAnswered, Traffic, SessionExpiredLearnt, Elected, Behind, Owns, Owned, Started, Exited, Interrupted, Note:
		return true
	}
	return false
}

// Optional reports whether a run with a cut can be judged safe without any event of this kind: such events explain, or they say once
// more what others say. Of seals and of accepted writes some may be missing as well, as long as others carry the same token.
func Optional(what string) bool {
	switch what {
	case State, StillBelieving, WriteSent, WriteAnswered, SessionExpiredLearnt, Started, Note:
		return true
	}
	return false
}
