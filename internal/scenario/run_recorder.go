package scenario

import (
	"slices"
	"sync"
	"time"
)

// recorder writes down what happens, in the order in which it is told. Times become relative to the cut once that is known; until then nothing is shown.
// It is safe for concurrent use.
type recorder struct {
	show func(Event) // called in order, one at a time; may be nil

	mu     sync.Mutex // guards all below
	events []stamped
	shown  int
	zero   time.Time
}

type stamped struct {
	at time.Time
	Event
}

// add records e as having happened at t.
func (r *recorder) add(t time.Time, e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, stamped{t, e})
	r.showLocked()
}

// now records e as happening now.
func (r *recorder) now(e Event) { r.add(time.Now(), e) }

// start makes t the time that all others are relative to.
func (r *recorder) start(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.zero = t
	r.showLocked()
}

// started reports whether start was called.
func (r *recorder) started() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.zero.IsZero()
}

// mute shows nothing any more: what comes is the clearing up.
func (r *recorder) mute() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.show = nil
}

func (r *recorder) showLocked() {
	if r.zero.IsZero() || r.show == nil {
		return
	}
	for ; r.shown < len(r.events); r.shown++ {
		r.show(r.relativeLocked(r.events[r.shown]))
	}
}

func (r *recorder) relativeLocked(s stamped) Event {
	e := s.Event
	e.AtMs = Ms(s.at.Sub(r.zero))
	return e
}

// all returns the events so far, in the order in which they were recorded; when there was no cut, relative to the first.
func (r *recorder) all() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.zero.IsZero() && len(r.events) > 0 {
		r.zero = slices.MinFunc(r.events, func(a, b stamped) int { return a.at.Compare(b.at) }).at
	}
	all := make([]Event, len(r.events))
	for i, s := range r.events {
		all[i] = r.relativeLocked(s)
	}
	return all
}
