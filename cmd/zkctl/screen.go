package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"
)

// A screen writes what a run has to say to stdout, and on stderr, if that is a terminal, keeps one line that says what it is doing.
//
// Nobody who prints ever waits for a slow terminal or pipe: what they measure must not depend on it. If stdout cannot be written, the
// function given to newScreen is told, once, and the rest is dropped. A screen is safe for concurrent use, and closed by whoever made it.
type screen struct {
	out, err io.Writer
	progress bool
	failed   func(error)
	wake     chan struct{}
	done     chan struct{}

	mu      sync.Mutex // guards all below
	queue   []printed
	leftOut int // lines, since the last that was not
	leftErr bool
	phase   phase
	closed  bool
	broken  error
}

// A printed text goes to stdout, or to stderr.
type printed struct {
	text  string
	toErr bool
}

// A phase is what a run is doing, and for how long it will.
type phase struct {
	text  string
	since time.Time
	of    time.Duration // 0 if that is not known
}

// at is the progress line at a time: "cut for 1.4s of 3s".
func (p phase) at(now time.Time) string {
	if p.of == 0 {
		return p.text
	}
	return fmt.Sprintf("%s %.1fs of %v", p.text, min(now.Sub(p.since), p.of).Seconds(), p.of)
}

// queueLimit is how much may wait to be written before what programs print is left out.
const queueLimit = 10_000

// redrawEvery is how often the progress line is written anew.
const redrawEvery = 100 * time.Millisecond

func newScreen(out, err io.Writer, progress bool, failed func(error)) *screen {
	s := &screen{out: out, err: err, progress: progress, failed: failed, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.draw()
	return s
}

// print writes text, later.
func (s *screen) print(text string) { s.enqueue(printed{text: text}) }

// printSome writes text later, to stderr if wanted, unless too much is waiting already: then it is left out, and how much that was is said.
func (s *screen) printSome(text string, toErr bool) {
	s.mu.Lock()
	if len(s.queue) >= queueLimit {
		s.leftOut, s.leftErr = s.leftOut+1, toErr
	} else {
		s.confessLocked()
		s.queue = append(s.queue, printed{text: text, toErr: toErr})
	}
	s.mu.Unlock()
	s.poke()
}

// confessLocked says how much was left out.
func (s *screen) confessLocked() {
	if s.leftOut > 0 {
		s.queue = append(s.queue, printed{text: fmt.Sprintf("(%d lines were left out)\n", s.leftOut), toErr: s.leftErr})
		s.leftOut = 0
	}
}

func (s *screen) enqueue(p printed) {
	s.mu.Lock()
	s.queue = append(s.queue, p)
	s.mu.Unlock()
	s.poke()
}

// doing changes the progress line.
func (s *screen) doing(text string, of time.Duration) {
	s.mu.Lock()
	s.phase = phase{text, time.Now(), of}
	s.mu.Unlock()
	s.poke()
}

// close returns when all is written, or what kept it from being written. Once ctx has ended it waits no longer than a second: nobody may
// read any more. Nothing may be printed afterwards.
func (s *screen) close(ctx context.Context) error {
	s.mu.Lock()
	s.confessLocked()
	s.closed = true
	s.mu.Unlock()
	s.poke()
	select {
	case <-s.done:
	case <-ctx.Done():
		patience := time.NewTimer(time.Second)
		defer patience.Stop()
		select {
		case <-s.done:
		case <-patience.C:
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

func (s *screen) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// draw is the goroutine that writes.
func (s *screen) draw() {
	defer close(s.done)
	redraw := time.NewTicker(redrawEvery)
	defer redraw.Stop()
	shown := ""
	for {
		s.mu.Lock()
		queue, closed := s.queue, s.closed
		s.queue = nil
		line := ""
		if s.progress && !closed && s.phase.text != "" {
			line = s.phase.at(time.Now())
		}
		s.mu.Unlock()
		if shown != "" && (len(queue) > 0 || line != shown) {
			fmt.Fprint(s.err, "\r\x1b[K")
			shown = ""
		}
		for _, p := range queue {
			if p.toErr {
				fmt.Fprint(s.err, p.text)
			} else {
				s.write(p.text)
			}
		}
		if line != shown {
			fmt.Fprint(s.err, line)
			shown = line
		}
		if closed {
			return
		}
		select {
		case <-s.wake:
		case <-redraw.C:
		}
	}
}

// write writes to stdout, until that fails for the first time.
func (s *screen) write(text string) {
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		return
	}
	if err := writeOut(s.out, text); err != nil {
		s.mu.Lock()
		s.broken = err
		s.mu.Unlock()
		s.failed(err)
	}
}

// writeOut writes to stdout. It fails with a *scenario.EnvironmentError.
func writeOut(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return environmentf("cannot write to standard output: %w", cause(err))
	}
	return nil
}

// cause is what the operating system said, without the operation and the file.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
