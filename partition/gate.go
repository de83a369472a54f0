package partition

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

const (
	gateType = "gate"

	// gateHolds bounds the bytes that a jammed gate takes in for one stream of one connection. What comes after them waits in the
	// sender's socket, as it would behind a full network.
	gateHolds = 1 << 20

	// gateFlush bounds how long the removal of a gate waits for a reader of what it held.
	gateFlush = time.Second
)

// RegisterGate makes the toxic type "gate" known to the Toxiproxy server library of this process. [New] does so itself; it is exported
// for programs that serve Toxiproxy's HTTP API and want to offer the gate to a [Network] in another process. It may be called often.
//
// The gate has one attribute, mode: "pass" (the default), "drop" or "jam", for its stream. Meant to be added once and then updated.
// drop loses bytes; a close does not cross it; a connection that lived through it is closed when the mode changes back. jam holds
// bytes and closes, and delivers them in order when the mode changes back.
func RegisterGate() { registerGate() }

var registerGate = sync.OnceFunc(func() { toxics.Register(gateType, new(gate)) })

// gate is the toxic. One gate serves one stream of all connections of a proxy:
//
//	socket > noop > gate > socket
//	                 ^
//	               valve
//
// What it does is decided by its valve and nothing else, so a change reaches all connections at once, without Toxiproxy's way of
// stopping and replacing the toxics of each. The zero gate has a valve of its own, which its JSON attributes set; a proxy of this
// process gives both its gates one valve.
type gate struct {
	own    valve
	shared *valve // nil: own decides; set before the first connection, if at all
	stream int    // which of the shared valve's modes is ours
}

func (g *gate) valve() *valve {
	if g.shared != nil {
		return g.shared
	}
	return &g.own
}

type gateAttributes struct {
	Mode string `json:"mode"`
}

// MarshalJSON returns the attributes as Toxiproxy's API shows them.
func (g *gate) MarshalJSON() ([]byte, error) {
	return json.Marshal(gateAttributes{Mode: g.valve().now().modes[g.stream].String()})
}

// UnmarshalJSON sets the mode; attributes without one leave it as it is. Toxiproxy calls it on a gate at work.
func (g *gate) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var a gateAttributes
	if err := json.Unmarshal(b, &a); err != nil {
		return fmt.Errorf("partition: the attributes of a gate: %w", err)
	}
	if a.Mode == "" {
		return nil
	}
	m, err := parseMode(a.Mode)
	if err != nil {
		return err
	}
	if g.own.now().modes[g.stream] != m {
		g.own.set(modes{m, m})
	}
	return nil
}

// A gateState is what a gate knows of one connection. Toxiproxy keeps it while it stops and restarts Pipe.
type gateState struct {
	held  []*stream.StreamChunk // not forwarded yet, oldest first
	bytes int                   // in held
	eof   bool                  // the input has ended, after held
	lost  bool                  // was made or seen in a drop
	drops uint64                // drops there had been when the connection was made
}

// NewState makes the state of a connection.
func (g *gate) NewState() interface{} {
	ph := g.valve().now()
	return &gateState{lost: ph.modes[g.stream] == modeDrop, drops: ph.drops[g.stream]}
}

// broken reports whether the connection lived through a drop, even one too short for Pipe to see.
func (s *gateState) broken(ph *phase, stream int) bool {
	return s.lost || s.drops != ph.drops[stream]
}

func (s *gateState) take(c *stream.StreamChunk) {
	if c == nil {
		s.eof = true
		return
	}
	s.held = append(s.held, c)
	s.bytes += len(c.Data)
}

func (s *gateState) forwarded() {
	s.bytes -= len(s.held[0].Data)
	s.held = s.held[1:]
}

// Pipe serves one connection until it ends or Toxiproxy interrupts it. It only ever blocks in the one select below, where a change of
// mode and an interrupt reach it; after it has closed its output, which makes interrupts needless, it reads its input to the end.
func (g *gate) Pipe(stub *toxics.ToxicStub) {
	s, ok := stub.State.(*gateState)
	if !ok {
		s = g.NewState().(*gateState)
		stub.State = s
	}
	for {
		var (
			ph   = g.valve().now()
			in   = stub.Input
			out  chan<- *stream.StreamChunk
			head *stream.StreamChunk
		)
		switch m := ph.modes[g.stream]; {
		case m == modeDrop:
			s.lost, s.held, s.bytes = true, nil, 0
		case m == modeJam:
			if s.bytes >= gateHolds {
				in = nil
			}
		case s.broken(ph, g.stream):
			stub.Close()
			s.discard(stub.Input)
			return
		case len(s.held) > 0:
			in, out, head = nil, stub.Output, s.held[0]
		case s.eof:
			stub.Close()
			return
		}
		if s.eof {
			in = nil // a closed channel would be ready for ever
		}
		select {
		case <-stub.Interrupt:
			return
		case <-ph.over:
		case c := <-in:
			s.take(c)
		case out <- head:
			s.forwarded()
		}
	}
}

// discard reads what the toxic before writes until it ends, so that it can end.
func (s *gateState) discard(input <-chan *stream.StreamChunk) {
	for !s.eof {
		s.eof = <-input == nil
	}
}

// Cleanup runs when the gate is removed through the API: it does what a change to "pass" does, except that it waits no longer than
// gateFlush for somebody to take what was held; then the connection is closed, rather than left with a hole in its stream.
func (g *gate) Cleanup(stub *toxics.ToxicStub) {
	s, ok := stub.State.(*gateState)
	if !ok {
		return
	}
	ph := g.valve().now()
	whole := ph.modes[g.stream] != modeDrop && !s.broken(ph, g.stream)
	for deadline := time.Now().Add(gateFlush); whole && len(s.held) > 0; {
		// A timeout of 0 would mean for ever.
		if stub.WriteOutput(s.held[0], max(time.Until(deadline), time.Nanosecond)) != nil {
			whole = false
			break
		}
		s.forwarded()
	}
	if whole && !s.eof {
		return
	}
	stub.Close()
	go s.discard(stub.Input) // ends with the connection, whose source Toxiproxy closes
}
