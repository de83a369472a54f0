package scenario

import (
	"fmt"
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
	if !ok {
		return ""
	}
	rate := func(strategy string, workers int) float64 {
		c, _ := v.at(workload, strategy, workers)
		f, _ := v.figure(c, contendPerS)
		return f
	}
	tries := func(strategy string) float64 {
		c, _ := v.at(workload, strategy, most)
		f, _ := v.figure(c, contendTries)
		return f
	}
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	say("%s, with %s. ", sentence(workload), count(most, "worker"))
	plain, base := rate(contendCAS, most), rate(contendLock, most)
	switch {
	case base <= 0 || plain <= 0:
		return ""
	case tries(contendCAS) < 1.1:
		say("Two hardly ever want the same record: an update takes %s attempts, and plain CAS does %s times what the lock does. Optimistic, and nothing more. ", decimals(tries(contendCAS)), decimals(plain/base))
	case plain >= base:
		say("Plain CAS does %s times what the lock does, and pays with %s attempts for an update. ", decimals(plain/base), decimals(tries(contendCAS)))
	default:
		say("Plain CAS needs %s attempts for an update, which leaves %s of what the lock does: nearly all of its work is in vain. ", decimals(tries(contendCAS)), decimals(plain/base))
	}
	for _, of := range []struct{ figure, text string }{{"throughput", "does more"}, {"p99", "has the better p99"}} {
		if at, ok := v.report.Figures[workload+"_crossover_"+of.figure+"_w"]; ok {
			say("From %s on the lock %s than it. ", count(int(at+0.5), "worker"), of.text)
		}
	}
	if adaptive := rate(contendAdaptive, most); adaptive > 0 {
		c, _ := v.at(workload, contendAdaptive, most)
		p, _ := v.figure(c, contendP99)
		q, _ := v.figure(lock, contendP99)
		say("Taking turns does %s times what the lock does, with a p99 of %s against %s, and %s attempts. ", decimals(adaptive/base), span(p), span(q), decimals(tries(contendAdaptive)))
	}
	v.third(&b, workload, most, base)
	return strings.TrimSpace(b.String())
}

// third is the option that the question hides.
func (v contendView) third(b *strings.Builder, workload string, most int, base float64) {
	if c, ok := v.at(workload, contendConditional, most); ok {
		if f, _ := v.figure(c, contendPerS); f > base {
			fmt.Fprintf(b, "Where the database can decide by itself it should: one conditional statement does %s times what the lock does. ", decimals(f/base))
		}
	}
	best, bestText := 0.0, ""
	for _, c := range v.params.Cells {
		if c.Workload != workload || c.Strategy != contendCombining || c.Workers != most {
			continue
		}
		lock := c
		lock.Strategy = contendLock
		f, _ := v.figure(c, contendPerS)
		l, _ := v.figure(lock, contendPerS)
		if l > 0 && f/l > best {
			best = f / l
			bestText = fmt.Sprintf("Combining the updates of a process does %s times what the lock does, in %s", decimals(best), processes(c.Processes))
		}
	}
	if best > 1.2 {
		b.WriteString(bestText + ": neither a lock nor plain CAS, but one write for many. ")
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
