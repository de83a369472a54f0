package session_test

import (
	"slices"
	"time"

	"github.com/zkkit/zkkit/zktest"
)

// A fault is one thing that happens to the client, from beginning to end.
type fault struct {
	name string
	do   func(p *plot)
}

func faults() []fault {
	return []fault{
		{"connection dropped", func(p *plot) { p.server.DropAll() }},
		{"server restarted", func(p *plot) { p.server.Restart() }},
		{"short freeze", func(p *plot) { p.freeze(between(p.rnd, time.Millisecond, p.timeout)) }},
		{"long freeze", func(p *plot) { p.freeze(between(p.rnd, p.timeout, 3*p.timeout)) }},
		{"short refusal", func(p *plot) { p.refuse(between(p.rnd, time.Millisecond, p.timeout)) }},
		{"long refusal", func(p *plot) { p.refuse(between(p.rnd, p.timeout, 3*p.timeout)) }},
		{"request lost", func(p *plot) { p.plan(zktest.LoseRequest()) }},
		{"reply lost", func(p *plot) { p.plan(zktest.LoseReply()) }},
		{"request delayed", func(p *plot) { p.plan(zktest.Delay(between(p.rnd, time.Millisecond, 2*p.timeout))) }},
		{"answers delayed", func(p *plot) {
			p.lag.Store(int64(between(p.rnd, time.Millisecond, p.timeout)))
			p.pass(between(p.rnd, time.Millisecond, 2*p.timeout))
			p.lag.Store(0)
		}},
		{"expired at will", (*plot).expire},
		{"cut off from the leader", func(p *plot) { p.strand(between(p.rnd, time.Millisecond, 3*p.timeout)) }},
	}
}

func faultNames() (names []string) {
	for _, f := range faults() {
		names = append(names, f.name)
	}
	return names
}

// rage is a minute of faults, or more.
func (p *plot) rage() {
	all := faults()
	for time.Since(p.start) < time.Minute {
		if p.rnd.IntN(4) > 0 { // else one comes right after the other
			p.pass(between(p.rnd, time.Millisecond, 2*p.timeout))
		}
		f := all[p.rnd.IntN(len(all))]
		p.note("%s", f.name)
		p.count(f.name)
		f.do(p)
		p.look()
	}
}

func (p *plot) freeze(d time.Duration) {
	p.server.Freeze()
	p.pass(d)
	p.server.Thaw()
	p.note("thawed")
}

func (p *plot) refuse(d time.Duration) {
	p.server.Refuse(true)
	p.server.DropAll()
	p.pass(d)
	p.server.Refuse(false)
	p.note("reachable")
}

// plan gives the next request of some kind a fault.
func (p *plot) plan(f zktest.Fault) {
	kinds := []zktest.Op{zktest.OpCreate, zktest.OpCreate2, zktest.OpMulti, zktest.OpPing, zktest.OpDelete, zktest.OpSetWatches, zktest.OpGetChildren2, zktest.OpSync}
	op := kinds[p.rnd.IntN(len(kinds))]
	p.note("... of the next %v", op)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned[op] = f
}

// expire ends a session before its time, as an administrator can. No client can know that before it hears of it, or has heard nothing for too long.
func (p *plot) expire() {
	all := p.server.Sessions()
	if len(all) == 0 {
		return
	}
	id := all[p.rnd.IntN(len(all))].ID
	if p.rnd.IntN(2) == 0 {
		p.server.Refuse(true)
		defer p.server.Refuse(false)
	}
	p.mu.Lock()
	p.excused[id] = time.Now().Add(p.timeout)
	p.mu.Unlock()
	p.server.Expire(id)
	p.pass(between(p.rnd, time.Millisecond, 2*p.timeout))
}

// strand makes the server a follower that has lost its leader: pings are answered, nothing else is, and nobody can connect. The leader ends the sessions
// that it knows to be connected there, at the earliest moment at which it may: it has heard of what the follower had received when it last reported, up to half a
// tick before the cut.
func (p *plot) strand(d time.Duration) {
	end, reported := time.Now().Add(d), time.Now().Add(-time.Duration(p.rnd.Int64N(int64(p.tick/2)+1)))
	p.server.Refuse(true)
	p.mu.Lock()
	p.stranded = true
	p.mu.Unlock()
	for _, s := range p.server.Sessions() {
		if due := p.due(s.ID, reported); s.Connected && due.Before(end) {
			p.pass(time.Until(due))
			if p.server.Expire(s.ID) {
				p.note("expired by its leader")
				p.count("expired by a leader out of reach")
			}
			p.look()
		}
	}
	p.pass(time.Until(end))
	p.mu.Lock()
	p.stranded = false
	p.mu.Unlock()
	p.server.Refuse(false)
	p.server.DropAll()
	p.note("back at its leader")
}

// due returns when a leader that was reported to at a time ends a session. Whoever connects is heard of at once.
func (p *plot) due(id int64, reported time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	heard := p.dialled
	for _, at := range slices.Backward(p.heard[id]) {
		if !at.After(reported) {
			if at.After(heard) {
				heard = at
			}
			break
		}
	}
	at := heard.Sub(p.start) + p.timeout
	return p.start.Add(at.Truncate(p.tick) + p.tick)
}
