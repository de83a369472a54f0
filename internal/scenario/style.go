package scenario

import (
	"strings"
	"unicode/utf8"
)

// A Style says how text is drawn. It is a value; the zero Style draws 100 columns of Unicode without colour.
type Style struct {
	// Color turns on ANSI colours. Nothing is said by colour alone.
	Color bool
	// ASCII draws bars with ASCII characters only.
	ASCII bool
	// Width is the number of columns, 100 if it is 0, and never less than 60.
	Width int
}

func (s Style) width() int {
	if s.Width == 0 {
		return 100
	}
	return max(s.Width, 60)
}

// A tone is what a piece of text means, for which a style may have a colour.
type tone int

const (
	tonePlain  tone = iota
	toneDim         // of little interest
	toneBelief      // what a client thinks
	toneTruth       // what ZooKeeper says
	toneFault       // the cut and the heal
	toneGood        // an attempt that was kept out, a check that holds
	toneBad         // two owners, a stale write accepted, a check that failed
	toneStrong      // a heading
)

// paint wraps text in the colour of its tone.
func (s Style) paint(t tone, text string) string {
	if !s.Color || t == tonePlain || text == "" {
		return text
	}
	code := map[tone]string{
		toneDim: "2", toneBelief: "32", toneTruth: "36", toneFault: "33", toneGood: "1;32", toneBad: "1;31", toneStrong: "1",
	}[t]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// pad fills text up to n columns.
func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(text)))
}

// wrap breaks text into lines of at most n columns, at spaces. A word that is longer gets a line of its own.
func wrap(text string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= n:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
