package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// checkOptions is the command line of zkctl partition check, and of zkctl pause check.
type checkOptions struct {
	path  string
	json  bool
	quiet bool
	color string
}

// newCheckCmd stands below the command that it is about. It checks the reports of others all the same.
func newCheckCmd(c *console, about string, runF func(context.Context, *checkOptions) error) *cobra.Command {
	o := &checkOptions{}
	if runF == nil {
		runF = func(_ context.Context, o *checkOptions) error { return runCheck(c, o) }
	}
	cmd := &cobra.Command{
		Use:   "check FILE|DIR",
		Short: "Derive the verdict again from a saved report",
		Long: `Derive the verdict of zkctl ` + about + ` again, from the events in a report that --report or --json has saved, and from
nothing else. The exit code is that of the derived verdict, and 1 if the report states another result than its events.`,
		Example: strings.ReplaceAll(`  zkctl COMMAND --report out
  zkctl COMMAND check out
  zkctl COMMAND check out/report.json --json | jq .checks`, "COMMAND", about),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s takes one report, a file or the directory that --report wrote: %s out", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.path = args[0]
			return runF(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.json, "json", false, "print one JSON object and nothing else")
	f.BoolVar(&o.quiet, "quiet", false, "print the verdict only")
	colorFlag(cmd, &o.color)
	return cmd
}

// A recheck is what a report comes to when it is looked at again: the report with the derived result, and next to it what was stored.
type recheck struct {
	scenario.Report
	Stored storedResult `json:"stored"`
	// Differs says that what was stored is not what the events lead to.
	Differs bool `json:"differs"`

	alone scenario.Result // what the events lead to, whatever was stored
}

// A storedResult is what a report states.
type storedResult struct {
	Verdict            scenario.Verdict `json:"verdict"`
	Exit               int              `json:"exit"`
	OwnerAfterRecovery string           `json:"owner_after_recovery,omitempty"`
}

func runCheck(c *console, o *checkOptions) error {
	r, err := lookAgain(o.path)
	if err != nil {
		return notAReport(err)
	}
	if o.json {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return err
		}
		return firstOf(writeOut(c.out, b.String()), verdict(r.Exit))
	}
	return firstOf(writeOut(c.out, checkText(r, o, styleFor(c, o.color))), verdict(r.Exit))
}

// lookAgain derives the result of a report again.
func lookAgain(path string) (recheck, error) {
	stored, derived, err := scenario.Recheck(path)
	if err != nil {
		return recheck{}, err
	}
	saved, err := scenario.Load(path)
	if err != nil {
		return recheck{}, err
	}
	story, err := saved.Story()
	if err != nil {
		return recheck{}, err
	}
	r := recheck{
		Stored: storedResult{stored.Verdict, stored.Exit, stored.OwnerAfterRecovery},
		alone:  scenario.Judge(story),
	}
	for _, check := range derived.Checks {
		if check.Name == scenario.CheckStoredResult && !check.OK {
			r.Differs, derived.Exit = true, exitDiffers
		}
	}
	r.Report = scenario.NewReport(story, derived)
	return r, nil
}

// notAReport says in one line why there is nothing to check.
func notAReport(err error) error {
	var file *scenario.FileError
	if !errors.As(err, &file) {
		return usagef("%s", strings.TrimPrefix(err.Error(), "scenario: "))
	}
	if file.Why == "" {
		return usagef("%s: %v: name a report, or the directory that --report wrote", file.Path, cause(file.Err))
	}
	return usagef("%s is not a report: %s", file.Path, file.Why)
}

// checkText is the result of looking again, for people.
func checkText(r recheck, o *checkOptions, style scenario.Style) string {
	t := newTable(style, 10)
	if !o.quiet {
		t.row("report", fmt.Sprintf("%s: %s on %s, %d events", o.path, r.Scenario, r.Engine, len(r.Events)))
		t.row("stored", resultLine(r.Stored.Verdict, r.Stored.Exit, r.Stored.OwnerAfterRecovery))
		t.row("derived", resultLine(r.alone.Verdict, r.alone.Exit, r.alone.OwnerAfterRecovery))
		t.WriteString("\n")
		checks := newTable(style, 34)
		for _, c := range r.Checks {
			checks.row(fmt.Sprintf("%-9s %s", map[bool]string{true: "ok", false: "FAILED"}[c.OK], c.Name), c.Got)
		}
		t.WriteString(checks.String() + "\n")
	}
	text := scenario.VerdictText(r.Result(), style)
	if r.Differs {
		_, failed, _ := strings.Cut(text, "\n")
		text = fmt.Sprintf("DIFFERS  the report does not state what its events lead to (exit %d)\n%s", r.Exit, failed)
	}
	return t.String() + text
}

func resultLine(v scenario.Verdict, exit int, owner string) string {
	line := fmt.Sprintf("%s (exit %d)", v, exit)
	if owner != "" {
		line += ", owner after recovery: " + owner
	}
	return line
}
