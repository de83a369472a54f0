package scenario

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// report puts everything together. doubled is how often Curator's counter counted too much for one lost reply, -1 if it was not asked.
func (r *contendRun) report(doubled float64) (Report, error) {
	var tallies []*contendTally
	for _, cell := range r.cfg.cells() {
		tallies = append(tallies, r.results[cell.name()])
	}
	result := Result{Figures: contendFigures(tallies), Checks: contendChecks(tallies)}
	if doubled >= 0 {
		result.Figures["curator_lost_reply_doubled"] = doubled
	}
	result.Verdict, result.Reasons = Conclude(result.Checks)
	result.Exit = result.Verdict.Exit()
	if result.Verdict == Safe {
		result.Reasons = []string{"what the records hold is what the workers were told, in every cell"}
	}
	report, err := NewPlainReport(ContendScenario, r.engine, map[string]any{
		"workload": r.cfg.Workload, "store": r.cfg.Store, "workers": r.cfg.Workers, "processes": r.cfg.Processes, "think_ms": Ms(r.cfg.Think), "for_ms": Ms(r.cfg.For),
		"keys": r.keys(), "rounds": contendRounds, "fsync": r.cfg.Store == ContendZooKeeper && !r.cfg.Engine.unsynced, "cells": r.cfg.cells(),
	}, result, nil)
	return report, err
}

func (r *contendRun) keys() map[string]int {
	keys := map[string]int{}
	for _, w := range r.cfg.workloads() {
		keys[w] = r.cfg.job(w).Keys
	}
	return keys
}

// The suffixes of a cell's figures.
const (
	contendPerS      = "_per_s"
	contendP50       = "_p50_ms"
	contendP99       = "_p99_ms"
	contendTries     = "_attempts"
	contendServerOps = "_server_ops"
	contendShared    = "_combined"
	contendFair      = "_jain"
	contendPromoted  = "_promoted"
)

// contendFigures derives every number that the report shows.
//
//	<workload>_<strategy>_<W>_per_s        updates per second: the median of the rounds; <W>x<P> for W workers in P processes where those are not the most
//	..._p50_ms, _p99_ms                    how long an update took, over all rounds
//	..._attempts                           writes that were tried for an update
//	..._server_ops                         requests that the servers got for an update
//	..._combined                           updates that shared a write
//	..._jain                               how evenly workers were served
//	..._promoted                           the share of updates that took a lock, of those that otherwise take none
//	<workload>_<strategy>_vs_lock_<W>_ratio, ..._vs_lock_<W>x<P>_ratio    how many times as fast as the lock; the median of the rounds' ratios, as for all ratios
//	<workload>_adaptive_vs_better_<W>_ratio   as fast as the better of lock and plain CAS
//	<workload>_adaptive_vs_backoff_<W>_ratio  as fast as CAS with backoff
//	<workload>_adaptive_p99_vs_lock_<W>_ratio its p99 as a multiple of the lock's
//	<workload>_<strategy>_vs_curator_<W>_ratio, ..._vs_curator_<W>x<P>_ratio
//	<workload>_crossover_throughput_w, _crossover_p99_w    the number of workers from which on the lock is faster, or has the better p99, than plain CAS; absent if it is not
//	model_attempts_<W>                     what the model says of plain CAS on one record
//	lost_updates, doubled_updates, oversold, unknown_updates   over all cells
func contendFigures(tallies []*contendTally) map[string]float64 {
	f := map[string]float64{}
	set := func(name string, v float64) { f[name] = math.Round(v*1e4) / 1e4 }
	var lost, doubled, oversold, unknown int64
	for _, t := range tallies {
		lost, doubled, oversold, unknown = lost+t.lost, doubled+t.doubled, oversold+t.oversold, unknown+t.unknown
		name := t.cell.name()
		set(name+contendPerS, t.rate())
		if t.measured == 0 {
			continue
		}
		n := float64(t.measured)
		set(name+contendP50, t.times.quantile(0.5))
		set(name+contendP99, t.times.quantile(0.99))
		set(name+contendTries, float64(t.attempts)/n)
		set(name+contendShared, float64(t.combined)/n)
		set(name+contendFair, t.jain())
		if t.cell.Strategy == contendAdaptive || t.cell.Strategy == contendCombining {
			set(name+contendPromoted, float64(t.promoted)/n)
		}
		if t.ops > 0 {
			set(name+contendServerOps, float64(t.ops)/n)
		}
		if t.cell.Workload == ContendInventory {
			set(fmt.Sprintf("model_attempts_%d", t.cell.Workers), contendAttempts(t.cell.Workers))
		}
	}
	contendRatios(tallies, set)
	f["lost_updates"], f["doubled_updates"], f["oversold"], f["unknown_updates"] = float64(lost), float64(doubled), float64(oversold), float64(unknown)
	return f
}

func contendRatios(tallies []*contendTally, set func(string, float64)) {
	find := func(like contendCell, strategy string) *contendTally {
		like.Strategy = strategy
		i := slices.IndexFunc(tallies, func(t *contendTally) bool { return t.cell == like })
		if i < 0 {
			return nil
		}
		return tallies[i]
	}
	ratio := func(t *contendTally, to string) {
		if other := find(t.cell, to); other != nil && other != t {
			if r, ok := t.against(other); ok {
				set(fmt.Sprintf("%s_%s_vs_%s_%s_ratio", t.cell.Workload, t.cell.Strategy, to, t.cell.size()), r)
			}
		}
	}
	beside := func(t *contendTally) { // Curator has all workers in one process, whatever the others have.
		i := slices.IndexFunc(tallies, func(o *contendTally) bool {
			return o.cell.Strategy == contendCurator && o.cell.Workload == t.cell.Workload && o.cell.Workers == t.cell.Workers
		})
		if i < 0 || tallies[i] == t {
			return
		}
		if r, ok := t.against(tallies[i]); ok {
			set(fmt.Sprintf("%s_%s_vs_curator_%s_ratio", t.cell.Workload, t.cell.Strategy, t.cell.size()), r)
		}
	}
	for _, t := range tallies {
		ratio(t, contendLock)
		beside(t)
		if t.cell.Strategy != contendAdaptive {
			continue
		}
		ratio(t, contendBackoff)
		lock, plain := find(t.cell, contendLock), find(t.cell, contendCAS)
		if lock == nil {
			continue
		}
		better := lock
		if plain != nil && plain.rate() > lock.rate() {
			better = plain
		}
		if r, ok := t.against(better); ok {
			set(fmt.Sprintf("%s_adaptive_vs_better_%s_ratio", t.cell.Workload, t.cell.size()), r)
		}
		if t.measured > 0 && lock.measured > 0 {
			set(fmt.Sprintf("%s_adaptive_p99_vs_lock_%s_ratio", t.cell.Workload, t.cell.size()), medianOf(t.p99)/medianOf(lock.p99))
		}
	}
	for _, c := range contendCrossovers(tallies) {
		set(c.workload+"_crossover_"+c.of+"_w", c.at)
	}
}

// A contendCrossover is where the lock overtakes plain CAS.
type contendCrossover struct {
	workload string
	of       string  // "throughput" or "p99"
	at       float64 // workers: where the lines cross in a picture with logarithmic scales
}

// contendCrossovers finds the number of workers from which on the lock is better, up to the greatest that was measured, where it must be so in every round: less than that may be chance.
func contendCrossovers(tallies []*contendTally) []contendCrossover {
	var found []contendCrossover
	for _, workload := range []string{ContendProfiles, ContendInventory} {
		for _, of := range []string{"throughput", "p99"} {
			if at, ok := crossover(contendPairs(tallies, workload), of); ok {
				found = append(found, contendCrossover{workload: workload, of: of, at: at})
			}
		}
	}
	return found
}

// A contendPair is the lock and plain CAS with as many workers.
type contendPair struct{ lock, plain *contendTally }

// gain is how many times as good the lock is.
func (p contendPair) gain(of string) float64 {
	if of == "p99" {
		return medianOf(p.plain.p99) / medianOf(p.lock.p99)
	}
	return p.lock.rate() / p.plain.rate()
}

// contendPairs returns those of a workload, by the number of workers.
func contendPairs(tallies []*contendTally, workload string) []contendPair {
	var pairs []contendPair
	for _, lock := range tallies {
		if lock.cell.Workload != workload || !lock.cell.Main || lock.cell.Strategy != contendLock || lock.measured == 0 {
			continue
		}
		plain := lock.cell
		plain.Strategy = contendCAS
		if i := slices.IndexFunc(tallies, func(t *contendTally) bool { return t.cell == plain && t.measured > 0 }); i >= 0 {
			pairs = append(pairs, contendPair{lock, tallies[i]})
		}
	}
	return pairs
}

func crossover(pairs []contendPair, of string) (at float64, ok bool) {
	n := len(pairs)
	if n == 0 || !separated(pairs[n-1].lock, pairs[n-1].plain, of) {
		return 0, false
	}
	first := n - 1
	for first > 0 && pairs[first-1].gain(of) > 1 {
		first--
	}
	at = float64(pairs[first].lock.cell.Workers)
	if first > 0 {
		at = crossing(float64(pairs[first-1].lock.cell.Workers), at, pairs[first-1].gain(of), pairs[first].gain(of))
	}
	return at, true
}

// crossing interpolates, with logarithms, where a ratio is 1.
func crossing(from, to, before, after float64) float64 {
	share := -math.Log(before) / (math.Log(after) - math.Log(before))
	return math.Exp(math.Log(from) + share*(math.Log(to)-math.Log(from)))
}

// separated reports whether the lock was better in every round.
func separated(lock, plain *contendTally, of string) bool {
	a, b := lock.rates, plain.rates
	if of == "p99" {
		a, b = plain.p99, lock.p99
	}
	for i := range min(len(a), len(b)) {
		if a[i] <= b[i] {
			return false
		}
	}
	return min(len(a), len(b)) > 0
}

// contendChecks compares what the records hold with what workers were told.
func contendChecks(tallies []*contendTally) []Check {
	check := func(name, want, what string, of func(*contendTally) int64) Check {
		c := Check{Name: name, Kind: OfSafety, Want: want, OK: true}
		var wrong []string
		for _, t := range tallies {
			if n := of(t); n != 0 {
				c.OK = false
				wrong = append(wrong, fmt.Sprintf("%d %s in %s", n, what, t.cell.name()))
			}
		}
		if c.Got = fmt.Sprintf("none in %s", count(len(tallies), "cell")); !c.OK {
			c.Got = strings.Join(wrong, ", ")
		}
		return c
	}
	least, unknown := math.MaxInt64, int64(0)
	for _, t := range tallies {
		unknown += t.unknown
		served := 0
		for _, rate := range t.rates {
			if rate > 0 {
				served++
			}
		}
		least = min(least, served)
	}
	return []Check{
		check("lost-updates", "no update that a worker was told of is missing, and no unit of a stock was given to two", "lost", func(t *contendTally) int64 { return t.lost }),
		check("doubled-updates", "no update is there twice, and none that nobody was told of", "too many", func(t *contendTally) int64 { return t.doubled }),
		check("oversold", "no stock was ever below 0", "below 0", func(t *contendTally) int64 { return t.oversold }),
		{Name: "outcomes-known", Kind: OfEvidence, Want: "every worker knows of every update whether it was made", Got: fmt.Sprintf("%d are not known", unknown), OK: unknown == 0},
		{Name: "measured", Kind: OfEvidence, Want: fmt.Sprintf("in every cell something was done in each of %d rounds", contendRounds),
			Got: fmt.Sprintf("in at least %d", least), OK: least >= contendRounds},
	}
}
