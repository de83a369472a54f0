package scenario

import (
	"math"
	"strings"
)

// figureName is a mode's name in figures.
func figureName(mode string) string { return strings.ReplaceAll(mode, "-", "_") }

// figures derives every number of a rate limit. Of each mode:
//
//	<mode>_per_s, <mode>_p50_ms, <mode>_p99_ms    with many callers at one key: medians over the turns
//	<mode>_far_per_s                              the same over links that make a round trip two milliseconds longer
//	<mode>_round_trips_per_decision               of one caller
//	<mode>_admitted_max, <mode>_bound             the most that was admitted of a user in a period before Redis was restarted, and the most that could have been
//	<mode>_restart_admitted_max, <mode>_restart_bound      the same of all periods, with what was forgotten by the restart
//	<mode>_over_limit_percent                     by how much admitted_max exceeds the limit
//	<mode>_normal_denied_percent                  of the requests of users who stay below the limit
//	<mode>_errors, <mode>_outage_decisions        requests that ended with an error, and those that the outage policy decided
//
// And of all:
//
//	strict_vs_redis_rate_ratio, lease_vs_strict_ratio     how many times as fast, with many callers at one key
//	strict_vs_lock_ratio                                  the same over the longer links, against the faster of the locks
//	abuser_attempts_per_s, abuser_calls_per_interval      an abuser's attempts, and what of them reaches Redis in the time in which it is given one token
//	measured_turns, measured_far_turns
func (f *limitFacts) figures() map[string]float64 {
	fig := map[string]float64{}
	for _, mode := range f.p.Modes {
		f.modeFigures(fig, mode)
	}
	var turns int
	if ratio, n := versus(f.near, ModeStrict, ModeRedisRate); n > 0 {
		fig["strict_vs_redis_rate_ratio"] = ratio
	}
	if ratio, n := versus(f.near, ModeLease, ModeStrict); n > 0 {
		fig["lease_vs_strict_ratio"] = ratio
	}
	for _, mode := range f.p.Modes {
		turns = max(turns, len(f.near[mode]))
	}
	fig["measured_turns"] = float64(turns)
	lock, slowest := 0.0, 0
	for _, mode := range []string{ModeLockRedis, ModeLockZooKeeper} {
		if ratio, n := versus(f.far, ModeStrict, mode); n > 0 && (lock == 0 || ratio < lock) {
			lock, slowest = ratio, n
		}
	}
	if lock > 0 {
		fig["strict_vs_lock_ratio"], fig["measured_far_turns"] = lock, float64(slowest)
	}
	if f.abused != nil {
		a := f.abused.Figures
		fig["abuser_attempts_per_s"] = roundMs(a["attempts"] / a["seconds"])
		fig["abuser_calls_per_interval"] = roundMs(a["calls"] / a["intervals"])
	}
	for name, n := range fig {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			delete(fig, name) // JSON cannot say it
		}
	}
	return fig
}

func (f *limitFacts) modeFigures(fig map[string]float64, mode string) {
	m, name, b := f.modes[mode], figureName(mode), f.p.Bounds[mode]
	if turns := values(f.near[mode]); len(turns) > 0 {
		fig[name+"_per_s"], fig[name+"_p50_ms"], fig[name+"_p99_ms"] = roundMs(median(turns)), median(m.p50), median(m.p99)
	}
	if turns := values(f.far[mode]); len(turns) > 0 {
		fig[name+"_far_per_s"] = roundMs(median(turns))
	}
	if m.trips != nil {
		fig[name+"_round_trips_per_decision"] = roundMs(m.trips.Figures["round_trips"] / m.trips.Figures["decisions"])
	}
	fig[name+"_bound"], fig[name+"_restart_bound"] = float64(b.Bound), float64(b.Bound+b.Loss)
	if m.calm != nil {
		n := m.calm.Figures["admitted"]
		fig[name+"_admitted_max"] = n
		fig[name+"_over_limit_percent"] = roundMs(max(0, 100*(n-float64(f.p.Max))/float64(f.p.Max)))
	}
	if m.ever != nil {
		fig[name+"_restart_admitted_max"] = m.ever.Figures["admitted"]
	}
	if m.attempts > 0 {
		fig[name+"_errors"], fig[name+"_outage_decisions"] = m.errors+m.measuredErrors, m.unanswered
	}
	if m.normal > 0 {
		fig[name+"_normal_denied_percent"] = roundMs(100 * m.denied / m.normal)
	}
}
