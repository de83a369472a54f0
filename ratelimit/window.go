package ratelimit

import "math"

// cells is in how many parts Rolling divides its period.
const cells = 64

// A window counts what was admitted in the cell of now and in some before it, and admits as long as that is no more than the maximum.
//
// With back cells of a width such that together they are no shorter than the period, the cells that are counted cover the whole period before now: so there is no period, wherever
// it begins, in which more than the maximum is admitted. That is [Rolling]. With none before and a width of the period it is [FixedWindow].
//
// What is lent counts until it is used up or expires, and counts then in the cell of that time, the latest at which it can have been used. So it counts from before its first use
// until a period after its last one, and the above holds whoever used it and when.
type window struct {
	max   int64
	width int64 // of a cell
	back  int64 // cells that count beside that of now
}

func rolling(count, period int64) *window {
	width := (period + cells - 1) / cells
	return &window{max: count, width: width, back: (period + width - 1) / width}
}

func (w *window) burst() int64 { return w.max }

func (w *window) step(s state, now int64, q question) (answer, state) {
	cur := now / w.width
	next := state{known: true, at: cur}
	expired, used, out := settled(s.loans, now, q.ended)
	if s.known {
		if cur < s.at { // The clock was set back. It stands still.
			cur = s.at
			now = cur * w.width
			expired, used, out = settled(s.loans, now, q.ended)
		}
		next.at = cur
		next.add(w, cur-s.at, s.used)
		for _, c := range s.cells {
			next.add(w, c.age+cur-s.at, c.used)
		}
	}
	for _, l := range expired {
		next.add(w, cur-l.expiry/w.width, l.size)
	}
	next.used += used

	lent := outstanding(out)
	total := next.used + lent
	for _, c := range next.cells {
		total += c.used
	}
	a := answer{store: used > 0}
	if w.back == 0 {
		a.life = (cur+1)*w.width - now
	}
	if w.max-total >= max(q.direct, 1) {
		a.ok, a.store = true, true
		a.lent = min(q.lend, w.max-total-q.direct)
		next.used += q.direct
		total += q.direct
		switch {
		case a.lent == 0:
		case q.hold == 0:
			next.used += a.lent
			total += a.lent
		default:
			out, total = w.lend(&a, out, total, now, q)
		}
	}
	next.loans = out
	a.left = max(0, w.max-total)
	need := int64(1)
	if !a.ok {
		need = max(q.direct, 1)
	}
	if short := need - (w.max - total); short > 0 {
		a.retry = w.leaves(next.cells, cur, short) - now
	}
	if newest := next.newest(w, out); newest >= 0 {
		over := (newest + w.back + 1) * w.width
		a.reset, a.expiry = over-now, over/1000+1
	}
	return a, next
}

// add counts what was admitted some cells ago, if that still matters.
func (s *state) add(w *window, age, used int64) {
	switch {
	case used == 0 || age > w.back:
		return
	case age == 0:
		s.used += used
		return
	}
	for i := range s.cells {
		if s.cells[i].age == age {
			s.cells[i].used += used
			return
		}
		if s.cells[i].age > age {
			s.cells = append(s.cells, cell{})
			copy(s.cells[i+1:], s.cells[i:])
			s.cells[i] = cell{age, used}
			return
		}
	}
	s.cells = append(s.cells, cell{age, used})
}

// lend adds a loan, unless it is there already. In a FixedWindow it ends with the window.
func (w *window) lend(a *answer, out []loan, total, now int64, q question) ([]loan, int64) {
	for _, o := range out {
		if o.id == q.id {
			a.lent = o.size
			return out, total
		}
	}
	expiry := now + q.hold
	if w.back == 0 {
		expiry = min(expiry, now+a.life-1)
	}
	return lend(out, loan{id: q.id, size: a.lent, expiry: expiry}), total + a.lent
}

// leaves returns when so much less will be counted, at the soonest: what is lent could be used up at once.
func (w *window) leaves(old []cell, cur, short int64) int64 {
	for i := len(old) - 1; i >= 0; i-- {
		if short -= old[i].used; short <= 0 {
			return (cur - old[i].age + w.back + 1) * w.width
		}
	}
	return (cur + w.back + 1) * w.width
}

// newest returns the number of the last cell in which something was or may be admitted, -1 if there is none.
func (s *state) newest(w *window, out []loan) int64 {
	n := int64(-1)
	switch {
	case s.used > 0:
		n = s.at
	case len(s.cells) > 0:
		n = s.at - s.cells[0].age
	}
	if k := len(out); k > 0 {
		n = max(n, out[k-1].expiry/w.width)
	}
	return n
}

// most counts how often the maximum can be admitted within a length of time: it fits again as soon as the cell of the last time counts no more.
func (w *window) most(length int64) int64 {
	times := int64(1)
	switch {
	case w.back > 0:
		times += length / (w.back*w.width + 1)
	case length > 0:
		times += (length-1)/w.width + 1
	}
	if times > math.MaxInt64/w.max {
		return math.MaxInt64
	}
	return times * w.max
}

// share is rolling for a FixedWindow too: servers have no common time that would tell them when a window begins.
func (w *window) share(n int64) (rule, bool) {
	period := w.width * max(w.back, 1)
	part := rolling(w.max/n, hold(period))
	return part, part.max > 0
}

func (w *window) spent(at int64) state {
	return state{known: true, at: at / w.width, used: w.max}
}
