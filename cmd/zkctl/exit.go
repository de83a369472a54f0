package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/zkkit/zkkit/internal/scenario"
)

// The exit codes that are not those of a verdict: see [scenario.Verdict.Exit] for 0 safe, 1 violated, 3 inconclusive and 5 stalled.
const (
	exitDiffers     = 1   // a saved report does not follow from its events
	exitUsage       = 2   // the command line makes no sense
	exitEnvironment = 4   // this machine, or the servers, cannot do it
	exitInterrupted = 130 // SIGINT or SIGTERM, after cleaning up
)

// exitCodes is the table for the help.
const exitCodes = `Exit codes:
  0    safe
  1    violated: two owners, a stale write accepted, or a token that did not rise
  2    wrong usage
  3    inconclusive: the run could not have shown a violation
  4    the environment: no ZooKeeper, no answer
  5    stalled: safe, but the lock did not move on in time
  130  interrupted, after healing and cleaning up`

// errInterrupted is why everything ends after the first SIGINT or SIGTERM.
var errInterrupted = errors.New("interrupted")

// An outcome is the error of a command that has printed all there is to say and ends with this exit code.
type outcome int

// Error names the exit code; nobody prints it.
func (o outcome) Error() string { return fmt.Sprintf("exit status %d", int(o)) }

// verdict turns the exit code of a result into what a command returns.
func verdict(code int) error {
	if code == 0 {
		return nil
	}
	return outcome(code)
}

// exitCode is the one place that knows which error means which exit code.
func exitCode(err error) int {
	var said outcome
	var usage *scenario.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &said):
		return int(said)
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	}
	// A *scenario.EnvironmentError, and whatever else keeps a run from being one.
	return exitEnvironment
}

// message is what is said on stderr about an error, "" if nothing is left to say.
func message(err error) string {
	var said outcome
	var usage *scenario.UsageError
	switch {
	case err == nil || errors.As(err, &said):
		return ""
	case errors.As(err, &usage):
		return usage.Text // Without the names of those who passed it on.
	}
	return packageNames.ReplaceAllString(strings.TrimSpace(err.Error()), "$1")
}

// packageNames begin the errors of packages, and say nothing to those who use a command.
var packageNames = regexp.MustCompile(`(^|: )(?:cas|child|containers|ensemble|fence|partition|ratelimit|scenario|session|shard|stores|zklock|zktest): `)

// usagef is a mistake on the command line: what is wrong and what to do instead, in one line.
func usagef(format string, args ...any) error {
	return &scenario.UsageError{Text: fmt.Sprintf(format, args...)}
}

// environmentf is something that this machine cannot do.
func environmentf(format string, args ...any) error {
	return &scenario.EnvironmentError{Err: fmt.Errorf(format, args...)}
}

// after says what was done when a run was interrupted; other errors stay as they are.
func after(err error, done string) error {
	if errors.Is(err, errInterrupted) {
		return fmt.Errorf("%w: %s", err, done)
	}
	return err
}
