package scenario

import (
	"cmp"
	"slices"
	"time"
)

// A contendTally is what was measured of one cell.
type contendTally struct {
	cell     contendCell
	rates    []float64 // updates per second, in each round
	p99      []float64 // ms, in each round
	times    contendTimes
	measured int64
	attempts int64
	combined int64
	promoted int64
	ops      int64
	each     []int64

	unknown  int64
	lost     int64 // updates that somebody was told of and that are not there
	doubled  int64 // the other way round
	lowest   int64
	oversold int64
}

// note adds one window.
func (t *contendTally) note(w contendWindow, length time.Duration) {
	t.rates = append(t.rates, float64(w.Commits)/length.Seconds())
	if w.Measured > 0 {
		t.p99 = append(t.p99, w.Times.quantile(0.99))
	}
	t.times.merge(w.Times)
	t.measured += w.Measured
	t.attempts += w.Attempts
	t.combined += w.Combined
	t.promoted += w.Promoted
	t.ops += w.Ops
	if len(t.each) == 0 {
		t.each = slices.Clone(w.Each)
		return
	}
	for i := range w.Each {
		t.each[i] += w.Each[i]
	}
}

// audit compares what the records of a space hold with what workers were told. What cells before this one have to answer for is left out.
func (t *contendTally) audit(s *contendSpace, sum int64, job contendJob) {
	missing := s.initial + s.effect - sum - s.corrected // of what was told
	s.corrected += missing
	if job.Workload == ContendInventory {
		missing = -missing // Each update takes one.
	}
	doubt := s.unknown
	if job.Workload == ContendInventory {
		doubt *= contendRestock
	}
	t.lost = max(0, missing-doubt)
	t.doubled = max(0, -missing-doubt)
	if t.lowest < 0 {
		t.oversold = -t.lowest
	}
}

// rate is the median of the rounds.
func (t *contendTally) rate() float64 { return medianOf(t.rates) }

// jain is Jain's index of how evenly the workers were served: 1 if all alike, and one over their number if all went to one.
func (t *contendTally) jain() float64 {
	var sum, squares float64
	for _, n := range t.each {
		sum += float64(n)
		squares += float64(n) * float64(n)
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / squares / float64(len(t.each))
}

// medianOf returns the median, 0 of none.
func medianOf(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, cmp.Compare[float64])
	return sorted[len(sorted)/2]
}

// against is how many times as much as another a cell did, round by round: the median. What was measured in one round shares the machine's mood of that time.
func (t *contendTally) against(other *contendTally) (median float64, ok bool) {
	var ratios []float64
	for i := range min(len(t.rates), len(other.rates)) {
		if other.rates[i] > 0 {
			ratios = append(ratios, t.rates[i]/other.rates[i])
		}
	}
	if len(ratios) == 0 {
		return 0, false
	}
	return medianOf(ratios), true
}
