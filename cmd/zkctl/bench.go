package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// benchLockOptions is the command line of zkctl bench lock.
type benchLockOptions struct {
	run   scenario.BenchLockConfig
	json  bool
	color string
}

// newBenchCmd holds the benchmarks.
func newBenchCmd(c *console) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "bench",
		Short: "Measure what something costs, next to what could be used instead",
	})
	cmd.AddCommand(newBenchLockCmd(c, nil), newBenchFenceCmd(c, nil), newBenchServerCmd(c, nil))
	return cmd
}

// newBenchLockCmd makes one of them; runF replaces what runs it, for tests.
func newBenchLockCmd(c *console, runF func(context.Context, *benchLockOptions) error) *cobra.Command {
	o := &benchLockOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *benchLockOptions) error { return runBenchLock(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Measure zklock next to go-zookeeper's own lock and the bare znode operations",
		Long: `Measure how often per second a lock is taken and given back that nobody else wants, and how often one that everybody
wants is handed over: with zklock, with go-zookeeper's own lock, and with the znode operations that no such lock can do
without. They take turns, in one run on one server. Compare the ratios; the figures beside them are this machine's.`,
		Example: `  zkctl bench lock
  zkctl bench lock --clients 32 --for 30s --servers zk1:2181,zk2:2181
  zkctl bench lock --json | jq .figures.handover_vs_gozk_ratio`,
		Annotations: map[string]string{notes: environment},
		Args:        noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := serversFromEnvironment(c, &o.run.Engine); err != nil {
				return err
			}
			return runF(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	newFlag(cmd, &o.run.Clients, "clients", "N", 8, "how many contend for the lock", aCount(2))
	newFlag(cmd, &o.run.For, "for", "DURATION", 10*time.Second, "how long all measurements take together", aDuration("10s"))
	engineFlags(cmd, &o.run.Engine)
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	colorFlag(cmd, &o.color)
	return cmd
}

// runBenchLock measures and prints. It returns an outcome for a verdict that is not safe.
func runBenchLock(ctx context.Context, c *console, o *benchLockOptions) error {
	r, err := measure(ctx, c, starting(o.run.Engine), func(ctx context.Context, onProgress func(string)) (scenario.Report, error) {
		cfg := o.run
		cfg.OnProgress = func(text string) { onProgress("measuring: " + text) }
		return scenario.RunBenchLock(ctx, cfg)
	})
	if err != nil {
		return after(err, "cleaned up")
	}
	return printBench(c, r, o.json, func() string { return benchText(r, o, styleFor(c, o.color)) })
}

// measure runs a benchmark, with its progress on a terminal.
func measure(ctx context.Context, c *console, first string, run func(ctx context.Context, onProgress func(string)) (scenario.Report, error)) (scenario.Report, error) {
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	_, terminal := columns(c.err)
	s := newScreen(c.out, c.err, terminal, cancel)
	s.doing(first, 0)
	leaving := context.AfterFunc(running, func() { s.doing("cleaning up (interrupt again to leave at once)", 0) })
	r, err := run(running, func(text string) {
		if running.Err() == nil {
			s.doing(text, 0)
		}
	})
	leaving()
	return r, firstOf(err, s.close(ctx))
}

// printBench prints what a benchmark came to. It returns an outcome for a verdict that is not safe.
func printBench(c *console, r scenario.Report, asJSON bool, text func() string) error {
	var b strings.Builder
	if asJSON {
		if err := r.Encode(&b); err != nil {
			return err
		}
	} else {
		b.WriteString(text())
	}
	return firstOf(writeOut(c.out, b.String()), verdict(r.Exit))
}
