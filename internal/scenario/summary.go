package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// VerdictText returns the verdict with its reasons, and every failed check with what was wanted and what was got, each line with a newline.
func VerdictText(r Result, s Style) string {
	var b strings.Builder
	t := toneBad
	if r.Verdict == Safe {
		t = toneGood
	} else if r.Verdict != Violated {
		t = toneFault
	}
	head := fmt.Sprintf("VERDICT  %s (exit %d)", strings.ToUpper(string(r.Verdict)), r.Exit)
	fmt.Fprintln(&b, s.paint(t, head))
	for _, reason := range r.Reasons {
		if slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.OK && c.Got == reason }) {
			continue // said below
		}
		for i, line := range wrap(reason, s.width()-11) {
			fmt.Fprintf(&b, "         %s %s\n", map[bool]string{true: "-", false: " "}[i == 0], line)
		}
	}
	for _, c := range r.Checks {
		if c.OK {
			continue
		}
		fmt.Fprintf(&b, "%s\n", s.paint(t, fmt.Sprintf("FAILED   %s (%s)", c.Name, c.Kind)))
		for _, row := range []struct{ name, text string }{{"want", c.Want}, {"got", c.Got}} {
			for i, line := range wrap(row.text, s.width()-15) {
				fmt.Fprintf(&b, "         %s %s\n", pad(map[bool]string{true: row.name, false: ""}[i == 0], 5), line)
			}
		}
	}
	return b.String()
}
