package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// contendWords says what follows from the figures, and nothing else: a paragraph for each workload.
func contendWords(v contendView) []string {
	var all []string
	for _, workload := range v.workloads() {
		if text := v.advice(workload); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// advice is what to use for a workload, with the figures that it follows from.
func (v contendView) advice(workload string) string {
	most := slices.Max(v.params.Workers)
	lock, ok := v.at(workload, contendLock, most)
	plain, can := v.at(workload, contendCAS, most)
	tries, measured := v.figure(plain, contendTries)
	base, _ := v.figure(lock, contendPerS)
	if !ok || !can || !measured || base <= 0 {
		return ""
	}
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	say("%s, with %s. ", sentence(workload), count(most, "worker"))
	times := v.versus(plain)
	switch {
	case tries < 1.1:
		say("Two hardly ever want the same record: plain CAS takes %s attempts for an update, and does %s times what the lock does. ", decimals(tries), decimals(times))
	case times >= 1:
		say("Plain CAS does %s times what the lock does, and pays with %s attempts for an update. ", decimals(times), decimals(tries))
	default:
		say("Plain CAS takes %s attempts for an update, and does %s times what the lock does: nearly all of its work is in vain. ", decimals(tries), decimals(times))
	}
	for _, of := range []struct{ figure, text string }{{"throughput", "does more"}, {"p99", "has the better p99"}} {
		at, ok := v.report.Figures[workload+"_crossover_"+of.figure+"_w"]
		switch {
		case ok && int(at+0.5) <= v.params.Workers[0]:
			say("However few there are, the lock %s. ", of.text)
		case ok:
			say("From %s on the lock %s. ", count(int(at+0.5), "worker"), of.text)
		}
	}
	if c, ok := v.at(workload, contendAdaptive, most); ok {
		p, _ := v.figure(c, contendP99)
		q, _ := v.figure(lock, contendP99)
		n, _ := v.figure(c, contendTries)
		say("Package cas, which takes turns where that is needed, does %s times what the lock does, with a p99 of %s against %s, and %s attempts. ", decimals(v.versus(c)), span(p), span(q), decimals(n))
	}
	v.third(&b, workload, most)
	v.take(&b, workload, most)
	return strings.TrimSpace(b.String())
}

// take is what is recommended: the one that does most, and, if that one needs an update of a certain kind, the one to take for others.
func (v contendView) take(b *strings.Builder, workload string, most int) {
	named := func(c contendCell) string {
		rate, _ := v.figure(c, contendPerS)
		p99, _ := v.figure(c, contendP99)
		return fmt.Sprintf("%s (%.0f a second, p99 %s)", c.Strategy, rate, span(p99))
	}
	general, ok := v.best(workload, most, contendAdaptive, contendForUpdate, contendLock, contendCAS, contendBackoff)
	if !ok {
		return
	}
	rate, _ := v.figure(general, contendPerS)
	if c, ok := v.best(workload, most, contendConditional, contendCombining); ok {
		if more, _ := v.figure(c, contendPerS); more > 1.2*rate {
			needs := map[string]string{contendConditional: "if the change is one statement", contendCombining: "if a process has many updates of one record"}[c.Strategy]
			fmt.Fprintf(b, "Take %s %s, and else %s.", named(c), needs, named(general))
			return
		}
	}
	fmt.Fprintf(b, "Take %s.", named(general))
}

// best returns the main cell with the greatest throughput among strategies whose p99 is at most half as much again as the least of them: who is served a second late is not served well, however many others
// are. One that comes within a tenth of the best goes before those named after it.
func (v contendView) best(workload string, workers int, strategies ...string) (best contendCell, ok bool) {
	least, most := math.Inf(1), 0.0
	each := func(f func(c contendCell, rate, p99 float64)) {
		for _, s := range strategies {
			c, ok := v.at(workload, s, workers)
			rate, measured := v.figure(c, contendPerS)
			p99, timed := v.figure(c, contendP99)
			if ok && measured && timed {
				f(c, rate, p99)
			}
		}
	}
	each(func(_ contendCell, _, p99 float64) { least = min(least, p99) })
	each(func(_ contendCell, rate, p99 float64) {
		if p99 <= 1.5*least {
			most = max(most, rate)
		}
	})
	each(func(c contendCell, rate, p99 float64) {
		if !ok && p99 <= 1.5*least && rate >= 0.9*most {
			best, ok = c, true
		}
	})
	return best, ok
}

// versus is how many times what the lock does a cell does.
func (v contendView) versus(c contendCell) float64 {
	return v.report.Figures[fmt.Sprintf("%s_%s_vs_lock_%s_ratio", c.Workload, c.Strategy, c.size())]
}

// third is the option that the question hides.
func (v contendView) third(b *strings.Builder, workload string, most int) {
	if c, ok := v.at(workload, contendConditional, most); ok {
		if times := v.versus(c); times > 1 {
			fmt.Fprintf(b, "Where the database can decide by itself it should: one conditional statement does %s times what the lock does. ", decimals(times))
		}
	}
	best, in := 0.0, 0
	for _, c := range v.params.Cells {
		if c.Workload == workload && c.Strategy == contendCombining && c.Workers == most && v.versus(c) > best {
			best, in = v.versus(c), c.Processes
		}
	}
	if best > 2 && workload == ContendInventory {
		fmt.Fprintf(b, "Combining the updates of a process does %s times what the lock does, in %s: neither a lock nor optimism, but one write for many. ", decimals(best), processes(in))
	}
}

func processes(n int) string {
	if n == 1 {
		return "one process"
	}
	return strconv.Itoa(n) + " processes"
}

// decimals writes a factor with as many digits as matter.
func decimals(f float64) string {
	switch {
	case f < 10:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f < 100:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}
