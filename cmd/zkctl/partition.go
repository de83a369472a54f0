package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
	"github.com/zkkit/zkkit/partition"
)

// partitionOptions is the command line of zkctl partition.
type partitionOptions struct {
	run    scenario.PartitionConfig
	json   bool
	quiet  bool
	report string // directory, "" for none
	color  string

	program scenario.Program // what stands behind --, if anything does
}

// newPartitionCmd only parses; runF runs what was parsed, or runPartition if it is nil.
func newPartitionCmd(c *console, runF func(context.Context, *partitionOptions) error) *cobra.Command {
	o := &partitionOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *partitionOptions) error { return runPartition(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "partition [flags] [-- PROGRAM ARGUMENTS]",
		Short: "Cut the holder of a lock off from ZooKeeper, and see who owns the lock afterwards",
		Long: `Hold a lock on a ZooKeeper, cut its holder off, heal, and see who owns the lock afterwards.

Several clients want one lock. The holder reaches ZooKeeper, and the resource that the lock protects, through links of
its own; the others are never cut off. The run takes the lock, cuts the first link, jams the second, waits, and heals
both. It shows what everybody saw as it happens, and then a picture, the story in words, and a verdict that can fail.

With a program behind --, in any language, instances of that want the lock at --lock-path, and the one that has it is cut off.`,
		Annotations: map[string]string{notes: aboutPrograms + "\n\n" + exitCodes + "\n\n" + environment},
		Example: `  zkctl partition --for 3s
  zkctl partition --for session+1s --session 5s --kind refuse
  zkctl partition --cut follower --ensemble 3          the holder still talks to a server that nobody talks to
  zkctl partition --recipe go-zookeeper                the control, which must come out violated
  zkctl partition --servers zk1:2181,zk2:2181 --lock-path /drill/orders
  zkctl partition --for session+1s --lock-path /locks/orders --resource plain -- python3 worker.py
  zkctl partition --json --report out | jq .figures.margin_ms
  zkctl partition check out                            derive the verdict again from what was saved`,
		Args: func(cmd *cobra.Command, args []string) error { return programArgs(cmd, args, o) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := serversFromEnvironment(c, &o.run.Engine); err != nil {
				return err
			}
			return runF(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	newFlag(cmd, &o.run.For, "for", "LENGTH", scenario.Length{Plus: 3 * time.Second}, "how long the holder is cut off: 5s, session, session+1s", scenario.ParseLength)
	newFlag(cmd, &o.run.Session, "session", "DURATION", 2*time.Second, "session timeout to ask for; at least two ticks of the server", aDuration("2s"))
	newFlag(cmd, &o.run.Kind, "kind", "KIND", scenario.KindDrop, "what the cut does\n"+kindsHelp(), oneOf(kinds()...))
	newFlag(cmd, &o.run.Direction, "direction", "WHICH", scenario.DirectionBoth,
		strings.Join(stringsOf(directions()), ", ")+", as seen from the holder", oneOf(directions()...))
	newFlag(cmd, &o.run.Where, "cut", "WHERE", scenario.WhereHolder, "who is cut off from whom\n"+wheresHelp(), oneOf(scenario.Wheres()...))
	newFlag(cmd, &o.run.Recipe, "recipe", "RECIPE", scenario.RecipeZklock,
		"the lock that is tried\nzklock:       this module's, with a resource that checks tokens\n"+
			"zklock-pings: the same, believing in answers to pings: a control where servers are cut off\n"+
			"go-zookeeper: that library's own, with a resource that checks nothing: the control", oneOf(scenario.Recipes()...))
	newFlag(cmd, &o.run.Clients, "clients", "N", 2, "how many want the lock, the holder included; instances of a program", aCount(2))
	engineFlags(cmd, &o.run.Engine)
	newFlag(cmd, &o.run.Engine.Ensemble, "ensemble", "N", 0, "how many servers are started here, 1 to 5 (default 1; with --cut what that needs)", aCount(1))
	newFlag(cmd, &o.run.Engine.Tick, "tick", "DURATION", 0, "tickTime of a server started here (default a tenth of the session)", wholeMillis)
	newFlag(cmd, &o.run.LockPath, "lock-path", "PATH", "", "the lock's directory in ZooKeeper (default a new one; a program has its own)", aLockPath)
	newFlag(cmd, &o.run.Seed, "seed", "N", 0, "of the moment between two renewals at which the cut comes (default random)", aSeed)
	newFlag(cmd, &o.run.Timeout, "timeout", "DURATION", 0, "give up after that (default a minute more than the cut; with a program, none beside --ready)", aDuration("2m"))
	programFlags(cmd, &o.program)
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	newFlag(cmd, &o.report, "report", "DIR", "", "write "+scenario.ReportFile+", "+scenario.EventsFile+" and "+scenario.TimelineFile+" there", aName)
	f.BoolVar(&o.quiet, "quiet", false, "print the verdict only")
	colorFlag(cmd, &o.color)
	cmd.AddCommand(newCheckCmd(c, scenario.PartitionScenario, nil))
	return cmd
}

// runPartition runs the experiment and prints it. It returns an outcome for a verdict that is not safe.
func runPartition(ctx context.Context, c *console, o *partitionOptions) error {
	undo, err := prepareReport(o.report)
	if err != nil {
		return err
	}
	e, err := play(ctx, c, o)
	if err != nil {
		undo()
		return after(err, "healed and cleaned up")
	}
	result := scenario.Judge(e)
	report := scenario.NewReport(e, result)
	if o.report != "" {
		if err := report.WriteFiles(o.report); err != nil {
			defer undo()
			o.report, err = "", environmentf("the report was not written: %w", err)
			return firstOf(printPartition(c, o, e, report), err)
		}
	}
	return firstOf(printPartition(c, o, e, report), verdict(report.Exit))
}

// firstOf returns the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// play runs the experiment, and shows it as it happens.
func play(ctx context.Context, c *console, o *partitionOptions) (scenario.Evidence, error) {
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	_, terminal := columns(c.err)
	s := newScreen(c.out, c.err, terminal && !o.quiet, cancel)
	style := styleFor(c, o.color)
	live := scenario.Live{Style: style}
	text := !o.json && !o.quiet
	s.doing(starting(o.run.Engine), 0)
	leaving := context.AfterFunc(run, func() { s.doing("healing and cleaning up (interrupt again to leave at once)", 0) })
	doing := func(what string, of time.Duration) {
		if run.Err() == nil {
			s.doing(what, of)
		}
	}
	cfg := o.run
	length, begun := time.Duration(0), false // OnPlan comes before OnEvent, and OnEvent one at a time.
	cfg.OnPlan = func(e scenario.Evidence, inconclusive string) {
		if text {
			s.print(planText(e, inconclusive, style))
		}
		length = e.Parameters.For.Duration()
		within := (e.Parameters.SessionNegotiated.Duration() * 2 / 3).Round(100 * time.Millisecond)
		doing(fmt.Sprintf("the holder has the lock, the others queue; it begins within %v", within), 0)
	}
	cfg.OnEvent = func(e scenario.Event) {
		switch {
		case e.What == scenario.Cut:
			doing("cut for", length)
		case e.What == scenario.Heal:
			doing("healed; waiting until everybody knows", 0)
		case cfg.Kind == scenario.KindNone && !begun:
			doing("nothing is cut, for", length)
		}
		begun = true
		if !text {
			return
		}
		if line := live.Line(e); line != "" {
			s.print(line + "\n")
		}
	}
	if cfg.Program != nil {
		cfg.Program.OnOutput = programOutput(s, o)
	}
	evidence, err := scenario.RunPartition(run, cfg)
	leaving()
	return evidence, firstOf(err, s.close(ctx))
}

// printPartition prints what the run came to.
func printPartition(c *console, o *partitionOptions, e scenario.Evidence, r scenario.Report) error {
	style := styleFor(c, o.color)
	var b strings.Builder
	if o.json {
		if err := r.Encode(&b); err != nil {
			return err
		}
		return writeOut(c.out, b.String())
	}
	if !o.quiet {
		for _, part := range []string{scenario.Lanes(e, style), scenario.WalkthroughText(e, style)} {
			if part != "" {
				b.WriteString("\n" + part)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString(scenario.VerdictText(r.Result(), style))
	if !o.quiet && o.report != "" {
		b.WriteString("\n" + reportText(scenario.PartitionScenario, o.report))
	}
	return writeOut(c.out, b.String())
}

// kinds returns the names of all faults, and of the control.
func kinds() []scenario.Kind {
	var all []scenario.Kind
	for _, k := range partition.Kinds() {
		all = append(all, scenario.Kind(k.String()))
	}
	return append(all, scenario.KindNone)
}

func directions() []scenario.Direction {
	var all []scenario.Direction
	for _, d := range partition.Directions() {
		all = append(all, scenario.Direction(d.String()))
	}
	return all
}

// aboutNone is the control in one line.
const aboutNone = "nothing is cut, and so nothing may happen: the control"

func wheresHelp() string {
	var lines []string
	for _, w := range scenario.Wheres() {
		lines = append(lines, fmt.Sprintf("%-9s %s", string(w)+":", w.About()))
	}
	return strings.Join(lines, "\n")
}

func kindsHelp() string {
	var b strings.Builder
	for _, k := range partition.Kinds() {
		fmt.Fprintf(&b, "%-7s %s\n", k.String()+":", k.About())
	}
	return b.String() + "none:   " + aboutNone
}

func stringsOf[T ~string](names []T) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = string(n)
	}
	return all
}
