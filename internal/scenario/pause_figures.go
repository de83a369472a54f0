package scenario

import (
	"fmt"
	"math"
	"slices"
)

// figures derives every number of a pause. Each count stands beside the number of runs that it is out of, and neither is there where no such run was played.
//
//	ttl_ms, planned_pause_ms, repeat                      the parameters
//	runs                                                  all that count
//	replayed                                              how often a run was played once more, as the machine had been too busy
//	runs_unfenced, duplicates_unfenced                    S1, S2, S4 with time counted from the answer, S5: without a fence a job done twice, or an update lost
//	runs_fenced, duplicates_fenced                        the same with a fence that is sealed
//	lost_updates_unfenced, lost_updates_fenced            of these the lost updates, S2
//	stale_attempted, stale_accepted                       runs with writes below a token that a fenced resource had seen, and those let through
//	runs_without_seal, double_without_seal                S5 with a fence that is not sealed
//	runs_with_seal, double_with_seal                      S5 with one that is
//	runs_plain_del, freed_by_plain_del                    S3: another's lock was freed by a late release
//	runs_own_del, freed_by_own_del                        the same with a release that compares
//	runs_unchecked, double_unchecked, runs_checked, double_checked      S4
//	runs_without_key, charged_twice_without_key, runs_with_key, charged_twice_with_key      S6
//	runs_renewed, kept_renewed, runs_progress, kept_progress            S7
//	pause_min_ms, pause_max_ms                            how long A stood still
//	passed_on_min_ms, passed_on_median_ms, passed_on_max_ms      from the moment at which A stood still until the next worker had the lock
func (f *pauseFacts) figures() map[string]float64 {
	fig := map[string]float64{}
	if f.p.TTL > 0 {
		fig["ttl_ms"] = Ms(f.p.TTL.Duration())
	}
	if f.p.For > 0 {
		fig["planned_pause_ms"] = Ms(f.p.For.Duration())
	}
	if len(f.runs) == 0 {
		return fig
	}
	fig["runs"], fig["repeat"], fig["replayed"] = float64(len(f.runs)), float64(f.p.Repeat), f.replayed()
	harmed, spoiled := (*pauseRun).harmed, (*pauseRun).spoiled
	lost := func(r *pauseRun) bool { return r.lost() > 0 }
	for _, c := range []struct {
		runs, name string
		match      func(*pauseRun) bool
		ways       []Way
	}{
		{"runs_unfenced", "duplicates_unfenced", spoiled, unfencedWays},
		{"runs_fenced", "duplicates_fenced", spoiled, fencedWays},
		{"runs_unfenced", "lost_updates_unfenced", lost, unfencedWays},
		{"runs_fenced", "lost_updates_fenced", lost, fencedWays},
		{"runs_without_seal", "double_without_seal", harmed, []Way{WayUnsealed}},
		{"runs_with_seal", "double_with_seal", harmed, []Way{WaySealed}},
		{"runs_plain_del", "freed_by_plain_del", harmed, []Way{WayPlainDel, WayPlainDelFenced}},
		{"runs_own_del", "freed_by_own_del", harmed, []Way{WayOwnDel}},
		{"runs_unchecked", "double_unchecked", harmed, []Way{WayUnchecked}},
		{"runs_checked", "double_checked", harmed, []Way{WayChecked, WayCheckedFenced}},
		{"runs_without_key", "charged_twice_without_key", harmed, []Way{WayNoKey, WayNoKeyFenced}},
		{"runs_with_key", "charged_twice_with_key", harmed, []Way{WayKey}},
		{"runs_renewed", "kept_renewed", harmed, []Way{WayRenewed}},
		{"runs_progress", "kept_progress", harmed, []Way{WayProgress}},
	} {
		if s := f.of(c.ways...); len(s) > 0 {
			n, _ := s.count(c.match)
			fig[c.runs], fig[c.name] = float64(len(s)), float64(n)
		}
	}
	if s := f.where(func(r *pauseRun) bool { return r.trial.Way.fenced() }); len(s) > 0 {
		tried, _ := s.count(func(r *pauseRun) bool {
			return slices.ContainsFunc(r.writes, func(w pauseWrite) bool { return w.stale() })
		})
		let, _ := s.count(func(r *pauseRun) bool { return r.staleAccepted() != "" })
		fig["stale_attempted"], fig["stale_accepted"] = float64(tried), float64(let)
	}
	f.times(fig)
	for name, n := range fig {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			delete(fig, name) // JSON cannot say it
		}
	}
	return fig
}

// The ways that differ in the fence only, without it and with it.
var (
	unfencedWays = []Way{WayUnfenced, WayUnchecked}
	fencedWays   = []Way{WayFenced, WaySealed, WayUncheckedFenced}
)

func (f *pauseFacts) replayed() (n float64) {
	for _, r := range f.runs {
		n += r.replayed
	}
	return n
}

// times adds how long things took.
func (f *pauseFacts) times(fig map[string]float64) {
	var paused, passed []float64
	for _, r := range f.runs {
		if ms, ok := r.paused(); ok {
			paused = append(paused, ms)
		}
		if h := r.next(); h != nil && !r.trial.Case.comesLate() && r.trial.Case != CaseStuckWorker {
			passed = append(passed, h.start-r.stood.AtMs)
		}
	}
	if len(paused) > 0 {
		fig["pause_min_ms"], fig["pause_max_ms"] = roundMs(slices.Min(paused)), roundMs(slices.Max(paused))
	}
	if len(passed) > 0 {
		slices.Sort(passed)
		fig["passed_on_min_ms"], fig["passed_on_max_ms"] = roundMs(passed[0]), roundMs(passed[len(passed)-1])
		fig["passed_on_median_ms"] = roundMs(passed[len(passed)/2])
	}
}

// safeReasons says what a safe run has shown.
func (f *pauseFacts) safeReasons() []string {
	reasons := []string{"each control went wrong every time, and what it is a control for never did"}
	for _, p := range []struct {
		about, control, claim string
		with, without         []Way
		match                 func(*pauseRun) bool
	}{
		{"a job done twice or an update lost", "without a fence", "with one", unfencedWays, fencedWays, (*pauseRun).spoiled},
		{"a late release that frees another's lock", "with a plain DEL", "with compare and delete", []Way{WayPlainDel, WayPlainDelFenced}, []Way{WayOwnDel}, (*pauseRun).harmed},
		{"an answer that is read late, and a job done twice", "time counted from the answer", "from the request", []Way{WayUnchecked}, []Way{WayChecked, WayCheckedFenced}, (*pauseRun).harmed},
		{"a write before the next worker's first, and a job done twice", "fence not sealed", "sealed", []Way{WayUnsealed}, []Way{WaySealed}, (*pauseRun).harmed},
		{"a payment taken twice", "without an idempotency key", "with one", []Way{WayNoKey, WayNoKeyFenced}, []Way{WayKey}, (*pauseRun).harmed},
		{"a lock that a stuck worker keeps", "renewed by the process", "by the work", []Way{WayRenewed}, []Way{WayProgress}, (*pauseRun).harmed},
	} {
		with, without := f.of(p.with...), f.of(p.without...)
		if len(without) == 0 {
			continue
		}
		text := p.about + ": "
		if n, _ := with.count(p.match); len(with) > 0 {
			text += p.control + " " + with.outOf(n) + ", "
		}
		n, _ := without.count(p.match)
		reasons = append(reasons, text+p.claim+" "+without.outOf(n))
	}
	if fig := f.figures(); fig["stale_attempted"] > 0 {
		reasons = append(reasons, fmt.Sprintf("a write that the resource knew to be stale: tried in %s, accepted in %s", count(int(fig["stale_attempted"]), "run"), number(fig["stale_accepted"])))
	}
	if n := f.replayed(); n > 0 {
		reasons = append(reasons, fmt.Sprintf("%s played once more, because the machine was too busy for a lock that lives %v: see the events that say so", count(int(n), "run"), f.p.TTL))
	}
	return reasons
}
