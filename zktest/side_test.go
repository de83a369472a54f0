package zktest_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// A side is one of the two servers that are compared: its connections and sessions, of which the numbers are the same on both.
type side struct {
	name     string
	addr     string
	peers    []*peer
	ordinals map[int64]int                            // Of the ids of all sessions that there were.
	gone     []*peer                                  // Sessions that were closed.
	alter    func(p *peer, answers []answer) []answer // What a mutant does.
}

// A peer is one client: its connection and its session.
type peer struct {
	link     *link
	session  int64
	password []byte
}

func newSide(name, addr string) *side {
	return &side{name: name, addr: addr, ordinals: map[int64]int{}}
}

func (s *side) close() {
	for _, p := range s.peers {
		if p.link != nil {
			p.link.conn.Close()
		}
	}
}

// connect makes a connection for a peer, which replaces the one that it has, and returns what came of it. The answer of a server that refuses the session is
// followed by the connection's end.
func (s *side) connect(p *peer, w wish) ([]answer, error) {
	l, g, err := connect(s.addr, w)
	if errors.Is(err, io.EOF) {
		return s.seen(p, []answer{{what: closed}}), nil
	}
	if err != nil {
		return nil, err
	}
	p.link = l
	answers := []answer{s.granted(g)}
	if g.session == 0 {
		return append(s.seen(p, answers), s.end(p)...), nil
	}
	p.session, p.password = g.session, g.password
	return s.seen(p, answers), nil
}

// granted takes apart the answer to a connect.
func (s *side) granted(g granted) answer {
	if _, known := s.ordinals[g.session]; !known && g.session != 0 {
		s.ordinals[g.session] = len(s.ordinals) + 1
	}
	zero := !slices.ContainsFunc(g.password, func(b byte) bool { return b != 0 })
	a := answer{what: opened}
	a.add(field{name: "protocol", num: int64(g.protocol)}, field{name: "timeout", num: int64(g.timeout)}, field{name: "session", kind: owner, num: g.session},
		field{name: "password", kind: text, text: fmt.Sprintf("%d bytes, zero=%v", len(g.password), zero)}, field{name: "readOnly", kind: text, text: fmt.Sprint(g.readOnly)})
	if len(g.rest) > 0 {
		a.add(field{name: "leftover", kind: leftover, text: fmt.Sprintf("%x", g.rest)})
	}
	return a
}

// replies reads until the last of the calls is answered, or the connection ends.
func (s *side) replies(p *peer, calls []call) []answer {
	var answers []answer
	for next := 0; next < len(calls); {
		a, more := p.read(&calls[next])
		answers = append(answers, a)
		if !more {
			break
		}
		if a.what == reply {
			next++
		}
	}
	return s.seen(p, answers)
}

// end reads until the server closes the connection, and closes it here.
func (s *side) end(p *peer) []answer {
	defer p.link.conn.Close()
	var answers []answer
	for {
		a, more := p.read(nil)
		answers = append(answers, a)
		if !more {
			return s.seen(p, answers)
		}
	}
}

// read returns what the connection receives next, and false when nothing follows it. next is the oldest call that waits for its reply, nil if none does.
func (p *peer) read(next *call) (answer, bool) {
	b, err := p.link.receive()
	switch {
	case errors.Is(err, io.EOF):
		return answer{what: closed}, false
	case err != nil:
		return answer{what: nothing, fields: []field{{name: "why", kind: text, text: err.Error()}}}, false
	}
	return newAnswer(b, next), true
}

// seen returns the answers as they are compared.
func (s *side) seen(p *peer, answers []answer) []answer {
	if s.alter != nil {
		answers = s.alter(p, answers)
	}
	for i := range answers {
		for _, t := range tolerances() {
			if t.normalise != nil {
				t.normalise(s, &answers[i])
			}
		}
	}
	return answers
}
