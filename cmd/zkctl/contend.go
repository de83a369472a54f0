package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
	"github.com/zkkit/zkkit/internal/stores"
)

// contendOptions is the command line of zkctl contend.
type contendOptions struct {
	run    scenario.ContendConfig
	report string
	json   bool
	color  string
}

// contendWorker is the name of the command that zkctl contend starts for each process of workers. Nobody else does.
const contendWorker = "contend-worker"

// environmentOfContend is what the environment says to the experiment.
const environmentOfContend = environment + `
  ` + stores.PostgresVariable + `  the PostgreSQL for --store postgres; one is started where it is not set`

func newContendCmd(c *console, runF func(context.Context, *contendOptions) error) *cobra.Command {
	o := &contendOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *contendOptions) error { return runContend(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "contend",
		Short: "Optimistic or with a lock? Measure both, and what is in between, on two workloads",
		Long: `Let workers in processes of their own update records that they share: thousands of profiles, each updated now and then, and a
stock that everybody wants to reserve from. Each strategy has its turn in each of five rounds, in one run on one server:

  lock         a fair lock around read, change and write: zklock, or PostgreSQL's advisory lock
  cas          read, change, write if nobody else has; and again at once
  backoff      the same with a random pause
  adaptive     package cas: turns are taken; on ZooKeeper, who keeps losing takes a lock
  combining    package cas: updates of one process share a write
  for-update   SELECT ... FOR UPDATE                (PostgreSQL)
  conditional  one statement that decides itself    (PostgreSQL)
  curator      Curator's DistributedAtomicLong      (where Java and Curator are installed; in one process)
  blind        no protection at all: the control, which loses updates; only for who asks for it

After each the records must hold what the workers were told, and no stock may ever be below 0.`,
		Example: `  zkctl contend
  zkctl contend --workload inventory --workers 1,2,4,8,32,128 --report out
  zkctl contend --store postgres --think 2ms
  zkctl contend --strategies blind                   (exit 1: the control)
  zkctl contend --json | jq .figures.inventory_combining_vs_lock_128_ratio`,
		Annotations: map[string]string{notes: environmentOfContend},
		Args:        noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if changed := cmd.Flags().Changed; o.run.Store == scenario.ContendPostgres && (changed("engine") || changed("servers")) {
				return usagef("--engine and --servers are of a ZooKeeper: leave them out with --store %s", scenario.ContendPostgres)
			}
			if err := serversFromEnvironment(c, &o.run.Engine); err != nil {
				return err
			}
			o.run.Postgres = c.getenv(stores.PostgresVariable)
			return runF(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	newFlag(cmd, &o.run.Workload, "workload", "NAME", scenario.ContendBoth, "profiles, inventory or both", oneOf(scenario.ContendProfiles, scenario.ContendInventory, scenario.ContendBoth))
	countsFlag(cmd, &o.run.Workers, "workers", "1,8,32,128", "how many update at the same time; one measurement for each")
	countsFlag(cmd, &o.run.Processes, "processes", "16,4,1", "in how many processes they are at most; with less than the first, lock and combining only")
	newFlag(cmd, &o.run.Strategies, "strategies", "NAME,...", nil, "which of the above (default all but blind)", func(text string) ([]string, error) {
		return strings.Split(text, ","), nil
	})
	newFlag(cmd, &o.run.Keys, "keys", "N", 0, "how many records: 5000 profiles, 1 stock", aCount(1))
	newFlag(cmd, &o.run.Think, "think", "DURATION", 0, "what a decision takes, between reading and writing", aDuration("2ms"))
	newFlag(cmd, &o.run.For, "for", "DURATION", 3*time.Minute, "how long all measurements take together", aDuration("3m"))
	newFlag(cmd, &o.run.Store, "store", "STORE", scenario.ContendZooKeeper, "zookeeper or postgres", oneOf(scenario.ContendZooKeeper, scenario.ContendPostgres))
	engineFlags(cmd, &o.run.Engine)
	newFlag(cmd, &o.report, "report", "DIR", "", "write the report, and a page with pictures, into a directory", aName)
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	colorFlag(cmd, &o.color)
	return cmd
}

// countsFlag gives a command a flag for several numbers, with commas between them.
func countsFlag(cmd *cobra.Command, to *[]int, name, byDefault, usage string) {
	newFlag(cmd, to, name, "N,...", nil, usage+" (default "+byDefault+")", func(text string) ([]int, error) {
		var all []int
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || n < 1 {
				return nil, errors.New("want whole numbers from 1, with commas between them, such as 1,8,32")
			}
			all = append(all, n)
		}
		return all, nil
	})
}

// newContendWorkerCmd is a process of workers. It is not for people, and not in the help.
func newContendWorkerCmd(c *console) *cobra.Command {
	return &cobra.Command{
		Use: contendWorker, Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return scenario.RunContendWorker(cmd.Context(), c.in, c.out)
		},
	}
}

// runContend measures, writes the report and prints. It returns an outcome for a verdict that is not safe.
func runContend(ctx context.Context, c *console, o *contendOptions) error {
	self, err := os.Executable()
	if err != nil {
		return environmentf("cannot find this program to start its workers: %w", err)
	}
	o.run.Command = []string{self, contendWorker}
	undo, err := prepareReport(o.report)
	if err != nil {
		return err
	}
	defer undo()
	r, err := measure(ctx, c, "starting", func(ctx context.Context, onProgress func(string)) (scenario.Report, error) {
		cfg := o.run
		cfg.OnProgress = onProgress
		return scenario.RunContend(ctx, cfg)
	})
	if err != nil {
		return after(err, "cleaned up")
	}
	if o.report != "" {
		if err := scenario.WriteContendFiles(o.report, r); err != nil {
			return environmentf("--report: %w", err)
		}
	}
	return printBench(c, r, o.json, func() string {
		style := styleFor(c, o.color)
		text := scenario.ContendText(r, style) + "\n" + scenario.VerdictText(r.Result(), style)
		if o.report != "" {
			text += fmt.Sprintf("report    %s  the figures\nreport    %s  the pictures, for a browser\n", o.report+"/"+scenario.ReportFile, o.report+"/"+scenario.ContendFile)
		}
		return text
	})
}
