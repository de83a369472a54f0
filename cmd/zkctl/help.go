package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The annotations of commands.
const (
	notes     = "notes"      // what the help ends with
	onlyBelow = "only-below" // does nothing by itself
)

// writeHelp prints what a command does: in words, by example, and then what there is to know.
func writeHelp(cmd *cobra.Command, _ []string) {
	var b strings.Builder
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	b.WriteString(about + "\n\nUsage:\n")
	below := shownBelow(cmd)
	if cmd.Annotations[onlyBelow] == "" {
		b.WriteString("  " + cmd.UseLine() + "\n")
	}
	if len(below) > 0 {
		b.WriteString("  " + cmd.CommandPath() + " COMMAND\n")
	}
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n" + cmd.Example + "\n")
	}
	if len(below) > 0 {
		b.WriteString("\nCommands:\n")
		for _, c := range below {
			fmt.Fprintf(&b, "  %-10s %s\n", c.Name(), c.Short)
		}
	}
	b.WriteString("\nFlags:\n" + cmd.LocalFlags().FlagUsages())
	if text := cmd.Annotations[notes]; text != "" {
		b.WriteString("\n" + text + "\n")
	}
	if len(below) > 0 {
		fmt.Fprintf(&b, "\n%s COMMAND --help says more about a command.\n", cmd.CommandPath())
	}
	_ = writeOut(cmd.OutOrStdout(), b.String()) // Whoever closes it has read enough.
}

// shownBelow returns the commands below cmd that its help lists.
func shownBelow(cmd *cobra.Command) []*cobra.Command {
	var shown []*cobra.Command
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			shown = append(shown, c)
		}
	}
	return shown
}

// group makes a command one that is only there for those below it.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{onlyBelow: "yes"}
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// newHelpCmd is cobra's, except that an unknown command is an error.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show what a command does and which flags it has",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return noArgs(about, rest)
			}
			about.InitDefaultHelpFlag() // As when it is run.
			return about.Help()
		},
	}
}
