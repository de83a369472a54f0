package cas

import "time"

// A Backoff says what an update does that has lost against another one, or that would.
type Backoff int

const (
	// TakeTurns lets those go first who have waited longest. The traces in a node say who has written it, and in what order: whoever writes again and again while others do too waits
	// until it is nearly his turn: one or two may be before him still, unless there are two in all. So two or three clients try at a time, however many want to, and an update takes about two attempts, of them all; that many
	// keep the servers busy also when the one whose turn it is is slow to come. Where writes are rare nobody waits for anybody. Who loses and has no place in that order yet backs off as with
	// FullJitter; so does everybody where more clients write than a node has traces.
	TakeTurns Backoff = iota
	// FullJitter waits for a random time, from nothing up to a range that follows the measured round trip and how often attempts fail.
	FullJitter
	// AtOnce tries again at once. With many writers nearly all of their work is in vain, on the servers too; it is there to be compared with.
	AtOnce
)

// A pace is what a client knows of a node that it writes again and again. It decides when to try. It is not safe for concurrent use.
//
// With TakeTurns, a client's turn comes after those who have written, but not since it has: there are n of them. It sleeps for most of the time that n-2 or n-3 writes take, looks again, and so
// comes nearer in a few steps, however wrong its idea of that time is. Who is that near tries. One who does not come when it is his turn costs the others about one write's time, once.
type pace struct {
	birth int64         // of the node that all of this is about
	last  uint64        // the number of this client's last write, 0 for none
	idle  uint64        // those whose last write is this one, or one before it, did not come when this client waited for them
	wrote time.Duration // when the last write was acknowledged
	gap   time.Duration // from one write to the next, whoever's, when they come fast; 0 if that is not known
	cycle time.Duration // how long it takes to read, to compute and to write
	usual time.Duration // the same, on average, where cycle is rather what it takes when all goes well
	crowd float64       // how many are believed to be at it, by how attempts fail
	peers int           // those who may be before this client's next turn, as of its last write
}

const (
	leastCycle = 100 * time.Microsecond
	mostCrowd  = 1024
	// longestSleep is the most cycles that one sleeps without looking: what one believes of the time that others take may be wrong by then.
	longestSleep = 100
	mostNew      = 32 // Among those who take turns a new one loses often, however few they are: it must not give way for ever.
)

// low follows an estimate down quickly and up slowly, by one of so many parts at a time: a machine that is busy for a moment is no measure of anything.
func low(estimate *time.Duration, seen time.Duration, up int) {
	switch {
	case *estimate == 0 || seen < *estimate/2:
		*estimate = seen
	case seen < *estimate:
		*estimate += (seen - *estimate) / 2
	default:
		*estimate += (min(seen, 4**estimate) - *estimate) / time.Duration(up)
	}
}

// attempted takes note of one attempt: how long it took, from the reading to the answer to the write, and whether it was in vain.
func (p *pace) attempted(took time.Duration, conflict bool) {
	took = max(took, leastCycle)
	low(&p.cycle, took, 16)
	if p.usual == 0 {
		p.usual = took
	}
	p.usual += (min(took, 4*p.usual) - p.usual) / 8
	// At these rates every second attempt fails where the range is just right: the servers are never idle, and do little in vain.
	if conflict {
		p.crowd = min(max(p.crowd, 1)*1.25, mostCrowd)
	} else {
		p.crowd = max(p.crowd/1.25, 1)
	}
}

// succeeded takes note of a write of this client's, on top of what base shows.
func (p *pace) succeeded(base *state, now time.Duration) {
	number, birth := base.number+1, base.version.Birth
	if p.birth != birth || number <= p.last {
		*p = pace{birth: birth, cycle: p.cycle, usual: p.usual, crowd: p.crowd}
	}
	if p.last > 0 {
		low(&p.gap, (now-p.wrote)/time.Duration(number-p.last), 4)
	}
	p.last, p.wrote = number, now
	p.peers = p.before(&base.envelope)
}

// busy reports whether writes come as fast, about, as they can. Otherwise whoever wants to write can just try.
func (p *pace) busy() bool { return p.gap > 0 && p.gap < 3*p.cycle }

// placed reports whether this client has a place in the order. With more writers than there are traces, it loses its own before its turn comes.
func (p *pace) placed(now *state) bool {
	return p.last > 0 && now.version.Birth == p.birth && p.last > now.floor
}

// ahead counts those whose turn is before this client's.
func (p *pace) ahead(e *envelope) int {
	n := 0
	for _, t := range e.traces {
		if t.number > p.idle && t.number < p.last {
			n++
		}
	}
	return n
}

// before counts those who have to be done before this client tries. Where there are more than two, one may try along with it, or two where there are many: else the servers have nothing to do
// for half of a round trip after each write, and everybody waits whenever the one whose turn it is does not get to run. Of two each would lose every second time.
func (p *pace) before(e *envelope) int {
	peers := 0
	for _, t := range e.traces {
		if t.number > p.idle && t.number != p.last {
			peers++
		}
	}
	switch {
	case peers <= 1:
		return p.ahead(e)
	case peers < 7:
		return p.ahead(e) - 1
	}
	return p.ahead(e) - 2
}

// A wait is where an update is that waits for its turn. The zero value is one that begins.
type wait struct {
	conflicts int           // so far
	backed    int           // how many of them it has backed off for
	number    uint64        // of the node's last write, when it was looked at last
	looked    time.Duration // when that was
	looks     int           // that it has been seen
	since     time.Duration // when that number was seen first
}

// A delay is what to do before an attempt: nothing, or look at the node again after a while.
type delay struct {
	look  bool
	after time.Duration
}

// first says how long an update can wait before it looks at the node for the first time: there is no need to see that others have their turn first.
func (p *pace) first(how Backoff, at time.Duration) time.Duration {
	if how != TakeTurns || !p.busy() {
		return 0
	}
	return p.sleep(p.peers) - (at - p.wrote)
}

// sleep is how long those that many writes take, for the most part.
func (p *pace) sleep(ahead int) time.Duration {
	gap := p.usual
	if p.gap > 0 {
		gap = min(gap, p.gap) // A longer one than a cycle is of our own making: too many sleep.
	}
	return min(time.Duration(ahead-1)*gap*3/4, longestSleep*p.cycle)
}

// next says what to do before an attempt on what was just read. chance is a random number from 0 to 1.
func (p *pace) next(w *wait, how Backoff, now *state, at time.Duration, chance float64) delay {
	switch {
	case how == TakeTurns && p.placed(now) && (p.busy() || w.conflicts > 0):
		return p.turn(w, now, at)
	case how != AtOnce && w.conflicts > w.backed:
		w.backed = w.conflicts
		crowd := p.crowd
		if how == TakeTurns && now.floor == 0 {
			crowd = min(crowd, mostNew)
		}
		return delay{look: true, after: time.Duration(chance * crowd * float64(p.cycle))}
	}
	return delay{}
}

// turn is next for one who has a place in the order.
func (p *pace) turn(w *wait, now *state, at time.Duration) delay {
	if w.number > 0 && now.number > w.number+7 { // Fewer say nothing about the time between two.
		low(&p.gap, (at-w.looked)/time.Duration(now.number-w.number), 4)
	}
	if w.number != now.number {
		w.number, w.since, w.looks = now.number, at, 0
	}
	least := time.Duration(0)
	if at == w.looked { // no time passes while one looks at this register
		least = leastCycle
	}
	w.looked = at
	n := p.before(&now.envelope)
	switch {
	case n <= 0:
		return delay{}
	case at-w.since > p.cycle*3/2: // somebody would have written by now
		p.idle = p.last - 1
		return delay{}
	}
	w.looks++
	if w.looks > 2 {
		least = p.cycle << min(w.looks, 6) / 32
	}
	return delay{look: true, after: max(p.sleep(n), least)}
}
