package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/zkkit/zkkit/internal/scenario"
)

// columns returns how wide the terminal is that w writes to, and false if it does not write to one.
func columns(w io.Writer) (n int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0, false
	}
	return terminalColumns(f)
}

// When to write in colour.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

func colorFlag(cmd *cobra.Command, to *string) {
	newFlag(cmd, to, "color", "WHEN", colorAuto, "auto (on a terminal, unless NO_COLOR is set), always or never",
		oneOf(colorAuto, colorAlways, colorNever))
}

// styleFor returns how text for stdout is drawn.
func styleFor(c *console, color string) scenario.Style {
	width, terminal := columns(c.out)
	s := scenario.Style{Width: width, Color: color == colorAlways}
	if color == colorAuto {
		s.Color = terminal && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb"
	}
	return s
}
