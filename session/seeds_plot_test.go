package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

// A plot is one random story: a server, what happens to it, and what was seen of a client.
type plot struct {
	seed          uint64
	rnd           *rand.Rand // the story's own
	server        *zktest.Server
	start         time.Time
	tick, timeout time.Duration
	lag           atomic.Int64 // answers reach the client so much later than they are sent

	mu       sync.Mutex // guards below
	planned  map[zktest.Op]zktest.Fault
	stranded bool                  // writes are not acknowledged
	heard    map[int64][]time.Time // when requests of a session came
	dialled  time.Time
	sessions map[int64]*seenSession
	beliefs  []*belief
	excused  map[int64]time.Time // sessions that a server ended too soon, and when their clients must have noticed
	told     map[string]int
	trace    []string
	wrong    []string
}

// A belief is what a client thinks: that a znode is its own.
type belief struct {
	session int64
	path    string
	still   func() bool
	ended   bool // it was seen to be over
}

type seenSession struct {
	*session.Session
	lost error
}

func newPlot(t *testing.T, seed uint64) *plot {
	t.Helper()
	p := &plot{
		seed: seed, start: time.Now(), planned: make(map[zktest.Op]zktest.Fault), heard: make(map[int64][]time.Time), sessions: make(map[int64]*seenSession),
		excused: make(map[int64]time.Time), told: make(map[string]int),
	}
	p.rnd = p.random(0)
	p.tick = time.Duration(1+p.rnd.IntN(2)) * time.Second
	p.timeout = time.Duration(2+p.rnd.IntN(7)) * p.tick
	p.server = zktest.RunConfigT(t, zktest.Config{Tick: p.tick})
	p.server.OnRequest(p.onRequest)
	return p
}

// random returns a source for one goroutine, so that what one draws does not depend on when another does.
func (p *plot) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(p.seed, stream)) }

func between(rnd *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rnd.Int64N(int64(high-low)))
}

func (p *plot) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trace = append(p.trace, fmt.Sprintf("%12v  ", time.Since(p.start))+fmt.Sprintf(format, args...))
}

func (p *plot) count(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[what]++
}

func (p *plot) fault(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	p.note("WRONG: %s", what)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, fmt.Sprintf("%v: %s", time.Since(p.start), what))
}

// mark is part of the path of everything that is created in a session.
func mark(session int64) string { return fmt.Sprintf("of-%x-", uint64(session)) }

// misplaced reports whether path was meant for another session.
func misplaced(path string, session int64) bool {
	return strings.Contains(path, "of-") && !strings.Contains(path, mark(session))
}

// onRequest has the next request of a kind meet its fault.
func (p *plot) onRequest(r zktest.Request) zktest.Fault {
	if misplaced(r.Path, r.Session) {
		p.fault("%v of %s came in another session, %#x", r.Op, r.Path, r.Session)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard[r.Session] = append(p.heard[r.Session], time.Now())
	if p.stranded && r.Op != zktest.OpPing {
		return zktest.Hang()
	}
	f := p.planned[r.Op]
	delete(p.planned, r.Op)
	return f
}

// dial opens a connection whose answers may be late.
func (p *plot) dial(ctx context.Context, network, address string) (net.Conn, error) {
	p.mu.Lock()
	p.dialled = time.Now()
	p.mu.Unlock()
	conn, err := p.server.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &lagging{conn, &p.lag}, nil
}

type lagging struct {
	net.Conn
	lag *atomic.Int64
}

func (l *lagging) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if lag := l.lag.Load(); lag > 0 {
		time.Sleep(time.Duration(lag))
	}
	return n, err
}

// believe has somebody's belief watched from now on.
func (p *plot) believe(session int64, path string, still func() bool) {
	p.note("holds %s", path)
	p.count("held")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beliefs = append(p.beliefs, &belief{session: session, path: path, still: still})
}

// meet has a session watched from now on.
func (p *plot) meet(s *session.Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions[s.ID()] == nil {
		p.sessions[s.ID()] = &seenSession{Session: s}
	}
}

// look holds what the client believes against what the server knows. The server is asked first: what it has given up by then must not be believed in afterwards.
func (p *plot) look() {
	p.mu.Lock()
	beliefs, excused := slices.Clone(p.beliefs), p.excused
	var sessions []*seenSession
	for _, s := range p.sessions {
		sessions = append(sessions, s)
	}
	p.mu.Unlock()
	nodes := make(map[string]bool)
	for _, s := range p.server.Sessions() {
		for _, path := range s.Ephemerals {
			nodes[path] = true
			if misplaced(path, s.ID) {
				p.fault("%s was created in another session, %#x", path, s.ID)
			}
		}
	}
	for _, b := range beliefs {
		still := b.still()
		switch {
		case still && b.ended:
			p.fault("%s is un-lost", b.path)
		case !still && !b.ended:
			b.ended = true
		}
		switch {
		case nodes[b.path] || !still:
		case time.Now().Before(excused[b.session]):
			p.count("excused")
		default:
			p.fault("believes in %s, which is gone", b.path)
		}
	}
	for _, s := range sessions {
		err := s.Err()
		if s.lost != nil && (err != s.lost || s.State() != session.Lost) { //nolint:errorlint // the very same
			p.fault("session %#x is un-lost: %v, %v after %v", s.ID(), s.State(), err, s.lost)
		}
		s.lost = err
	}
}

// pass lets time pass, and looks right after each instant at which the server may end a session: those are its ticks.
func (p *plot) pass(d time.Duration) {
	for end := time.Now().Add(d); ; {
		next := p.start.Add((time.Since(p.start) - 1).Truncate(p.tick) + p.tick + 1)
		if !next.Before(end) {
			time.Sleep(time.Until(end))
			p.look()
			return
		}
		time.Sleep(time.Until(next))
		p.look()
	}
}

// calm ends all faults, and waits until the client holds something again.
func (p *plot) calm() {
	p.mu.Lock()
	p.stranded, p.planned = false, make(map[zktest.Op]zktest.Fault)
	before := p.told["held"]
	p.mu.Unlock()
	p.lag.Store(0)
	p.note("calm")
	soon := 4*p.timeout + longestHold
	for began := time.Now(); time.Since(began) < soon; {
		p.pass(p.timeout)
		p.mu.Lock()
		recovered := p.told["held"] > before
		p.mu.Unlock()
		if recovered {
			return
		}
	}
	p.fault("nothing is held %v after the last fault", soon)
}
