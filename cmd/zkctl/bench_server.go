package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// benchServerOptions is the command line of zkctl bench server.
type benchServerOptions struct {
	run   scenario.BenchServerConfig
	json  bool
	color string
}

func newBenchServerCmd(c *console, runF func(context.Context, *benchServerOptions) error) *cobra.Command {
	o := &benchServerOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *benchServerOptions) error { return runBenchServer(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Measure zktest, the server in memory, next to the ZooKeeper that is installed here",
		Long: `Measure how many writes per second several connections get out of zktest, the server in memory, and out of the ZooKeeper
that is installed here: as it comes, and without waiting for its disk, which zktest has none of. They take turns, in one
run, and share the machine with the clients. Compare the ratios; the figures beside them are this machine's.`,
		Example: `  zkctl bench server
  zkctl bench server --clients 32 --for 30s
  zkctl bench server --json | jq .figures.zktest_vs_real_nofsync_ratio`,
		Annotations: map[string]string{notes: environmentOfLocal},
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	newFlag(cmd, &o.run.Clients, "clients", "N", 8, "how many connections write", aCount(1))
	newFlag(cmd, &o.run.For, "for", "DURATION", 10*time.Second, "how long all measurements take together", aDuration("10s"))
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	colorFlag(cmd, &o.color)
	return cmd
}

// runBenchServer measures and prints. It returns an outcome for a verdict that is not safe.
func runBenchServer(ctx context.Context, c *console, o *benchServerOptions) error {
	r, err := measure(ctx, c, "starting the servers", func(ctx context.Context, onProgress func(string)) (scenario.Report, error) {
		cfg := o.run
		cfg.OnProgress = onProgress
		return scenario.RunBenchServer(ctx, cfg)
	})
	if err != nil {
		return after(err, "cleaned up")
	}
	return printBench(c, r, o.json, func() string { return benchServerText(r, o, styleFor(c, o.color)) })
}

// benchServerText is the figures of a benchmark of the servers, for people.
func benchServerText(r scenario.Report, o *benchServerOptions, style scenario.Style) string {
	var b strings.Builder
	var parameters struct{ Real scenario.Engine }
	_ = json.Unmarshal(r.Parameters, &parameters) // What is not there has no version.
	fmt.Fprintf(&b, "zktest %s next to a real ZooKeeper, clients: %d, %v in all\n\n", r.Engine.Version, o.run.Clients, o.run.For)
	fmt.Fprintf(&b, "%-34s %14s %18s\n", "", "writes per s", "zktest against it")
	for _, row := range []struct{ about, figure, ratio string }{
		{"zktest, in memory", "zktest_writes_per_s", ""},
		{"ZooKeeper " + parameters.Real.Version + ", as it comes", "real_writes_per_s", "zktest_vs_real_ratio"},
		{"the same without fsync", "real_nofsync_writes_per_s", "zktest_vs_real_nofsync_ratio"},
	} {
		ratio := ""
		if row.ratio != "" {
			ratio = figure(r, row.ratio, 2)
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%-34s %14s %18s", row.about, figure(r, row.figure, 0), ratio), " ") + "\n")
	}
	t := newTable(style, 10)
	t.row("writes", "create, set and delete of a small node, one after the other on each connection, over TCP")
	t.row("ratios", fmt.Sprintf("above 1: zktest is faster; the median of %s turns", figure(r, "writes_samples", 0)))
	b.WriteString("\n" + t.String() + "\n")
	b.WriteString(scenario.VerdictText(r.Result(), style))
	return b.String()
}
