package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zkkit/zkkit/internal/scenario"
)

// benchRows are the rows of the table: what was measured, and what its figures are called.
var benchRows = []struct{ about, name string }{
	{"uncontended: taken and given back", "uncontended"},
	{"contended: handed over", "handover"},
}

// benchText is the figures of a benchmark of the lock, for people.
func benchText(r scenario.Report, o *benchLockOptions, style scenario.Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d clients, %v in all\n\n", r.Engine, o.run.Clients, o.run.For)
	fmt.Fprintf(&b, "%-34s %10s %12s %8s   %s\n", "", "zklock", "go-zookeeper", "floor", "zklock against")
	fmt.Fprintf(&b, "%-34s %10s %12s %8s   %12s %6s %9s\n", "", "per s", "per s", "per s", "go-zookeeper", "floor", "samples")
	for _, row := range benchRows {
		fmt.Fprintf(&b, "%-34s %10s %12s %8s   %12s %6s %9s\n", row.about,
			figure(r, row.name+"_per_s", 0), figure(r, "gozk_"+row.name+"_per_s", 0), figure(r, "floor_"+row.name+"_per_s", 0),
			figure(r, row.name+"_vs_gozk_ratio", 2), figure(r, row.name+"_vs_floor_ratio", 2), figure(r, row.name+"_samples", 0))
	}
	t := newTable(style, 10)
	t.row("floor", "the bare znode operations: create, list and delete; for a hand-over, the commit of a delete and one notification")
	t.row("ratios", "above 1: zklock is faster")
	b.WriteString("\n" + t.String() + "\n")
	b.WriteString(scenario.VerdictText(r.Result(), style))
	return b.String()
}

// figure writes one, "-" if it was not measured.
func figure(r scenario.Report, name string, decimals int) string {
	v, ok := r.Figures[name]
	if !ok {
		return "-"
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.HasSuffix(name, "_ratio") {
		return text + "x"
	}
	return text
}
