package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// aboutPrograms is what there is to know about a program of one's own, for the help.
const aboutPrograms = `A program of your own:
  Each instance is started with ZK_SERVERS (its own way to ZooKeeper), LOCK_PATH, ZKCTL_INSTANCE (holder, waiter, ...)
  and, with --resource, RESOURCE_ADDR. Its session is its own affair: --for session+1s goes by what it was given.
  Who owns the lock is read from ZooKeeper: the lowest sequence, in the format of Curator, kazoo or zklock.
  What the program believes is known as far as it shows. It may say so on its standard output, in lines that it flushes:
    zkctl: held TOKEN     it has the lock, said once or again and again; the token may be left out
    zkctl: released       it has stopped using the lock, for whatever reason
  and it may write to RESOURCE_ADDR, a TCP port that answers each line with ok, stale TOKEN, refused or error:
    seal TOKEN            no older token from now on
    write TOKEN VALUE     a write that carries a token, 0x1f or 31
    write - VALUE         one that carries none
  A run in which nothing shows what the holder made of its loss is inconclusive, never safe.
  The programs get SIGTERM in the end, or the signal that zkctl got, and SIGKILL after --grace.`

// programFlags are those that only a run with a program has.
func programFlags(cmd *cobra.Command, to *scenario.Program) {
	newFlag(cmd, &to.Resource, "resource", "WHAT", "", "give the program something to write to, at $RESOURCE_ADDR\n"+
		"fenced: refuses a token below one that it has seen, and a write without one\nplain:  accepts everything, as most do",
		oneOf(scenario.ResourceFenced, scenario.ResourcePlain))
	newFlag(cmd, &to.Ready, "ready", "DURATION", 30*time.Second, "how long a program may take to get the lock, or to queue up for it", aDuration("30s"))
	newFlag(cmd, &to.Grace, "grace", "DURATION", 5*time.Second, "how long a program may take to end, until it is killed", aDuration("5s"))
}

// programArgs takes what stands behind -- for a program, and refuses anything else, and the flags that do not go together.
func programArgs(cmd *cobra.Command, args []string, o *partitionOptions) error {
	dash := cmd.ArgsLenAtDash()
	if dash < 0 {
		for _, name := range []string{"resource", "ready", "grace"} {
			if cmd.Flags().Changed(name) {
				return usagef("--%s is for a program of your own, and there is none: %s --lock-path PATH -- PROGRAM ARGUMENTS", name, cmd.CommandPath())
			}
		}
		return noArgs(cmd, args)
	}
	if err := noArgs(cmd, args[:dash]); err != nil {
		return err
	}
	for _, not := range []struct{ flag, why string }{
		{"recipe", "the program brings its own lock"},
		{"session", "a program asks for its own session, which --for session+1s goes by"},
	} {
		if cmd.Flags().Changed(not.flag) {
			return usagef("--%s is for the clients of zkctl: %s", not.flag, not.why)
		}
	}
	o.program.Command = args
	o.run.Program = &o.program
	if len(args) == 0 {
		return usagef("nothing stands behind --: want the program to run, as in %s --lock-path PATH -- ./worker", cmd.CommandPath())
	}
	return nil
}

// programOutput shows what the instances print, behind their names: where the events are, or on stderr if stdout is for the report.
func programOutput(s *screen, o *partitionOptions) func(instance, line string) {
	return func(instance, line string) {
		text := strings.TrimRight(fmt.Sprintf("%-9s | %s", instance, line), " ") + "\n"
		if o.json || !o.quiet {
			s.printSome(text, o.json)
		}
	}
}
