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
)

// rateLimitOptions is the command line of zkctl ratelimit.
type rateLimitOptions struct {
	run    scenario.RateLimitConfig
	limit  aLimit
	fast   bool
	json   bool
	quiet  bool
	report string // directory, "" for none
	color  string
}

// aLimit is a limit on the command line: 100/1m.
type aLimit struct {
	max int64
	per time.Duration
}

// String is what is written on the command line.
func (l aLimit) String() string {
	per := l.per.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(per, zero) {
			per = per[:len(per)-2]
		}
	}
	return fmt.Sprintf("%d/%s", l.max, per)
}

// parseLimit reads a limit.
func parseLimit(text string) (l aLimit, err error) {
	wrong := errors.New("want requests per period, such as 100/1m")
	count, per, ok := strings.Cut(text, "/")
	if l.max, err = strconv.ParseInt(count, 10, 64); !ok || err != nil || l.max < 1 {
		return aLimit{}, wrong
	}
	if l.per, err = time.ParseDuration(per); err != nil || l.per <= 0 {
		return aLimit{}, wrong
	}
	return l, nil
}

// newRateLimitCmd only parses; runF runs what was parsed, or runRateLimit if it is nil.
func newRateLimitCmd(c *console, runF func(context.Context, *rateLimitOptions) error) *cobra.Command {
	o := &rateLimitOptions{}
	if runF == nil {
		runF = func(ctx context.Context, o *rateLimitOptions) error { return runRateLimit(ctx, c, o) }
	}
	cmd := &cobra.Command{
		Use:   "ratelimit",
		Short: "Limit requests over many servers, and see how many get through at the worst",
		Long: `Many servers, each a process of its own, limit the same users through one Redis: with package ratelimit in three modes, and
with what is used instead. Of the users some take all that they can get, some save up for the edge of a window, and some stay
below the limit. Meanwhile the scripts are flushed, a fifth of the servers are cut off from Redis, the time of day of one is
wrong, and Redis is restarted, empty. Each mode is held to what it declares.

Before that the modes are measured, in turns, with many callers at one key: on this machine, and over links that make a round
trip two milliseconds longer. Compare the ratios; the figures beside them are this machine's.`,
		Annotations: map[string]string{notes: rateLimitModes + "\n\n" + rateLimitExitCodes + "\n\n" + environment},
		Example: `  zkctl ratelimit --users 6 --servers 50 --limit 100/1m    takes five minutes
  zkctl ratelimit --fast                                  takes half a minute
  zkctl ratelimit --mode strict,redis_rate
  zkctl ratelimit --json --report out | jq .figures.strict_over_limit_percent
  zkctl ratelimit check out                               derive the verdict again from what was saved`,
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
	newFlag(cmd, &o.run.Users, "users", "N", 6, "how many users there are; of each three one is greedy, one waits for the edges, one is normal", aCount(1))
	newFlag(cmd, &o.run.Servers, "servers", "N", 50, "how many servers limit them, each a process of its own", aCount(2))
	newFlag(cmd, &o.limit, "limit", "N/DURATION", aLimit{100, time.Minute}, "the limit of each user", parseLimit)
	newFlag(cmd, &o.run.Modes, "mode", "NAME,...", nil, "how it is kept; may be repeated (default all)", func(text string) ([]string, error) {
		more, err := parseModes(text)
		return append(o.run.Modes, more...), err
	})
	newFlag(cmd, &o.run.For, "for", "DURATION", 20*time.Second, "how long the measurements of speed take together", aDuration("20s"))
	newFlag(cmd, &o.run.Callers, "callers", "N", 64, "how many callers want decisions about one key in them", aCount(1))
	f.BoolVar(&o.fast, "fast", false, fmt.Sprintf("the same as --servers %d --limit %v --for %v", scenario.FastServers, aLimit{scenario.FastMax, scenario.FastPer}, scenario.FastSpeed))
	newFlag(cmd, &o.run.Redis, "redis", "ENGINE", scenario.EngineAuto, "where the Redis comes from\n"+
		"auto:      local where a redis-server is installed, else docker where an engine has the image, else embedded\n"+
		"local, docker: a process or container that is started here, and stopped afterwards\n"+
		"embedded:  miniredis, in the memory of this process: it is not a real Redis", oneOf(scenario.PauseRedises()...))
	newFlag(cmd, &o.run.Engine.Kind, "engine", "ENGINE", scenario.EngineAuto, "where the ZooKeeper of lock-zookeeper comes from, as in zkctl bench lock", oneOf(scenario.EngineKinds()...))
	newFlag(cmd, &o.run.Engine.Servers, "zookeeper", "HOST:PORT,...", nil, "a ZooKeeper to connect to; may be repeated (default $"+serversVariable+")",
		func(text string) ([]string, error) {
			more, err := parseServers(text)
			return append(o.run.Engine.Servers, more...), err
		})
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	newFlag(cmd, &o.report, "report", "DIR", "", "write "+scenario.ReportFile+", "+scenario.EventsFile+" and "+scenario.TimelineFile+" there", aName)
	f.BoolVar(&o.quiet, "quiet", false, "print the verdict only")
	colorFlag(cmd, &o.color)
	cmd.AddCommand(newCheckCmd(c, scenario.RateLimitScenario, nil))
	return cmd
}

const rateLimitModes = `Modes:
  strict          package ratelimit, rolling: Redis decides about every request
  lease           package ratelimit, a bucket of which servers borrow tokens in batches
  escrow          package ratelimit, rolling, with batches that Redis keeps account of
  redis_rate      go-redis/redis_rate
  fixed-window    INCR and EXPIRE on a key for each window, by the server's time of day
  lock-zookeeper  a lock of package zklock around a counter
  lock-redis      a lock of redsync around a counter
  unsynchronised  a counter in each server: the control`

const rateLimitExitCodes = `Exit codes:
  0    safe: no more was admitted of any user in any period than was declared
  1    violated: more was, or a request ended with an error, or an abuser got through to Redis
  2    wrong usage
  3    inconclusive: the load could not have shown a violation
  4    the environment: no Redis, no ZooKeeper
  5    stalled: nothing was admitted any more after Redis was restarted
  130  interrupted, after cleaning up`

// parseModes reads names with commas between them.
func parseModes(text string) (found []string, err error) {
	for word := range strings.SplitSeq(text, ",") {
		mode, err := oneOf(append(scenario.RateLimitModes(), allOfThem)...)(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		if mode == allOfThem {
			return scenario.RateLimitModes(), nil
		}
		found = append(found, mode)
	}
	return found, nil
}

// settle checks what was asked for, and completes it.
func (o *rateLimitOptions) settle(c *console, cmd *cobra.Command) error {
	f := cmd.Flags()
	if o.fast {
		for _, name := range []string{"servers", "limit", "for"} {
			if f.Changed(name) {
				return usagef("--fast says what --%s is: leave one of them out", name)
			}
		}
		o.run.Servers, o.limit, o.run.For = scenario.FastServers, aLimit{scenario.FastMax, scenario.FastPer}, scenario.FastSpeed
	}
	o.run.Max, o.run.Per = o.limit.max, o.limit.per
	if err := serversFromEnvironment(c, &o.run.Engine); err != nil {
		return err
	}
	switch kind, named := o.run.Engine.Kind, len(o.run.Engine.Servers) > 0; {
	case kind == scenario.EngineConnect && !named:
		return usagef("--engine connect needs --zookeeper, such as --zookeeper 127.0.0.1:2181")
	case named && kind != scenario.EngineAuto && kind != scenario.EngineConnect:
		return usagef("--zookeeper names servers to connect to, --engine %s starts one: leave one of them out", kind)
	}
	self, err := os.Executable()
	if err != nil {
		return environmentf("this program cannot be started again as a server: %w", err)
	}
	o.run.Worker = []string{self, scenario.RateLimitWorkerCommand}
	return nil
}

// newRateLimitWorkerCmd is how zkctl ratelimit starts itself as a server. Nobody else has a use for it.
func newRateLimitWorkerCmd() *cobra.Command {
	return &cobra.Command{
		Use: scenario.RateLimitWorkerCommand, Hidden: true, Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return verdict(scenario.RateLimitWorker()) },
	}
}

// runRateLimit runs the experiment and prints it. It returns an outcome for a verdict that is not safe.
func runRateLimit(ctx context.Context, c *console, o *rateLimitOptions) error {
	undo, err := prepareReport(o.report)
	if err != nil {
		return err
	}
	e, err := playRateLimit(ctx, c, o)
	if err != nil {
		undo()
		return after(err, "cleaned up")
	}
	report := scenario.NewReport(e, scenario.Judge(e))
	if o.report != "" {
		if err := report.WriteFiles(o.report); err != nil {
			defer undo()
			o.report, err = "", environmentf("the report was not written: %w", err)
			return firstOf(printRateLimit(c, o, e, report), err)
		}
	}
	return firstOf(printRateLimit(c, o, e, report), verdict(report.Exit))
}

// playRateLimit runs the experiment, with its progress on a terminal.
func playRateLimit(ctx context.Context, c *console, o *rateLimitOptions) (scenario.RateLimitEvidence, error) {
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	_, terminal := columns(c.err)
	s := newScreen(c.out, c.err, terminal && !o.quiet, cancel)
	s.doing("starting the servers", 0)
	leaving := context.AfterFunc(run, func() { s.doing("cleaning up (interrupt again to leave at once)", 0) })
	cfg := o.run
	cfg.OnProgress = func(text string) {
		if run.Err() == nil {
			s.doing(text, 0)
		}
	}
	e, err := scenario.RunRateLimit(run, cfg)
	leaving()
	return e, firstOf(err, s.close(ctx))
}

// printRateLimit prints what the modes came to.
func printRateLimit(c *console, o *rateLimitOptions, e scenario.RateLimitEvidence, r scenario.Report) error {
	style := styleFor(c, o.color)
	var b strings.Builder
	if o.json {
		if err := r.Encode(&b); err != nil {
			return err
		}
		return writeOut(c.out, b.String())
	}
	if !o.quiet {
		b.WriteString(rateLimitText(o, e, r, style))
	}
	b.WriteString(scenario.VerdictText(r.Result(), style))
	if !o.quiet && o.report != "" {
		b.WriteString("\n" + reportText(scenario.RateLimitScenario, o.report))
	}
	return writeOut(c.out, b.String())
}

// rateLimitText is the figures, for people.
func rateLimitText(o *rateLimitOptions, e scenario.RateLimitEvidence, r scenario.Report, style scenario.Style) string {
	var b strings.Builder
	t := newTable(style, 11)
	for _, on := range []string{"redis", "zookeeper"} {
		if engine, ok := e.Parameters.On[on]; ok {
			t.row(on, engine.String())
		}
	}
	t.row("limit", fmt.Sprintf("%v of each of %d users, over %d servers' processes", o.limit, e.Parameters.Users, e.Parameters.Servers))
	b.WriteString(t.String() + "\n" + scenario.RateLimitTable(e, style) + "\n" + scenario.Lanes(e, style) + "\n")
	t = newTable(style, 11)
	for _, row := range []struct{ figure, text string }{
		{"strict_vs_redis_rate_ratio", "strict, against redis_rate, %d callers at one key"},
		{"lease_vs_strict_ratio", "leases of 50, against strict, %d callers at one key"},
		{"strict_vs_lock_ratio", "strict, against a lock for each request, %d callers at one key, a round trip 2ms longer"},
	} {
		if _, ok := r.Figures[row.figure]; ok {
			t.row(figure(r, row.figure, 2), fmt.Sprintf(row.text, e.Parameters.Callers))
		}
	}
	if _, ok := r.Figures["abuser_calls_per_interval"]; ok {
		t.row(figure(r, "abuser_calls_per_interval", 2), fmt.Sprintf("calls of Redis per token that an abuser is given, who makes %s attempts per second", figure(r, "abuser_attempts_per_s", 0)))
	}
	b.WriteString(t.String() + "\n")
	return b.String()
}
