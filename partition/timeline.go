package partition

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zkkit/zkkit/fence"
)

// What a network itself records, with the name of the link as Who.
const (
	EventCut  = "cut"
	EventHeal = "heal"
)

// An Event is something that happened to somebody. The zero Event is empty. It is a value, safe to copy.
type Event struct {
	At     time.Time   // on the monotonic clock of this process
	Who    string      // who saw or did it: a link, a client, an observer
	What   string      // what happened, in a word or two
	Token  fence.Token // the token that it was about, zero if none
	Detail string      // the rest, for people
}

// String returns the event without its time.
func (e Event) String() string {
	s := fmt.Sprintf("%s: %s", e.Who, e.What)
	if !e.Token.IsZero() {
		s += " token " + e.Token.String()
	}
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}

// A Timeline records events of many goroutines on one clock. The zero Timeline is empty and ready. A Timeline is safe for concurrent
// use and must not be copied.
type Timeline struct {
	telling sync.Mutex // held while an event is added and its listeners told, so that they see one order

	mu        sync.Mutex // guards events and listeners
	events    []Event
	listeners []*listener
}

type listener struct{ tell func(Event) }

// Record adds an event and returns it. If At is zero it becomes now. Record blocks until the functions given to [Timeline.OnEvent] have
// returned.
func (t *Timeline) Record(e Event) Event {
	t.telling.Lock()
	defer t.telling.Unlock()
	if e.At.IsZero() {
		e.At = time.Now()
	}
	t.mu.Lock()
	t.events = append(t.events, e)
	listeners := slices.Clone(t.listeners)
	t.mu.Unlock()
	for _, l := range listeners {
		l.tell(e)
	}
	return e
}

// Events returns a copy of all events, by time, and in the order of recording where the times are equal.
func (t *Timeline) Events() []Event {
	t.mu.Lock()
	events := slices.Clone(t.events)
	t.mu.Unlock()
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	return events
}

// OnEvent has fn called with every event from now on, one at a time, in the order of recording. fn should return quickly, may call
// [Timeline.Events], and must not call Record, OnEvent or stop. After stop has returned, fn is not called any more.
func (t *Timeline) OnEvent(fn func(Event)) (stop func()) {
	l := &listener{tell: fn}
	t.telling.Lock()
	defer t.telling.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listeners = append(t.listeners, l)
	return func() {
		t.telling.Lock()
		defer t.telling.Unlock()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.listeners = slices.DeleteFunc(slices.Clone(t.listeners), func(other *listener) bool { return other == l })
	}
}
