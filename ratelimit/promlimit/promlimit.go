// Package promlimit shows Prometheus what limiters of package ratelimit do.
//
//	registry.MustRegister(promlimit.New("api", limiter))
//
// It has a package of its own so that who does not use Prometheus does not import its client.
package promlimit

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/zkkit/zkkit/ratelimit"
)

// A Collector reads the counters of one limiter whenever it is asked. It is safe for concurrent use. There is no useful zero value: use [New].
type Collector struct {
	limiter                                 *ratelimit.Limiter
	decisions, questions, failures, outages *prometheus.Desc
}

// New returns a collector of a limiter's counters, with the label limit to tell it from others:
//
//	ratelimit_decisions_total{limit, decision="admitted|denied", source="redis|lease|deny-cache|outage"}
//	ratelimit_questions_total{limit}   put to Redis
//	ratelimit_failures_total{limit}    of these without an answer that makes sense
//	ratelimit_outages_total{limit}     how often Redis could not be asked any more
func New(limit string, limiter *ratelimit.Limiter) *Collector {
	labels := prometheus.Labels{"limit": limit}
	return &Collector{
		limiter:   limiter,
		decisions: prometheus.NewDesc("ratelimit_decisions_total", "Decisions by outcome and by who made them.", []string{"decision", "source"}, labels),
		questions: prometheus.NewDesc("ratelimit_questions_total", "Questions put to Redis.", nil, labels),
		failures:  prometheus.NewDesc("ratelimit_failures_total", "Questions without an answer that makes sense.", nil, labels),
		outages:   prometheus.NewDesc("ratelimit_outages_total", "How often Redis could not be asked any more.", nil, labels),
	}
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.decisions, c.questions, c.failures, c.outages} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	s := c.limiter.Stats()
	for decision, counts := range map[string]map[ratelimit.Source]uint64{"admitted": s.Admitted, "denied": s.Denied} {
		for source, n := range counts {
			to <- prometheus.MustNewConstMetric(c.decisions, prometheus.CounterValue, float64(n), decision, source.String())
		}
	}
	to <- prometheus.MustNewConstMetric(c.questions, prometheus.CounterValue, float64(s.Questions))
	to <- prometheus.MustNewConstMetric(c.failures, prometheus.CounterValue, float64(s.Failures))
	to <- prometheus.MustNewConstMetric(c.outages, prometheus.CounterValue, float64(s.Outages))
}
