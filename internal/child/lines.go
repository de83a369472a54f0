package child

import (
	"bytes"
	"sync"
)

const lineBytes = 4096

// Lines keeps the last lines written to it: the log of a process. It is an [io.Writer] that never fails, and safe for concurrent use. [NewLines] makes one.
type Lines struct {
	mu      sync.Mutex // guards all below
	lines   []string   // Line number n is at n modulo the length.
	written int        // Lines ever completed.
	partial []byte
}

// NewLines returns Lines that keep as many.
func NewLines(size int) *Lines { return &Lines{lines: make([]string, size)} }

// Write splits b into lines. A line that is longer than 4096 bytes is cut.
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		line, rest, complete := bytes.Cut(b, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), lineBytes-len(l.partial))]...)
		if complete {
			l.lines[l.written%len(l.lines)] = string(bytes.TrimSuffix(l.partial, []byte{'\r'}))
			l.written++
			l.partial = l.partial[:0]
		}
		b = rest
	}
	return n, nil
}

// Total returns the number of lines ever completed: a place to read from later.
func (l *Lines) Total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// Since returns the lines from number from on, as far as they are still there, and a last one that is not complete. The slice is the caller's.
func (l *Lines) Since(from int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for n := max(from, l.written-len(l.lines)); n < l.written; n++ {
		lines = append(lines, l.lines[n%len(l.lines)])
	}
	if len(l.partial) > 0 {
		lines = append(lines, string(l.partial))
	}
	return lines
}
