package partition

import (
	"sync"
	"sync/atomic"
)

// A mode is what one stream of a link does with bytes and closes.
type mode uint8

const (
	modePass mode = iota // forward them
	modeDrop             // lose them
	modeJam              // hold them
)

var modeNames = [...]string{modePass: "pass", modeDrop: "drop", modeJam: "jam"}

func (m mode) String() string { return modeNames[m] }

func parseMode(s string) (mode, error) {
	for m, name := range modeNames {
		if s == name {
			return mode(m), nil
		}
	}
	return modePass, &UnknownNameError{What: "mode", Name: s, Valid: modeNames[:]}
}

// The two streams of a link, as indices of modes.
const (
	toServer = iota
	fromServer
)

// modes is the mode of each stream, indexed by toServer and fromServer.
type modes [2]mode

// open reports whether both streams pass: only then a connection can be made, since a handshake needs both.
func (m modes) open() bool { return m == modes{} }

// A phase is the time between two changes of a valve. All but over is constant.
type phase struct {
	modes modes
	drops [2]uint64     // how many phases up to and including this one dropped this stream
	over  chan struct{} // closed when the next phase has begun
}

// A valve is the one place that says what the streams of a link do now. Both change at one instant. The zero valve passes.
// It is safe for concurrent use and must not be copied.
type valve struct {
	mu  sync.Mutex // held by who makes the next phase
	cur atomic.Pointer[phase]
}

// now returns the phase that holds. It never blocks.
func (v *valve) now() *phase {
	if ph := v.cur.Load(); ph != nil {
		return ph
	}
	v.cur.CompareAndSwap(nil, &phase{over: make(chan struct{})})
	return v.cur.Load()
}

// set begins a phase with these modes, and tells everybody who waits in the one before.
func (v *valve) set(m modes) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.now()
	next := &phase{modes: m, drops: old.drops, over: make(chan struct{})}
	for i := range m {
		if m[i] == modeDrop {
			next.drops[i]++
		}
	}
	v.cur.Store(next)
	close(old.over)
}
