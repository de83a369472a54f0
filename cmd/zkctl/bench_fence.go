package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// benchFenceOptions is the command line of zkctl bench fence.
type benchFenceOptions struct {
	run   scenario.BenchFenceConfig
	json  bool
	color string
}

func newBenchFenceCmd(c *console, runF func(context.Context, *benchFenceOptions) error) *cobra.Command {
	o := &benchFenceOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *benchFenceOptions) error { return runBenchFence(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "fence",
		Short: "Measure what it costs that PostgreSQL, ZooKeeper or Redis refuses stale writes",
		Long: `Measure how long a write takes that the store refuses if its token is stale, next to the same write without that: in
PostgreSQL, in ZooKeeper and in Redis, as far as they are installed here. Each client writes under a hold of its own, to
rows, nodes or keys of its own. The two take turns, in one run on one server. Compare the ratios; the figures beside them
are this machine's. In the end a stale write is tried on each store, and must be refused.`,
		Example: `  zkctl bench fence
  zkctl bench fence --store redis --clients 32 --for 1m
  zkctl bench fence --json | jq .figures.postgres_fenced_vs_plain_ratio`,
		Annotations: map[string]string{notes: environmentOfLocal + environmentOfStores},
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	newFlag(cmd, &o.run.Clients, "clients", "N", 8, "how many clients write", aCount(1))
	newFlag(cmd, &o.run.For, "for", "DURATION", 20*time.Second, "how long all measurements take together", aDuration("20s"))
	f.StringSliceVar(&o.run.Stores, "store", nil, "`NAME` of what is measured, again or with commas: "+strings.Join(scenario.FenceStores(), ", ")+" (default all)")
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	colorFlag(cmd, &o.color)
	return cmd
}

// runBenchFence measures and prints. It returns an outcome for a verdict that is not safe.
func runBenchFence(ctx context.Context, c *console, o *benchFenceOptions) error {
	r, err := measure(ctx, c, "starting the stores", func(ctx context.Context, onProgress func(string)) (scenario.Report, error) {
		cfg := o.run
		cfg.OnProgress = onProgress
		return scenario.RunBenchFence(ctx, cfg)
	})
	if err != nil {
		return after(err, "cleaned up")
	}
	return printBench(c, r, o.json, func() string { return benchFenceText(r, o, styleFor(c, o.color)) })
}

// benchFenceRows are the rows of the table: the store, what was written, and what its figures begin with.
var benchFenceRows = []struct{ store, about, name string }{
	{"postgres", "PostgreSQL, one statement", "postgres"},
	{"postgres", "  without waiting for the disk", "postgres_nosync"},
	{"postgres", "  one statement in a transaction", "postgres_tx"},
	{"zookeeper", "ZooKeeper, one set", "zookeeper"},
	{"redis", "Redis, next to SET", "redis"},
	{"redis", "  next to a script that is one SET", "redis_script"},
}

// benchFenceText is the figures of a benchmark of the fences, for people.
func benchFenceText(r scenario.Report, o *benchFenceOptions, style scenario.Style) string {
	var b strings.Builder
	var parameters struct{ Stores, Missing map[string]string }
	_ = json.Unmarshal(r.Parameters, &parameters) // What is not there has no version.
	fmt.Fprintf(&b, "what a fence costs, clients: %d, %v in all\n\n", o.run.Clients, o.run.For)
	fmt.Fprintf(&b, "%-35s %12s %12s   %13s\n", "", "plain", "fenced", "fenced")
	fmt.Fprintf(&b, "%-35s %12s %12s   %13s %8s\n", "", "writes per s", "writes per s", "against plain", "samples")
	for _, row := range benchFenceRows {
		if _, there := parameters.Stores[row.store]; !there {
			continue
		}
		fmt.Fprintf(&b, "%-35s %12s %12s   %13s %8s\n", row.about, figure(r, row.name+"_plain_writes_per_s", 0), figure(r, row.name+"_fenced_writes_per_s", 0),
			figure(r, row.name+"_fenced_vs_plain_ratio", 2), figure(r, row.name+"_samples", 0))
	}
	t := newTable(style, 10)
	for _, name := range slices.Sorted(maps.Keys(parameters.Stores)) {
		t.row("on", parameters.Stores[name])
	}
	for _, name := range slices.Sorted(maps.Keys(parameters.Missing)) {
		t.row("not", fmt.Sprintf("%s: %s", name, parameters.Missing[name]))
	}
	t.row("ratios", "time for a write: 1.10 says that the fenced one takes a tenth longer; the median of the turns")
	b.WriteString("\n" + t.String() + "\n")
	b.WriteString(scenario.VerdictText(r.Result(), style))
	return b.String()
}
