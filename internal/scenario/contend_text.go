package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ContendText draws a report of the contention experiment for a terminal: the table, the curves, and what follows. It returns why it cannot, for a report of something else.
func ContendText(r Report, s Style) string {
	v, err := viewContend(r)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", v.about())
	for _, workload := range v.workloads() {
		fmt.Fprintf(&b, "\n%s\n\n", s.paint(toneStrong, v.workloadText(workload)))
		v.table(&b, workload, s)
		b.WriteString("\n")
		v.plot(&b, workload, s)
	}
	b.WriteString("\n")
	for _, text := range contendWords(v) {
		for i, line := range wrap(text, s.width()-9) {
			fmt.Fprintf(&b, "%s%s\n", pad(map[bool]string{true: "so", false: ""}[i == 0], 9), line)
		}
	}
	if text := contendBeside(r); text != "" {
		for i, line := range wrap(text, s.width()-9) {
			fmt.Fprintf(&b, "%s%s\n", pad(map[bool]string{true: "beside", false: ""}[i == 0], 9), line)
		}
	}
	return b.String()
}

// contendColumns are the columns of the table.
var contendColumns = []struct {
	suffix, head string
	format       func(float64) string
}{
	{contendPerS, "per s", func(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) }},
	{contendP50, "p50", span},
	{contendP99, "p99", span},
	{contendTries, "attempts", decimals},
	{contendServerOps, "requests", decimals},
	{contendShared, "combined", decimals},
	{contendFair, "Jain", func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }},
}

// table lists the cells of a workload.
func (v contendView) table(b *strings.Builder, workload string, s Style) {
	head := fmt.Sprintf("%7s %9s  %-12s", "workers", "processes", "strategy")
	for _, c := range contendColumns {
		head += fmt.Sprintf(" %9s", c.head)
	}
	b.WriteString(s.paint(toneDim, head+fmt.Sprintf(" %8s", "vs lock")) + "\n")
	last := ""
	for _, cell := range v.params.Cells {
		if cell.Workload != workload {
			continue
		}
		workers, in := strconv.Itoa(cell.Workers), strconv.Itoa(cell.Processes)
		if now := workers + " " + in; now == last {
			workers, in = "", ""
		} else {
			last = now
		}
		line := fmt.Sprintf("%7s %9s  %-12s", workers, in, cell.Strategy)
		for _, c := range contendColumns {
			text := "-"
			if f, ok := v.figure(cell, c.suffix); ok {
				text = c.format(f)
			}
			line += fmt.Sprintf(" %9s", text)
		}
		ratio := ""
		if f, ok := v.report.Figures[fmt.Sprintf("%s_%s_vs_lock_%s_ratio", workload, cell.Strategy, cell.size())]; ok {
			ratio = decimals(f) + "x"
		}
		b.WriteString(strings.TrimRight(line+fmt.Sprintf(" %8s", ratio), " ") + "\n")
	}
}

// plot draws updates per second over workers, both with logarithmic scales, one letter for each strategy.
func (v contendView) plot(b *strings.Builder, workload string, s Style) {
	const rows = 14
	strategies := v.strategies(workload)
	low, high := math.Inf(1), 0.0
	for _, strategy := range strategies {
		for _, p := range v.curve(workload, strategy, contendPerS) {
			low, high = min(low, p.value), max(high, p.value)
		}
	}
	if high == 0 || len(v.params.Workers) < 2 {
		return
	}
	low, high = math.Log(low)-0.05, math.Log(high)+0.05
	first, last := math.Log(float64(v.params.Workers[0])), math.Log(float64(v.params.Workers[len(v.params.Workers)-1]))
	width := min(s.width()-12, 72)
	canvas := make([][]rune, rows)
	for i := range canvas {
		canvas[i] = []rune(strings.Repeat(" ", width))
	}
	column := func(workers float64) int {
		return int(math.Round((math.Log(workers) - first) / (last - first) * float64(width-1)))
	}
	row := func(value float64) int {
		return rows - 1 - int(math.Round((math.Log(value)-low)/(high-low)*float64(rows-1)))
	}
	letters := contendLetters(strategies)
	for _, strategy := range strategies {
		points := v.curve(workload, strategy, contendPerS)
		for i := 1; i < len(points); i++ {
			from, to := column(points[i-1].workers), column(points[i].workers)
			for x := from + 1; x < to; x++ {
				share := float64(x-from) / float64(to-from)
				y := row(math.Exp(math.Log(points[i-1].value) + share*(math.Log(points[i].value)-math.Log(points[i-1].value))))
				if x%2 == 0 && canvas[y][x] == ' ' {
					canvas[y][x] = '.'
				}
			}
		}
	}
	for _, strategy := range strategies {
		for _, p := range v.curve(workload, strategy, contendPerS) {
			canvas[row(p.value)][column(p.workers)] = letters[strategy]
		}
	}
	fmt.Fprintf(b, "%s\n", s.paint(toneDim, "updates per second, over workers, both with logarithmic scales"))
	for i, line := range canvas {
		label := ""
		if i%4 == 1 || i == rows-1 {
			label = axisNumber(math.Exp(low + (high-low)*float64(rows-1-i)/float64(rows-1)))
		}
		fmt.Fprintf(b, "%8s │%s\n", label, strings.TrimRight(string(line), " "))
	}
	axis := []rune(strings.Repeat(" ", width+4))
	for _, w := range v.params.Workers {
		copy(axis[column(float64(w)):], []rune(strconv.Itoa(w)))
	}
	fmt.Fprintf(b, "%8s └%s\n%8s  %s\n", "", strings.Repeat("─", width), "", strings.TrimRight(string(axis), " "))
	var legend []string
	for _, strategy := range strategies {
		legend = append(legend, string(letters[strategy])+" "+strategy)
	}
	fmt.Fprintf(b, "%8s  %s\n", "", strings.Join(legend, "   "))
}

// contendLetters gives each strategy one of its own.
func contendLetters(strategies []string) map[string]rune {
	letters := map[string]rune{
		contendLock: 'L', contendCAS: 'c', contendBackoff: 'b', contendAdaptive: 'A', contendCombining: 'C', contendForUpdate: 'F', contendConditional: 'D', contendCurator: 'u', contendBlind: 'x',
	}
	for _, s := range strategies {
		if letters[s] == 0 {
			letters[s] = '?'
		}
	}
	return letters
}

// axisNumber writes about how much something is.
func axisNumber(f float64) string {
	switch {
	case f >= 1e4:
		return strconv.FormatFloat(f/1e3, 'f', 0, 64) + "k"
	case f >= 1e3:
		return strconv.FormatFloat(f/1e3, 'f', 1, 64) + "k"
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}
