package ensemble

import (
	"bytes"
	"sync"
)

const (
	logLines     = 200
	logLineBytes = 4096
	exitLogLines = 20
)

// A ring keeps the last lines written to it. It is an io.Writer that never fails.
type ring struct {
	mu      sync.Mutex // guards all below
	lines   []string   // Line number n is at n modulo the length.
	written int        // Lines ever completed.
	partial []byte
}

func newRing(size int) *ring { return &ring{lines: make([]string, size)} }

// Write splits b into lines. A line that is longer than 4096 bytes is cut.
func (r *ring) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		line, rest, complete := bytes.Cut(b, []byte{'\n'})
		r.partial = append(r.partial, line[:min(len(line), logLineBytes-len(r.partial))]...)
		if complete {
			r.lines[r.written%len(r.lines)] = string(bytes.TrimSuffix(r.partial, []byte{'\r'}))
			r.written++
			r.partial = r.partial[:0]
		}
		b = rest
	}
	return n, nil
}

// total returns the number of lines ever completed: a place to read from later.
func (r *ring) total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written
}

// since returns the lines from number from on, as far as they are still there, and a last one that is not complete.
func (r *ring) since(from int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for n := max(from, r.written-len(r.lines)); n < r.written; n++ {
		lines = append(lines, r.lines[n%len(r.lines)])
	}
	if len(r.partial) > 0 {
		lines = append(lines, string(r.partial))
	}
	return lines
}
