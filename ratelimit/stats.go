package ratelimit

import "sync/atomic"

// Stats is what a limiter has done since it was made. It is a value, safe to copy.
type Stats struct {
	// Admitted and Denied count decisions by who made them.
	Admitted, Denied map[Source]uint64
	// Questions counts what was put to Redis; several that went in one pipeline count one by one.
	Questions uint64
	// Failures counts the questions that had no answer, or one that made no sense.
	Failures uint64
	// Outages counts how often Redis could not be asked any more.
	Outages uint64
}

const sources = int(FromOutage) + 1

type stats struct {
	admitted, denied             [sources]atomic.Uint64
	questions, failures, outages atomic.Uint64
}

func (s *stats) decided(d Decision) {
	if d.OK {
		s.admitted[d.Source].Add(1)
		return
	}
	s.denied[d.Source].Add(1)
}

func (s *stats) asked(n int) { s.questions.Add(uint64(n)) }
func (s *stats) failed()     { s.failures.Add(1) }
func (s *stats) outage()     { s.outages.Add(1) }

// Stats returns what the limiter has done so far.
func (l *Limiter) Stats() Stats {
	s := Stats{
		Admitted: make(map[Source]uint64), Denied: make(map[Source]uint64),
		Questions: l.stats.questions.Load(), Failures: l.stats.failures.Load(), Outages: l.stats.outages.Load(),
	}
	for source := FromRedis; source <= FromOutage; source++ {
		s.Admitted[source] = l.stats.admitted[source].Load()
		s.Denied[source] = l.stats.denied[source].Load()
	}
	return s
}
