package ratelimit

import (
	"math/rand/v2"
	"slices"
)

// A plan is a schedule of the adversary: some habits of servers, and how fast their clocks run.
type plan struct {
	habits []habit
	speeds []float64
	moves  []move // of the membership, by time
	losses []int64
}

// A habit is what one server does, and what befalls it.
type habit struct {
	server    int
	from      int64
	every     int64
	times     int
	direct    int64
	lend      int64
	out, back int64 // how long messages take
	fate      fate
	use       use
	useAt     int64
	cut       bool // it cannot reach Redis
}

// A move is a server that comes or goes.
type move struct {
	at     int64
	server int
	comes  bool
}

// play lets a plan happen and returns the most that was admitted in a period.
func play(s setting, p plan) int64 {
	w := newWorld(s, p.speeds)
	members := newMembers(s.count, p.moves)
	for _, h := range p.habits {
		a, left := w.servers[h.server], h.times
		var again func(now int64)
		again = func(now int64) {
			if left--; left > 0 {
				w.at(now+h.every, again)
			}
			if h.cut && s.share {
				n, since := members.seenBy(h.server, now)
				w.alone(now, a, h.direct, n, since)
				return
			}
			w.ask(now, a, h.direct, h.lend, h.out, h.back, h.fate, h.use, start+h.useAt)
		}
		w.at(start+h.from, again)
	}
	for _, t := range p.losses {
		w.at(start+t, func(int64) { w.forget() })
	}
	w.run()
	return worst(w.admitted, s.window)
}

// members is a membership that keeps its promise: of the servers that count at one moment, none is told a number below that of all.
type members struct {
	count int
	moves []move
}

func newMembers(count int, moves []move) *members {
	slices.SortFunc(moves, func(a, b move) int { return int(a.at - b.at) })
	return &members{count, moves}
}

// seenBy returns what a server is told at a time, in the world's time.
func (m *members) seenBy(server int, now int64) (n, since int64) {
	here := make([]bool, m.count)
	for i := range here {
		here[i] = true
	}
	n = int64(m.count)
	for _, mv := range m.moves {
		if start+mv.at > now {
			break
		}
		if here[mv.server] == mv.comes {
			continue
		}
		here[mv.server] = mv.comes
		since = start + mv.at
		if mv.comes {
			n++
		} else {
			n--
		}
	}
	if !here[server] {
		return 0, since
	}
	return n, since
}

// An adversary looks for a plan that admits as much as possible.
type adversary struct {
	setting
	rng     *rand.Rand
	horizon int64
	anchors []int64 // times at which something may be interesting
}

func newAdversary(s setting, seed uint64) *adversary {
	life := s.life()
	a := &adversary{setting: s, rng: rand.New(rand.NewPCG(seed, 7)), horizon: 2*s.window + 4*life + 10}
	begin := s.window/2 + 2*life // of a period, with time before and after it
	per := s.limit.Per.Microseconds()
	edge := per - (start+begin)%per + begin // of a fixed window
	for _, t := range []int64{begin, edge} {
		a.anchors = append(a.anchors, t, t-1, t+1, t+s.window, t+s.window-1, t+s.window+1, t-life, t-life+1, t-life-life/64, t-2*life, t+life, t+per, t-1000, t-per/64)
	}
	return a
}

func (a *adversary) pick(n int64) int64 { return a.rng.Int64N(max(n, 1)) }

func (a *adversary) time() int64 {
	if a.rng.IntN(3) > 0 {
		return max(0, a.anchors[a.rng.IntN(len(a.anchors))])
	}
	return a.pick(a.horizon)
}

// amount is how many are asked for: one, or a few, or all.
func (a *adversary) amount() int64 {
	r, _ := a.limit.rule()
	most := r.burst()
	return []int64{1, 1, 1 + a.pick(most), most, a.lease.Batch}[a.rng.IntN(5)]
}

func (a *adversary) habit() habit {
	h := habit{server: a.rng.IntN(a.count), from: a.time(), times: 1, direct: min(a.amount(), a.burst()), use: use(a.rng.IntN(int(uses))), useAt: a.time()}
	if a.rng.IntN(2) == 0 { // Again and again.
		h.times = 1 + a.rng.IntN(120)
		h.every = []int64{a.limit.Per.Microseconds() / max(a.limit.Max, 1), a.life(), a.life() - 1, 1 + a.pick(a.horizon/20), a.window / 100}[a.rng.IntN(5)]
		h.every = max(h.every, 1)
	}
	if a.lease.Batch > 0 && a.rng.IntN(4) > 0 {
		h.lend = min(a.amount(), a.lease.Batch)
		h.direct = a.pick(2)
		if h.lend == 0 {
			h.direct = 1
		}
	}
	if a.rng.IntN(4) == 0 {
		h.out, h.back = a.pick(a.life()/4+2), a.pick(a.life()/4+2)
	}
	if a.rng.IntN(8) == 0 {
		h.fate = fate(a.rng.IntN(int(fates)))
	}
	h.cut = a.share && a.rng.IntN(3) > 0
	return h
}

func (a *adversary) burst() int64 {
	r, _ := a.limit.rule()
	return r.burst()
}

func (a *adversary) plan() plan {
	p := plan{speeds: make([]float64, a.count)}
	for i := range p.speeds {
		p.speeds[i] = 1
	}
	for range 1 + a.rng.IntN(4) {
		p.habits = append(p.habits, a.habit())
	}
	for range a.losses {
		p.losses = append(p.losses, a.time())
	}
	return p
}

// change returns a plan that is a little different.
func (a *adversary) change(p plan) plan {
	p.habits, p.speeds, p.moves, p.losses = slices.Clone(p.habits), slices.Clone(p.speeds), slices.Clone(p.moves), slices.Clone(p.losses)
	for range 1 + a.rng.IntN(3) {
		i := a.rng.IntN(len(p.habits))
		h := &p.habits[i]
		switch a.rng.IntN(13) {
		case 0:
			if len(p.habits) < 12 {
				p.habits = append(p.habits, a.habit())
			}
		case 1:
			if len(p.habits) > 1 {
				p.habits = slices.Delete(p.habits, i, i+1)
			}
		case 2:
			*h = a.habit()
		case 3:
			h.from = a.time()
		case 4:
			h.from = max(0, h.from+a.pick(2001)-1000)
		case 5:
			h.useAt, h.use = a.time(), atATime
		case 6:
			h.use = use(a.rng.IntN(int(uses)))
		case 7:
			again := a.habit()
			h.times, h.every = again.times, again.every
		case 8:
			again := a.habit()
			h.direct, h.lend = again.direct, again.lend
		case 9: // The same on the other servers, or on one of them.
			same := *h
			for range []int{1, a.count - 1}[a.rng.IntN(2)] {
				if same.server = (same.server + 1) % a.count; len(p.habits) < 12 {
					p.habits = append(p.habits, same)
				}
			}
		case 10: // As far off as is allowed for.
			p.speeds[a.rng.IntN(a.count)] = []float64{1, 1 / (1 + 0.99/rates), 1 + 0.99/rates}[a.rng.IntN(3)]
		case 11:
			again := a.habit()
			h.out, h.back, h.fate = again.out, again.back, again.fate
		case 12:
			if a.losses > 0 {
				p.losses[a.rng.IntN(a.losses)] = a.time()
			}
			h.cut = a.share && !h.cut
			if a.share && a.rng.IntN(3) == 0 {
				p.moves = append(p.moves, move{at: a.time(), server: a.rng.IntN(a.count), comes: a.rng.IntN(2) == 0})
			}
		}
	}
	return p
}

// search returns the most that it found a way to have admitted, after so many tries: half of them from several places, and half from the best of these on.
func (a *adversary) search(tries int) (most int64, best plan) {
	const climbs = 4
	for range climbs {
		p := a.plan()
		if found, p := a.climb(p, play(a.setting, p), tries/2/climbs); found > most {
			most, best = found, p
		}
	}
	return a.climb(best, most, tries/2)
}

func (a *adversary) climb(p plan, found int64, tries int) (int64, plan) {
	for range tries {
		next := a.change(p)
		if n := play(a.setting, next); n >= found {
			found, p = n, next
		}
	}
	return found, p
}
