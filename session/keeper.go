package session

import (
	"context"
	"errors"
	"time"

	"github.com/go-zookeeper/zk"
)

// maxChecks bounds how many held nodes one renewal checks. Any acknowledged write proves the session, and each node has its watch besides.
const maxChecks = 128

// run is the goroutine that owns the session from its first dial to the end of everything that it started.
func (s *Session) run(events <-chan zk.Event) {
	defer close(s.finished)
	s.keep()
	s.lastWords()
	s.mu.Lock()
	s.ended = true
	w := s.wire
	s.mu.Unlock()
	s.hosts.over.Store(true)
	s.hangUp()
	if w != nil {
		_ = w.Close()
	}
	closed := make(chan struct{})
	go func() { defer close(closed); s.conn.Close() }()
	for range events { // go-zookeeper closes the channel as the last thing it does
	}
	<-closed
	s.ops.Wait()
}

// keep renews what is held and watches the deadline, until the session is lost.
func (s *Session) keep() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.life.Done():
			return
		}
		s.expireIfDue()
		s.mu.Lock()
		now := s.clk.now()
		v := s.viewLocked()
		next := max(s.timeout/12, time.Millisecond)
		if s.id != 0 {
			next = min(next, v.deadline()-now)
		}
		var unwatched []*Lease
		for l := range s.leases {
			if l.held && !l.watched {
				unwatched = append(unwatched, l)
			}
		}
		var stuck, late *wire
		if s.up && now-s.connectSent > s.timeout/6 {
			late = s.wire
		}
		if v.holding && v.renewal == RenewByWrites && s.up {
			due := s.wrote + s.timeout/6 - now
			if due <= 0 && !s.beating {
				s.beating = true
				s.ops.Go(s.beat)
			} else if !s.beating {
				next = min(next, due)
			}
			// A server that has said nothing for a quarter of the timeout may be dead. Another connection may still save what is held;
			// go-zookeeper alone would look for one only after two thirds, when it is too late.
			if sent, ok := s.flight.oldest(); ok && now-max(sent, s.received) > s.timeout/4 {
				stuck = s.wire
			}
		}
		s.mu.Unlock()
		for _, l := range unwatched {
			s.goTracked(func() { _ = l.Watch(s.life) }) // a node that is gone ends its lease
		}
		if late != nil {
			late.restored()
		}
		if stuck != nil {
			_ = stuck.Close()
		}
		timer.Reset(max(next, time.Millisecond/2))
	}
}

// beat sends one renewal: a multi of checks on nodes that are held.
func (s *Session) beat() {
	s.mu.Lock()
	var held []*Lease
	for l := range s.leases {
		if l.held {
			held = append(held, l)
		}
	}
	if n := len(held); n > maxChecks {
		s.nextBeat = (s.nextBeat + maxChecks) % n
		held = append(held[s.nextBeat:], held[:s.nextBeat]...)[:maxChecks]
	}
	s.mu.Unlock()
	checks := make([]Op, len(held))
	for i, l := range held {
		checks[i] = Check(l.path, AnyVersion)
	}
	var err error
	if len(checks) > 0 {
		_, err = s.Multi(s.life, checks...)
	}
	var refused *MultiError
	if errors.As(err, &refused) && errors.Is(err, ErrNoNode) {
		held[refused.Index].fail(ErrNodeGone)
	} else if err != nil && answered(err) {
		s.log.Warn("a renewal was refused; the nodes held must be readable for their session", "err", err)
	}
	s.mu.Lock()
	s.beating = false
	s.mu.Unlock()
	s.nudge()
}

// lastWords lets the servers know of the end of a session that they may still believe in, so that what it held is free at once. A session that ended at its
// local deadline keeps trying to reconnect for that, as long as the servers can still know it and until its client is closed.
func (s *Session) lastWords() {
	s.mu.Lock()
	var lost *LostError
	tell := errors.As(s.err, &lost) && (errors.Is(lost.Reason, ErrDeadline) || errors.Is(lost.Reason, ErrClosed))
	wait := errors.Is(lost, ErrDeadline)
	limit := s.timeout + s.tickLocked()
	if s.id == 0 {
		tell = false
	}
	s.mu.Unlock()
	if !tell {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	farewell := (<-chan struct{})(s.farewell)
	poll := time.NewTicker(max(limit/50, time.Millisecond))
	defer poll.Stop()
	for patience := 5; ; {
		s.mu.Lock()
		up, w := s.up, s.wire
		s.mu.Unlock()
		if up {
			patience--
		}
		if up && (patience < 0 || w.settled()) {
			s.conn.Close() // sends closeSession and waits for its reply, for a second at the most
			return
		}
		if !up && !wait || s.hosts.over.Load() {
			return
		}
		select {
		case <-poll.C:
		case <-s.wake:
		case <-farewell:
			if !up {
				return
			}
			farewell = nil // contact is there: the last word takes no time
		case <-ctx.Done():
			return
		}
	}
}
