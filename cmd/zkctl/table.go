package main

import (
	"strings"
	"unicode/utf8"

	"github.com/zkkit/zkkit/internal/scenario"
)

// A table is text behind names, for people. It is not safe for concurrent use.
type table struct {
	strings.Builder
	names int // columns for the names
	width int // columns of it all
}

func newTable(style scenario.Style, names int) *table {
	width := style.Width
	if width == 0 {
		width = 100
	}
	return &table{names: names, width: max(width, 60)}
}

// row adds a name and its text, which may take several lines.
func (t *table) row(name, text string) {
	for _, line := range wrap(text, t.width-t.names) {
		line = name + strings.Repeat(" ", max(t.names-utf8.RuneCountInString(name), 1)) + line
		t.WriteString(strings.TrimRight(line, " ") + "\n")
		name = ""
	}
}

// wrap breaks text at spaces into lines of at most n columns, at least one.
func wrap(text string, n int) []string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return []string{""}
	}
	lines := words[:1:1]
	for _, word := range words[1:] {
		last := len(lines) - 1
		if utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) <= n {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
