package session_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

const longestHold = 20 * time.Second

// careful is a client of this package's, which holds one znode after the other, and creates others that nobody waits for.
func careful(renewal session.Renewal) func(p *plot) (leave func()) {
	return func(p *plot) func() {
		return carefulWith(p, renewal, func(l *session.Lease) bool { return l.Err() == nil })
	}
}

// forgetful believes in a lease that has ended every now and then.
func forgetful(p *plot) (leave func()) {
	return carefulWith(p, session.RenewByWrites, func(l *session.Lease) bool { return l.Err() == nil || time.Since(p.start)/p.tick%8 == 0 })
}

func carefulWith(p *plot, renewal session.Renewal, still func(l *session.Lease) bool) (leave func()) {
	rnd := p.random(1)
	cfg := session.Config{Servers: []string{"10.0.0.1:2181"}, Timeout: p.timeout, Dial: p.dial, Renewal: renewal, OnState: p.onState()}
	if rnd.IntN(2) == 0 {
		cfg.Tick = p.tick
	}
	ctx, cancel := context.WithCancel(context.Background())
	c, err := session.Open(ctx, cfg)
	if err != nil {
		p.fault("no session: %v", err)
		cancel()
		return func() {}
	}
	var wg sync.WaitGroup
	each := func(do func(s *session.Session)) {
		for ctx.Err() == nil {
			s, err := c.Session(ctx)
			if err != nil {
				return
			}
			p.meet(s)
			do(s)
		}
	}
	wg.Go(func() { each(func(s *session.Session) { p.hold(ctx, s, between(rnd, 0, longestHold), still) }) })
	wg.Go(func() {
		rnd := p.random(2)
		each(func(s *session.Session) {
			select {
			case <-time.After(between(rnd, 0, 2*p.timeout)):
			case <-ctx.Done():
				return
			}
			_, _ = s.Create(ctx, "/"+mark(s.ID()), nil, session.EphemeralSequential, nil)
		})
	})
	return func() {
		s, err := c.Session(ctx)
		cancel()
		wg.Wait()
		_ = c.Close()
		if err != nil || p.knows(s.ID()) {
			p.fault("the session outlived its client's Close")
		}
	}
}

// hold holds a znode for a while, or until it is lost.
func (p *plot) hold(ctx context.Context, s *session.Session, d time.Duration, still func(l *session.Lease) bool) {
	made, err := s.CreateProtected(ctx, "/", mark(s.ID()), nil, nil)
	if err != nil {
		return
	}
	l, err := s.Adopt(made)
	if err != nil || l.Hold(ctx) != nil {
		return
	}
	p.believe(s.ID(), l.Path(), func() bool { return still(l) })
	select {
	case <-l.Done():
		var lost *session.LostError
		switch {
		case errors.As(l.Err(), &lost):
			p.note("lost %s: %v", l.Path(), lost.Reason)
			p.count("lost: " + lost.Reason.Error())
		case errors.Is(l.Err(), session.ErrNodeGone) && !p.knows(s.ID()):
			p.count("lost with its session") // the event came before the end of the connection
		default:
			p.fault("lost %s, which nobody has deleted: %v", l.Path(), l.Err())
		}
	case <-time.After(d):
		l.Release()
		p.count("released")
		_ = s.Remove(ctx, l.Path())
	case <-ctx.Done():
		l.Release()
	}
}

// knows reports whether the server has a session.
func (p *plot) knows(id int64) bool {
	return slices.ContainsFunc(p.server.Sessions(), func(s zktest.SessionInfo) bool { return s.ID == id })
}

// onState returns what sees to it that nothing leads back from Lost.
func (p *plot) onState() func(session.Change) {
	var mu sync.Mutex
	lost := make(map[int64]bool)
	return func(c session.Change) {
		mu.Lock()
		defer mu.Unlock()
		if lost[c.SessionID] {
			p.fault("session %#x is un-lost: from %v to %v", c.SessionID, c.From, c.To)
		}
		lost[c.SessionID] = c.To == session.Lost
		p.note("%#x: %v (%v)", c.SessionID, c.To, c.Err)
		p.count(c.To.String())
	}
}

// stock is a client of go-zookeeper's as it is usually used: it believes until it is told that its session has expired.
func stock(p *plot) (leave func()) {
	var expired atomic.Int64
	conn, _, err := zk.Connect([]string{"10.0.0.1:2181", "10.0.0.2:2181"}, p.timeout,
		zk.WithDialer(func(network, address string, _ time.Duration) (net.Conn, error) {
			return p.dial(context.Background(), network, address)
		}),
		zk.WithEventCallback(func(ev zk.Event) {
			if ev.State == zk.StateExpired {
				expired.Add(1)
			}
		}), zk.WithLogger(silent{}), zk.WithLogInfo(false))
	if err != nil {
		p.fault("no session: %v", err)
		return func() {}
	}
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		rnd := p.random(1)
		for {
			epoch := expired.Load()
			if id := conn.SessionID(); id != 0 {
				if path, err := conn.Create("/"+mark(id), nil, zk.FlagEphemeralSequential, zk.WorldACL(zk.PermAll)); err == nil {
					p.believe(id, path, func() bool { return expired.Load() == epoch })
				}
			}
			select {
			case <-time.After(between(rnd, 0, p.timeout)):
			case <-over:
				return
			}
		}
	})
	return func() {
		close(over)
		conn.Close()
		wg.Wait()
	}
}

type silent struct{}

func (silent) Printf(string, ...any) {}
