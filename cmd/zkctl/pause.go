package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// pauseOptions is the command line of zkctl pause.
type pauseOptions struct {
	run    scenario.PauseConfig
	lock   string
	cases  []scenario.Case // nil for all
	fast   bool
	json   bool
	quiet  bool
	report string // directory, "" for none
	color  string
}

// allOfThem stands for all locks, or all scenarios.
const allOfThem = "all"

// newPauseCmd only parses; runF runs what was parsed, or runPause if it is nil.
func newPauseCmd(c *console, runF func(context.Context, *pauseOptions) error) *cobra.Command {
	o := &pauseOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *pauseOptions) error { return runPause(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Freeze a worker for longer than its lock lives, and see what its late work does",
		Long: `A batch worker takes a lock with a time to live, looks that it still has it, and is frozen before its write: by a garbage
collector, a hypervisor, a laptop's lid. The lock passes on, another worker does the job, and the first one goes on.

Workers are processes, started anew for each run. The one that is frozen waits at a pipe at the worst step and is stopped
there with SIGSTOP, and goes on when the pause is over and the other is where it should be. All that goes wrong then is
played without and with what helps against it, and a run counts only if what it is a control for went wrong.`,
		Annotations: map[string]string{notes: scenariosHelp() + "\n\n" + pauseExitCodes + "\n\n" + environment + "\n" + environmentOfPause},
		Example: `  zkctl pause --for 8s --ttl 5s                    a Redlock of 5s, a pause of 8s
  zkctl pause --scenario late-write                one of the scenarios, in full
  zkctl pause --fast --repeat 100 --lock all       500ms against 800ms, a hundred times, with all locks
  zkctl pause --lock zookeeper --servers zk1:2181
  zkctl pause --json --report out | jq .figures.stale_accepted
  zkctl pause check out                            derive the verdict again from what was saved`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.settle(c, cmd); err != nil {
				return err
			}
			return runF(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	newFlag(cmd, &o.run.For, "for", "DURATION", 8*time.Second, "how long the worker is frozen, at least", aDuration("8s"))
	newFlag(cmd, &o.run.TTL, "ttl", "DURATION", 5*time.Second, "how long a lock lives that nobody renews; of ZooKeeper the session timeout", aDuration("5s"))
	f.BoolVar(&o.fast, "fast", false, fmt.Sprintf("the same as --ttl %v --for %v", scenario.FastTTL, scenario.FastFor))
	newFlag(cmd, &o.lock, "lock", "LOCK", scenario.LockRedlock, "the lock\n"+
		"redlock:   redsync over five Redis nodes\n"+
		"redis:     SET NX PX on one node, by hand\n"+
		"zookeeper: this module's zklock\n"+
		"all:       one after the other", oneOf(append(scenario.PauseLocks(), allOfThem)...))
	newFlag(cmd, &o.cases, "scenario", "NAME,...", nil, "what goes wrong, by name or as S1 to S7; may be repeated (default all)", func(text string) ([]scenario.Case, error) {
		more, err := parseCases(text)
		return append(o.cases, more...), err
	})
	newFlag(cmd, &o.run.Repeat, "repeat", "N", 1, "how often each is played", aCount(1))
	newFlag(cmd, &o.run.Parallel, "parallel", "N", 0, "how many runs at a time, each with a lock and a resource of its own (default by the TTL)", aCount(1))
	newFlag(cmd, &o.run.Redis, "redis", "ENGINE", scenario.EngineAuto, "where the Redis comes from\n"+
		"auto:      local where a redis-server is installed, else docker where an engine has the image, else embedded\n"+
		"local, docker: processes or containers that are started here, and stopped afterwards\n"+
		"embedded:  miniredis, in the memory of this process: it is not a real Redis", oneOf(scenario.PauseRedises()...))
	newFlag(cmd, &o.run.Resource, "resource", "RESOURCE", scenario.ResourceAuto, "what the locks protect\n"+
		"auto:      postgres where there is one, else sqlite\n"+
		"postgres:  the one that ZKKIT_POSTGRES_DSN names, or one that is started here\n"+
		"sqlite:    a file for each run", oneOf(scenario.PauseResources()...))
	engineFlags(cmd, &o.run.Engine)
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	newFlag(cmd, &o.report, "report", "DIR", "", "write "+scenario.ReportFile+", "+scenario.EventsFile+" and "+scenario.TimelineFile+" there", aName)
	f.BoolVar(&o.quiet, "quiet", false, "print the verdict only")
	colorFlag(cmd, &o.color)
	cmd.AddCommand(newCheckCmd(c, scenario.PauseScenario, nil))
	return cmd
}

// pauseExitCodes is the table for the help.
const pauseExitCodes = `Exit codes:
  0    safe: each control went wrong every time, and what it is a control for never did
  1    violated: a stale write accepted, a job done twice behind a fence, a token that did not rise
  2    wrong usage
  3    inconclusive: a control did not go wrong, or the pause is not longer than the lock lives
  4    the environment: no Redis, no database, no ZooKeeper
  5    stalled: nothing was damaged, and who had the lock did not get through
  130  interrupted, after cleaning up`

const environmentOfPause = `  ZKKIT_POSTGRES_DSN  the PostgreSQL to use, as a URL; a schema of its own is made there, and dropped`

func scenariosHelp() string {
	var b strings.Builder
	b.WriteString("Scenarios:\n")
	for _, what := range scenario.Cases() {
		fmt.Fprintf(&b, "  %s %-19s %s\n", what.Number(), what, what.About())
	}
	return strings.TrimRight(b.String(), "\n")
}

// parseCases reads names or numbers with commas between them.
func parseCases(text string) ([]scenario.Case, error) {
	var found []scenario.Case
	names := append([]scenario.Case{allOfThem}, scenario.Cases()...)
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		for _, what := range scenario.Cases() {
			if strings.EqualFold(word, what.Number()) {
				word = string(what)
			}
		}
		what, err := oneOf(names...)(word)
		if err != nil {
			return nil, fmt.Errorf("%w; or S1 to S7", err)
		}
		if what == allOfThem {
			return scenario.Cases(), nil
		}
		found = append(found, what)
	}
	return found, nil
}

// settle checks what was asked for, and completes it.
func (o *pauseOptions) settle(c *console, cmd *cobra.Command) error {
	f := cmd.Flags()
	if o.fast {
		if f.Changed("ttl") || f.Changed("for") {
			return usagef("--fast is --ttl %v --for %v: leave those out, or leave --fast out", scenario.FastTTL, scenario.FastFor)
		}
		o.run.TTL, o.run.For = scenario.FastTTL, scenario.FastFor
	}
	o.run.Locks, o.run.Cases = []string{o.lock}, o.cases
	if o.lock == allOfThem {
		o.run.Locks = scenario.PauseLocks()
	}
	if o.lock != scenario.LockZooKeeper && o.lock != allOfThem {
		for _, name := range []string{"engine", "servers"} {
			if f.Changed(name) {
				return usagef("--%s is about ZooKeeper: --lock zookeeper, or leave it out", name)
			}
		}
	} else if err := serversFromEnvironment(c, &o.run.Engine); err != nil {
		return err
	}
	if o.lock == scenario.LockZooKeeper && f.Changed("redis") {
		return usagef("--redis is about Redis: --lock redlock or redis, or leave it out")
	}
	self, err := os.Executable()
	if err != nil {
		return environmentf("this program cannot be started again as a worker: %w", err)
	}
	o.run.Worker = []string{self, scenario.PauseWorkerCommand}
	return nil
}

// newPauseWorkerCmd is how zkctl pause starts itself as a worker. Nobody else has a use for it.
func newPauseWorkerCmd() *cobra.Command {
	return &cobra.Command{
		Use: scenario.PauseWorkerCommand, Hidden: true, Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return verdict(scenario.PauseWorker()) },
	}
}

// runPause runs the experiment and prints it. It returns an outcome for a verdict that is not safe.
func runPause(ctx context.Context, c *console, o *pauseOptions) error {
	undo, err := prepareReport(o.report)
	if err != nil {
		return err
	}
	e, err := playPause(ctx, c, o)
	if err != nil {
		undo()
		return after(err, "cleaned up")
	}
	report := scenario.NewReport(e, scenario.Judge(e))
	if o.report != "" {
		if err := report.WriteFiles(o.report); err != nil {
			defer undo()
			o.report, err = "", environmentf("the report was not written: %w", err)
			return firstOf(printPause(c, o, e, report), err)
		}
	}
	return firstOf(printPause(c, o, e, report), verdict(report.Exit))
}

// playPause runs the experiment, and shows the runs that are to be seen as they end.
func playPause(ctx context.Context, c *console, o *pauseOptions) (scenario.PauseEvidence, error) {
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	_, terminal := columns(c.err)
	s := newScreen(c.out, c.err, terminal && !o.quiet, cancel)
	style := styleFor(c, o.color)
	s.doing("starting the servers", 0)
	leaving := context.AfterFunc(run, func() { s.doing("cleaning up (interrupt again to leave at once)", 0) })
	cfg, text := o.run, !o.json && !o.quiet
	cfg.OnPlan = func(e scenario.PauseEvidence) {
		if text {
			s.print(pausePlanText(e, style))
		}
		s.doing(fmt.Sprintf("%d runs, the first pauses", len(e.Parameters.Plan)*e.Parameters.Repeat), 0)
	}
	cfg.OnRun = func(e scenario.PauseEvidence, number int) {
		if run.Err() == nil {
			s.doing(fmt.Sprintf("%d of %d runs are over", number, len(e.Parameters.Plan)*e.Parameters.Repeat), 0)
		}
		if text && shownInFull(o, e.Parameters, number) {
			s.print("\n" + scenario.PauseRunText(e, number, style))
		}
	}
	e, err := scenario.RunPause(run, cfg)
	leaving()
	return e, firstOf(err, s.close(ctx))
}

// shownInFull reports whether a run is told line by line: once each, and where all scenarios are played only those that people meet first.
func shownInFull(o *pauseOptions, p scenario.PauseParameters, number int) bool {
	if number > len(p.Plan) {
		return false
	}
	trial := p.Plan[number-1]
	switch {
	case len(o.cases) > 0 && len(o.cases) < len(scenario.Cases()):
		return true
	case trial.Lock != o.run.Locks[0]:
		return false
	}
	switch trial.Case {
	case scenario.CaseDuplicateJob, scenario.CaseLateWrite:
		return true
	case scenario.CaseLateRelease:
		return trial.Way != scenario.WayPlainDelFenced
	default:
		return false
	}
}

// printPause prints what the runs came to.
func printPause(c *console, o *pauseOptions, e scenario.PauseEvidence, r scenario.Report) error {
	style := styleFor(c, o.color)
	var b strings.Builder
	if o.json {
		if err := r.Encode(&b); err != nil {
			return err
		}
		return writeOut(c.out, b.String())
	}
	if table := scenario.PauseTable(e, style); !o.quiet && table != "" {
		b.WriteString("\n" + table + "\n")
	}
	b.WriteString(scenario.VerdictText(r.Result(), style))
	if !o.quiet && o.report != "" {
		b.WriteString("\n" + reportText(scenario.PauseScenario, o.report))
	}
	return writeOut(c.out, b.String())
}

// pausePlanText says what is about to be tried, and on what.
func pausePlanText(e scenario.PauseEvidence, style scenario.Style) string {
	p, t := e.Parameters, newTable(style, 10)
	name := "lock"
	tokens := map[bool]bool{}
	for _, lock := range scenario.PauseLocks() {
		if engine, ok := p.Locks[lock]; ok {
			t.row(name, fmt.Sprintf("%s: %s", lock, engine))
			name, tokens[lock == scenario.LockZooKeeper] = "", true
		}
	}
	if tokens[false] {
		t.row("token", "none: a lock in Redis has none. Where a fence needs one, it is the next number of a counter in the resource, drawn once the lock is there")
	}
	if tokens[true] {
		t.row(map[bool]string{true: "", false: "token"}[tokens[false]], "ZooKeeper: the zxid that made the lock's node")
	}
	t.row("resource", p.Resource.String())
	t.row("pause", fmt.Sprintf("%v at least, against a lock that lives %v", p.For, p.TTL))
	t.row("runs", fmt.Sprintf("%d, each with worker processes, a lock and a resource of its own", len(p.Plan)*p.Repeat))
	return t.String()
}
