package main

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// A flagValue is a flag whose wrong values are answered with one line that says what is right.
type flagValue[T any] struct {
	to         *T
	name, noun string // "session", and "DURATION" in the help
	parse      func(string) (T, error)
}

// newFlag gives a command a flag, with a default that the help shows behind the first line, unless it is zero.
func newFlag[T any](cmd *cobra.Command, to *T, name, noun string, byDefault T, usage string, parse func(string) (T, error)) {
	*to = byDefault
	if !reflect.ValueOf(&byDefault).Elem().IsZero() {
		first, more, _ := strings.Cut(usage, "\n")
		usage = strings.TrimSpace(fmt.Sprintf("%s (default %v)\n%s", first, byDefault, more))
	}
	cmd.Flags().Var(&flagValue[T]{to, name, noun, parse}, name, usage)
}

// String is empty, as pflag would put it behind the last line of the help.
func (f *flagValue[T]) String() string { return "" }

// Type is what stands for the value in the help.
func (f *flagValue[T]) Type() string { return f.noun }

// Set takes the value, or returns a *scenario.UsageError and leaves the flag as it was.
func (f *flagValue[T]) Set(text string) error {
	v, err := f.parse(text)
	var usage *scenario.UsageError
	switch {
	case errors.As(err, &usage):
		return usage
	case err != nil:
		return usagef("--%s %q: %v", f.name, text, err)
	}
	*f.to = v
	return nil
}

// aDuration parses one above 0.
func aDuration(such string) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return 0, fmt.Errorf("want a duration above 0, such as %s", such)
		}
		return d, nil
	}
}

// wholeMillis parses a tick, which a server's configuration has in milliseconds.
func wholeMillis(text string) (time.Duration, error) {
	d, err := aDuration("200ms")(text)
	if err == nil && d%time.Millisecond != 0 {
		err = errors.New("want whole milliseconds, such as 200ms")
	}
	return d, err
}

// aCount parses a number of clients.
func aCount(least int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least {
			return 0, fmt.Errorf("want a whole number, at least %d", least)
		}
		return n, nil
	}
}

// aSeed parses any number, of which 0 stands for a random one.
func aSeed(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, errors.New("want a whole number, 0 for a random one")
	}
	return n, nil
}

// aLockPath parses a path by the rules of ZooKeeper.
func aLockPath(text string) (string, error) {
	err := errors.New("want an absolute path such as /locks/orders")
	elements, absolute := strings.CutPrefix(text, "/")
	if !absolute || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == utf8.RuneError || unicode.IsControl(r) }) {
		return "", err
	}
	for i, element := range strings.Split(elements, "/") {
		switch {
		case element == "" || element == "." || element == "..":
			return "", err
		case i == 0 && element == "zookeeper":
			return "", errors.New("what is below /zookeeper belongs to the server; " + err.Error())
		}
	}
	return text, nil
}

// aName parses anything but nothing.
func aName(text string) (string, error) {
	if text == "" {
		return "", errors.New("want the name of a directory")
	}
	return text, nil
}

// aURL parses that of an HTTP server.
func aURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("want a URL such as http://127.0.0.1:8474")
	}
	return text, nil
}

// oneOf parses a name.
func oneOf[T ~string](names ...T) func(string) (T, error) {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = string(n)
	}
	return func(text string) (T, error) {
		for _, n := range names {
			if string(n) == text {
				return n, nil
			}
		}
		want := "want one of " + strings.Join(all, ", ")
		return "", errors.New(strings.TrimSuffix(want+"; "+didYouMean(text, "", all, ""), "; "))
	}
}

// flagError turns what pflag says into one line with a way out.
func flagError(cmd *cobra.Command, err error) error {
	var usage *scenario.UsageError
	if errors.As(err, &usage) {
		return usage
	}
	if args := cmd.Flags().Args(); len(args) > 0 && cmd.HasAvailableSubCommands() {
		return noArgs(cmd, args) // The command is wrong, and so its flags are unknown.
	}
	text, help := err.Error(), "see "+cmd.CommandPath()+" --help"
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return usagef("%s needs a value: %s", name, help)
	}
	name, unknown := strings.CutPrefix(text, "unknown flag: ")
	if m := shorthand.FindStringSubmatch(text); m != nil {
		name, unknown = m[1], true
	}
	if unknown {
		return usagef("unknown flag %s for %s: %s", name, cmd.CommandPath(), didYouMean(strings.TrimLeft(name, "-"), "--", flagNames(cmd), help))
	}
	return usagef("%s: %s", text, help)
}

var (
	shorthand = regexp.MustCompile(`^unknown shorthand flag: .* in (-\S*)$`)
	flagName  = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([\w-]+)`)
)

// flagNames reads the flags of a command out of its help.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	for _, m := range flagName.FindAllStringSubmatch(cmd.Flags().FlagUsages(), -1) {
		names = append(names, m[1])
	}
	return names
}

// noArgs refuses arguments: what stands there is a misspelt command, or too much.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			names = append(names, c.Name())
		}
	}
	help := "see " + cmd.CommandPath() + " --help"
	if len(names) == 0 {
		return usagef("%s takes no arguments, and here is %q: %s", cmd.CommandPath(), args[0], help)
	}
	return usagef("unknown command %q for %s: %s", args[0], cmd.CommandPath(), didYouMean(args[0], "", names, help))
}
