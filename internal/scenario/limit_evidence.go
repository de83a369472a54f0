package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// RateLimitEvidence is everything that a run of the rate limit scenario observed. It is a [Story].
type RateLimitEvidence struct {
	Scenario   string
	Engine     Engine
	Parameters RateLimitParameters
	Events     []Event
}

// RateLimitParameters of a run.
type RateLimitParameters struct {
	Users   int      `json:"users"`
	Servers int      `json:"servers"`
	Max     int64    `json:"max"`
	Per     Millis   `json:"per_ms"`
	Modes   []string `json:"modes"`
	Callers int      `json:"callers"`
	// Life is that of leases.
	Life Millis `json:"life_ms"`
	// On is what it ran on.
	On map[string]Engine `json:"on"`
	// Bounds is the most that each mode admits in a period.
	Bounds map[string]RateLimitBound `json:"bounds"`
}

// A RateLimitBound is the most that a mode admits of a user in a period of the limit's length. Package ratelimit declares it; of the others it is what follows from how they work, if all clocks agree.
type RateLimitBound struct {
	Bound int64 `json:"bound"`
	// Loss is added when Redis has lost its data in the period.
	Loss int64 `json:"loss"`
}

// per writes the period as people do: "1m", where a duration writes "1m0s".
func (p RateLimitParameters) per() string {
	text := p.Per.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// RateLimitEvidence returns the evidence of a report of the rate limit scenario. It fails as [Report.Story] does, for the report of another scenario too.
func (r Report) RateLimitEvidence() (RateLimitEvidence, error) {
	if r.Scenario != RateLimitScenario {
		return RateLimitEvidence{}, fmt.Errorf("%w: %q is no rate limit", ErrNotCheckable, r.Scenario)
	}
	e := RateLimitEvidence{Scenario: r.Scenario, Engine: r.Engine, Events: r.Events}
	if err := json.Unmarshal(r.Parameters, &e.Parameters); err != nil {
		return RateLimitEvidence{}, fmt.Errorf("%w: parameters: %w", ErrNotReport, err)
	}
	return e, nil
}

func (e RateLimitEvidence) report(r Result) Report {
	// Parameters holds nothing that can fail to marshal.
	report, _ := NewPlainReport(e.Scenario, e.Engine, e.Parameters, r, e.Events)
	return report
}

// limitFacts is what follows from the events at once.
type limitFacts struct {
	p      RateLimitParameters
	modes  map[string]*modeFacts
	events map[string][]Event // of the harness, by what happened
	abused *Event
	far    map[string]map[int]float64 // per second, by mode and turn
	near   map[string]map[int]float64
}

// modeFacts is what is known of one mode.
type modeFacts struct {
	calm, ever         *Event // the fullest period of all users
	errors, unanswered float64
	measuredErrors     float64 // while speed was measured
	firstError         string
	attempts, admitted float64
	normal, denied     float64 // of those who stay below the limit: requests, and those of them that were denied
	afterRestart       float64
	p50, p99           []float64
	trips              *Event
}

func deriveLimits(e RateLimitEvidence) limitFacts {
	f := limitFacts{
		p: e.Parameters, modes: map[string]*modeFacts{}, events: map[string][]Event{}, near: map[string]map[int]float64{}, far: map[string]map[int]float64{},
	}
	for _, m := range e.Parameters.Modes {
		f.modes[m], f.near[m], f.far[m] = &modeFacts{}, map[int]float64{}, map[int]float64{}
	}
	for i := range e.Events {
		ev := &e.Events[i]
		m := f.modes[ev.Who]
		switch {
		case m == nil:
			f.events[ev.What] = append(f.events[ev.What], *ev)
			continue
		case ev.What == FullestCalm && fuller(ev, m.calm):
			m.calm = ev
		case ev.What == FullestEver && fuller(ev, m.ever):
			m.ever = ev
		case ev.What == Counted:
			m.count(ev)
		case ev.What == RoundTrips:
			m.trips = ev
		case ev.What == Abused:
			f.abused = ev
		case ev.What == Speed:
			f.near[ev.Who][ev.Run] = ev.Figures["per_s"]
			m.p50, m.p99 = append(m.p50, ev.Figures["p50_ms"]), append(m.p99, ev.Figures["p99_ms"])
			m.measuredErrors += ev.Figures["errors"]
		case ev.What == SpeedFar:
			f.far[ev.Who][ev.Run] = ev.Figures["per_s"]
			m.measuredErrors += ev.Figures["errors"]
		}
	}
	return f
}

func fuller(ev, than *Event) bool {
	return than == nil || ev.Figures["admitted"] > than.Figures["admitted"]
}

func (m *modeFacts) count(ev *Event) {
	m.attempts += ev.Figures["attempts"]
	m.admitted += ev.Figures["admitted"]
	m.errors += ev.Figures["errors"]
	m.unanswered += ev.Figures["unanswered"]
	m.afterRestart += ev.Figures["after_restart"]
	if m.firstError == "" {
		m.firstError = ev.Detail
	}
	if ev.By == LoadNormal {
		m.normal += ev.Figures["attempts"]
		m.denied += ev.Figures["attempts"] - ev.Figures["admitted"]
	}
}

// median returns the middle one, of at least one.
func median(all []float64) float64 {
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// versus returns the median, over all turns, of how many times as fast as another a mode was; ok is false if they were not measured together.
func versus(turns map[string]map[int]float64, mode, other string) (ratio float64, n int) {
	var all []float64
	for turn, v := range turns[mode] {
		if o := turns[other][turn]; o > 0 {
			all = append(all, v/o)
		}
	}
	if len(all) == 0 {
		return 0, 0
	}
	return roundMs(median(all)), len(all)
}

func values(turns map[int]float64) (all []float64) {
	for _, v := range turns {
		all = append(all, v)
	}
	return all
}
