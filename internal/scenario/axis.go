package scenario

import (
	"math"
	"strings"
)

// An axis maps times to places. All lanes of one picture share it.
type axis struct{ from, to float64 }

// axisOf spans the events, with no more before the cut than a fifth of what follows: a lock that was held for an hour before the cut would
// leave no room for what the picture is about.
func axisOf(f *facts) axis { return axisOver(f.events) }

func axisOver(events []Event) axis {
	a := axis{from: math.Inf(1), to: math.Inf(-1)}
	for _, e := range events {
		a.from, a.to = min(a.from, e.AtMs), max(a.to, e.AtMs)
	}
	if len(events) == 0 || math.IsNaN(a.from) || math.IsNaN(a.to) {
		return axis{0, 1}
	}
	if a.to > 0 {
		a.from = max(a.from, -a.to/5)
	}
	room := max((a.to-a.from)/50, 1e-3)
	return axis{a.from - room, a.to + room}
}

// place returns where a time is, from 0 to 1, at the edge if it is outside.
func (a axis) place(ms float64) float64 {
	switch {
	case ms <= a.from || math.IsNaN(ms):
		return 0
	case ms >= a.to:
		return 1
	}
	return (ms - a.from) / (a.to - a.from)
}

// ticks returns about n round times on the axis, the cut among them if it is on the axis.
func (a axis) ticks(n int) (step float64, at []float64) {
	raw := (a.to - a.from) / float64(max(n, 1))
	step = math.Pow(10, math.Floor(math.Log10(raw)))
	for _, k := range []float64{1, 2, 5, 10} {
		if k*step >= raw {
			step *= k
			break
		}
	}
	for i := math.Ceil(a.from / step); i*step <= a.to && len(at) < 100; i++ {
		at = append(at, i*step)
	}
	return step, at
}

// tickLabel writes a time on the axis, as short as the step allows: "+2s", "+0.5s", "0".
func tickLabel(ms, step float64) string {
	switch {
	case math.Abs(ms) < step/2:
		return "0"
	case step >= 1e3:
		return signed(ms/1e3, 0) + "s"
	case step >= 100:
		return signed(ms/1e3, 1) + "s"
	case step >= 10:
		return signed(ms/1e3, 2) + "s"
	}
	return signed(ms, 0) + "ms"
}

func signed(v float64, decimals int) string {
	s := strings.TrimPrefix(number(math.Round(v*math.Pow(10, float64(decimals)))/math.Pow(10, float64(decimals))), "+")
	if v > 0 {
		return "+" + s
	}
	return s
}

// A lane is one row of the picture: what one party believed, or how long its node was there.
type lane struct {
	who, what string // "holder", "belief"
	tone      tone
	spans     []laneSpan
}

// A laneSpan is a stretch of a lane: certain from start to sure, possible from there to maybe, and wrong from lost on, if lost is not NaN.
type laneSpan struct {
	start, sure, maybe, lost float64
	token                    uint64
	open                     bool // it goes on at the end of the record
}

// lanesOf returns the lanes of a run: the holder's belief, the holder's truth, and what each waiter acquired.
func lanesOf(f *facts, a axis) []lane {
	if len(f.reigns) > 0 {
		return programLanes(f, a)
	}
	belief := lane{who: WhoHolder, what: "belief", tone: toneBelief}
	truth := lane{who: WhoHolder, what: "truth", tone: toneTruth}
	var waiters []lane
	for i := range f.holds {
		h := &f.holds[i]
		s := laneSpan{start: h.start, sure: h.endLo, maybe: min(h.endHi, a.to), lost: math.NaN(), token: h.token, open: h.end == nil}
		if s.open {
			s.sure, s.maybe = max(h.endLo, f.nextStart(h, a.to)), a.to
		}
		if h.who != WhoHolder {
			waiters = addSpan(waiters, h.who, s)
			continue
		}
		t := s
		if h == f.holder() {
			if f.gone != nil {
				s.lost = f.gone.AtMs
			}
			t = f.truthSpan(h, a)
		}
		belief.spans, truth.spans = append(belief.spans, s), append(truth.spans, t)
	}
	var all []lane
	if len(belief.spans) > 0 {
		all = append(all, belief, truth)
	}
	return append(all, waiters...)
}

// nextStart returns until when an open belief is drawn as certain: until somebody else acquired, or to the end of the record.
func (f *facts) nextStart(h *hold, end float64) float64 {
	for i := range f.holds {
		if o := &f.holds[i]; o.who != h.who && o.start > h.start {
			return min(o.start, end)
		}
	}
	return end
}

// truthSpan is how long the node of a hold was there.
func (f *facts) truthSpan(h *hold, a axis) laneSpan {
	t := laneSpan{start: h.start, sure: a.to, maybe: a.to, lost: math.NaN(), token: h.token, open: f.gone == nil}
	switch {
	case f.seen != nil && f.gone != nil:
		t.sure, t.maybe = min(f.seen.AtMs, f.gone.AtMs), f.gone.AtMs
	case f.gone != nil:
		t.sure, t.maybe = h.start, f.gone.AtMs
	case f.seen != nil:
		t.sure = f.seen.AtMs
	}
	return t
}

// addSpan puts a span on the lane of a waiter. A waiter's node is not watched: what it acquired stands for truth until it ends.
func addSpan(lanes []lane, who string, s laneSpan) []lane {
	for i := range lanes {
		if lanes[i].who == who {
			lanes[i].spans = append(lanes[i].spans, s)
			return lanes
		}
	}
	return append(lanes, lane{who: who, what: "truth", tone: toneTruth, spans: []laneSpan{s}})
}
