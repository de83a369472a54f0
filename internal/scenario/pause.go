package scenario

import (
	"slices"
)

// PauseScenario is the name of the story in which a worker is frozen for longer than its lock lives.
const PauseScenario = "pause"

// PauseEvidence is everything that was observed of a worker that was frozen, in many runs that happened beside each other. It is complete in itself, as [Evidence] is.
// It is a value that is safe for concurrent use as long as nobody changes its events; the zero PauseEvidence is judged inconclusive.
type PauseEvidence struct {
	// Scenario is the name of the story, [PauseScenario].
	Scenario string `json:"scenario"`
	// Engine is what kept the first lock of the plan.
	Engine Engine `json:"engine"`
	// Parameters is what was asked for, and what it ran on.
	Parameters PauseParameters `json:"parameters"`
	// Events is what happened, by run, each run in the order in which it was recorded. Times are relative to the moment at which the run's worker A stood still.
	Events []Event `json:"events"`
}

// PauseParameters is what a run of the pause scenario was to do.
type PauseParameters struct {
	// TTL is how long a lock lives that nobody renews; of ZooKeeper it is the session timeout.
	TTL Millis `json:"ttl_ms"`
	// For is how long worker A stands still, at least: it goes on when the others are where they should be by then.
	For Millis `json:"for_ms"`
	// Plan is what is played, and Repeat how many times. Run n, counted from 1, plays the trial n-1 modulo the length of the plan.
	Plan   []Trial `json:"plan"`
	Repeat int     `json:"repeat"`
	// Locks is what keeps the locks, by their names.
	Locks map[string]Engine `json:"locks"`
	// Resource is what the locks protect.
	Resource Engine `json:"resource"`
}

// trial returns what the run of this number plays, and false if the plan has no such run.
func (p PauseParameters) trial(run int) (Trial, bool) {
	if run < 1 || run > len(p.Plan)*p.Repeat {
		return Trial{}, false
	}
	return p.Plan[(run-1)%len(p.Plan)], true
}

// A Trial is one thing to try: a case, with one lock, in one way. It is a value.
type Trial struct {
	Case Case   `json:"case"`
	Lock string `json:"lock"`
	Way  Way    `json:"way"`
}

// The locks.
const (
	LockRedlock   = "redlock"   // redsync over five Redis nodes
	LockRedis     = "redis"     // SET NX PX on one node, deleted only if it is still ours
	LockZooKeeper = "zookeeper" // package zklock
)

// PauseLocks returns the names of all locks.
func PauseLocks() []string { return []string{LockRedlock, LockRedis, LockZooKeeper} }

// A Case is one of the seven things that can go wrong when a worker stands still.
type Case string

// The cases, S1 to S7.
const (
	CaseDuplicateJob     Case = "duplicate-job"
	CaseLateWrite        Case = "late-write"
	CaseLateRelease      Case = "late-release"
	CaseSlowAcquire      Case = "slow-acquire"
	CaseBeforeFirstWrite Case = "before-first-write"
	CaseSideEffect       Case = "side-effect"
	CaseStuckWorker      Case = "stuck-worker"
)

// Cases returns all cases, S1 first.
func Cases() []Case {
	return []Case{CaseDuplicateJob, CaseLateWrite, CaseLateRelease, CaseSlowAcquire, CaseBeforeFirstWrite, CaseSideEffect, CaseStuckWorker}
}

// Number returns "S1" to "S7", and "" for what is no case.
func (c Case) Number() string {
	if i := slices.Index(Cases(), c); i >= 0 {
		return "S" + string(rune('1'+i))
	}
	return ""
}

// About says what happens in a case, in one line.
func (c Case) About() string {
	return map[Case]string{
		CaseDuplicateJob:     "frozen between its check and its write, while the next worker does the job: both do it",
		CaseLateWrite:        "the same with a read, a change and a write: the late one undoes the next worker's",
		CaseLateRelease:      "frozen before it gives the lock back: what it deletes later is the next worker's",
		CaseSlowAcquire:      "frozen with the answer to its request for the lock unread, so that it learns of its hold when that is over",
		CaseBeforeFirstWrite: "resumed after the next worker has the lock, and before that one has written",
		CaseSideEffect:       "frozen before a payment at somebody else's, who knows no tokens",
		CaseStuckWorker:      "not frozen: the work hangs, and the lock is renewed all the same",
	}[c]
}

// A Way is how a case is played. A way that ends in harm, every time, is a control: without it the others would show nothing.
type Way string

// The ways.
const (
	WayUnfenced Way = "unfenced" // the resource takes every write
	WayFenced   Way = "fenced"   // the resource compares tokens, and the next worker seals it first

	// Of CaseLateRelease.
	WayPlainDel       Way = "plain-del"        // the lock is given back by DEL, whoever has it
	WayPlainDelFenced Way = "plain-del-fenced" // the same, with a resource that compares tokens
	WayOwnDel         Way = "own-del"          // it is given back only if it is still ours

	// Of CaseSlowAcquire.
	WayUnchecked       Way = "unchecked"        // the time is counted from the answer
	WayUncheckedFenced Way = "unchecked-fenced" // the same, with a resource that compares tokens
	WayChecked         Way = "checked"          // the time is counted from the request
	WayCheckedFenced   Way = "checked-fenced"   // the same, with a resource that compares tokens

	// Of CaseBeforeFirstWrite, beside WayUnfenced.
	WayUnsealed Way = "unsealed" // the resource compares tokens, and nobody shows it the new one before the first write
	WaySealed   Way = "sealed"   // the next worker shows its token first

	// Of CaseSideEffect.
	WayNoKey       Way = "no-key"        // the payment has no idempotency key, and the resource takes every write
	WayNoKeyFenced Way = "no-key-fenced" // the same, with a resource that compares tokens
	WayKey         Way = "key"           // the payment has an idempotency key

	// Of CaseStuckWorker.
	WayRenewed  Way = "renewed"  // the lock is renewed for as long as the process lives
	WayProgress Way = "progress" // the lock is renewed for as long as the work makes progress
)

// Ways returns the ways in which a case is played, the controls first. Nothing but a lock in Redis can be deleted by somebody else's release, or be believed in from the
// moment of the answer, so that with ZooKeeper there are fewer.
func (c Case) Ways(lock string) []Way {
	ours := lock == LockZooKeeper
	switch c {
	case CaseDuplicateJob, CaseLateWrite:
		return []Way{WayUnfenced, WayFenced}
	case CaseLateRelease:
		if ours {
			return []Way{WayOwnDel}
		}
		return []Way{WayPlainDel, WayPlainDelFenced, WayOwnDel}
	case CaseSlowAcquire:
		if ours {
			return []Way{WayChecked, WayCheckedFenced}
		}
		return []Way{WayUnchecked, WayUncheckedFenced, WayChecked, WayCheckedFenced}
	case CaseBeforeFirstWrite:
		return []Way{WayUnfenced, WayUnsealed, WaySealed}
	case CaseSideEffect:
		return []Way{WayNoKey, WayNoKeyFenced, WayKey}
	case CaseStuckWorker:
		return []Way{WayRenewed, WayProgress}
	}
	return nil
}

// about is what there is to know of a way.
type aboutWay struct {
	text    string
	fenced  bool // the resource compares tokens
	control bool // it is there to end in harm
}

func (w Way) about() aboutWay {
	const fenced, control = true, true
	return map[Way]aboutWay{
		WayUnfenced:        {"without a fence", !fenced, control},
		WayFenced:          {"with a fence", fenced, !control},
		WayPlainDel:        {"plain DEL", !fenced, control},
		WayPlainDelFenced:  {"plain DEL, fence", fenced, control},
		WayOwnDel:          {"compare and delete", !fenced, !control},
		WayUnchecked:       {"from the answer", !fenced, control},
		WayUncheckedFenced: {"from the answer, fence", fenced, !control},
		WayChecked:         {"from the request", !fenced, !control},
		WayCheckedFenced:   {"from the request, fence", fenced, !control},
		WayUnsealed:        {"with a fence, unsealed", fenced, control},
		WaySealed:          {"with a fence, sealed", fenced, !control},
		WayNoKey:           {"without a fence", !fenced, control},
		WayNoKeyFenced:     {"with a fence", fenced, control},
		WayKey:             {"with an idempotency key", fenced, !control},
		WayRenewed:         {"renewed by the process", fenced, control},
		WayProgress:        {"renewed by the work", fenced, !control},
	}[w]
}

// About says what a way is, in a few words.
func (w Way) About() string { return w.about().text }

func (w Way) fenced() bool  { return w.about().fenced }
func (w Way) control() bool { return w.about().control }

// seals reports whether a worker shows its token before its first write.
func (w Way) seals() bool { return w.fenced() && w != WayUnsealed }

// usurps reports whether the way lets a worker have the lock while another's hold is good.
func (w Way) usurps() bool {
	return slices.Contains([]Way{WayPlainDel, WayPlainDelFenced, WayUnchecked, WayUncheckedFenced}, w)
}

// pausePlan returns the trials of some cases with some locks, in the order in which they are told.
func pausePlan(locks []string, cases []Case) []Trial {
	var plan []Trial
	for _, lock := range locks {
		for _, c := range cases {
			for _, way := range c.Ways(lock) {
				plan = append(plan, Trial{c, lock, way})
			}
		}
	}
	return plan
}
