package scenario

// Who recorded an event of a pause.
const (
	WhoA        = "A"        // the worker that stands still
	WhoB        = "B"        // the worker that takes the lock meanwhile
	WhoC        = "C"        // the worker that comes when A's late release is done
	WhoProvider = "provider" // what is asked for payments, and knows no tokens
)

// What happened to workers, beside [Acquired], [Released], [Sealed], [WriteSent], [WriteAnswered], [Interrupted] and [Note]. What a worker tells is stamped by
// the worker, on a clock that all processes of the machine share. Where the order matters, one event is the cause of the other: A is resumed because B was heard to be where it should be.
const (
	// Asked is a worker beginning to ask for the lock.
	Asked = "asked"
	// Denied is a worker that asked once, while another had the lock, and goes on asking.
	Denied = "denied"
	// Checked is a worker looking whether it still has the lock: OK, with [ValidMs] if it can tell.
	Checked = "checked"
	// Frozen is the moment from which the process in By stands still: SIGSTOP was sent, and all of its threads have stopped. Detail says at which step.
	// Recorded by the harness, as are the next ones down to Unstuck. Times are relative to it, or to Stuck.
	Frozen = "frozen"
	// Taken is whether the lock is taken on the servers, as the harness reads it while A stands still with the answer to its request unread: OK.
	Taken = "taken"
	// Resumed is the process being let go, stamped before SIGCONT is sent, with [PausedMs].
	Resumed = "resumed"
	// Stuck is the work of the process in By coming to a stop, while everything else in it goes on. Unstuck is its end, with [PausedMs].
	Stuck   = "stuck"
	Unstuck = "unstuck"
	// LetGo is a worker knowing by itself that its hold is over. A belief ends, as it does with Released, which is stamped before the lock is given back and says with OK
	// whether there was anything to give.
	LetGo = "let-go"
	// Skipped is a worker that has the lock and finds the job done.
	Skipped = "skipped"
	// Waiting is a worker still being without the lock, at the end of the time in which it should have got it. Recorded by the harness.
	Waiting = "waiting"
	// Replayed is the harness having played the run before, as often as the figure [Times] says, with the reason in Detail: what it shows did not count, because the machine
	// was so busy that a worker lost its hold that was not meant to.
	Replayed = "replayed"
	// Failed is a worker that did not come to its end, with the reason in Detail.
	Failed = "failed"

	// ChargeSent is a worker asking the provider for the payment of a job.
	ChargeSent = "charge-sent"
	// Charged is the provider taking money: OK is true; or recognising by its key a payment that it has taken before: OK is false. By is who asked, Detail the job.
	Charged = "charged"

	// Effect is one write that is in the resource when all is over, as read by the harness: By is whose, Detail the job, with its Token, its place [Seq] in the
	// resource's own order, and the [Amount] that it was to add.
	Effect = "effect"
	// Balance is what the amounts have come to, with the figure [BalanceAmount].
	Balance = "balance"
)

// Figures that events of a pause carry.
const (
	// ValidMs is how long the hold is good for from now on, as the worker knows it.
	ValidMs = "valid_ms"
	// PausedMs is how long the worker stood still.
	PausedMs = "paused_ms"
	// Seq counts the effects in the order of the resource.
	Seq = "seq"
	// Amount is what an effect was to add, and BalanceAmount what there is in the end.
	Amount        = "amount"
	BalanceAmount = "balance"
	// Times is how often.
	Times = "times"
)

// knownOfPause reports whether what belongs to the vocabulary of a pause.
func knownOfPause(what string) bool {
	switch what {
	case Asked, Acquired, Denied, Checked, Frozen, Taken, Resumed, Stuck, Unstuck, LetGo, Skipped, Waiting, Replayed, Failed, Sealed, WriteSent, WriteAnswered, Released,
		ChargeSent, Charged, Effect, Balance, Interrupted, Note:
		return true
	}
	return false
}
