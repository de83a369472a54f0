package zktest_test

import "fmt"

// What a client does with its connection and its session. Each of these begins with a ping that collects what the client has not read yet, since what a
// server has not sent when a connection ends is lost or is not, as it happens.

// timeouts are those that clients ask for, all of them long: no session ends by itself.
var timeouts = []int32{0, 1000, 700_000, 3_000_000, 1 << 30, -1}

// ping compares what a client has received until now.
func (d *duel) ping(i int) error { return d.exchange(i, []call{{op: opPing, xid: xidPing}}) }

// open gives a client a new session.
func (d *duel) open(i int) error {
	w := wish{timeout: pick(d.gen, timeouts), password: make([]byte, 16)}
	d.note("client %d: a new session, %+v", i, w)
	return d.connect(i, func(*peer) wish { return w })
}

// connect connects a client on both sides.
func (d *duel) connect(i int, w func(p *peer) wish) error {
	return d.on(func(s *side) ([]answer, error) { return s.connect(s.peers[i], w(s.peers[i])) })
}

// on compares what the same thing gives on both sides.
func (d *duel) on(do func(s *side) ([]answer, error)) error {
	var answers [2][]answer
	for k, s := range d.sides {
		var err error
		if answers[k], err = do(s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return d.compare(answers)
}

// auth presents an identity. A server answers to that before it has done what came earlier, and so nothing else is under way.
func (d *duel) auth(i int) error {
	c := pick(d.gen, []call{
		callAuth("digest", ann), callAuth("digest", bob), callAuth("digest", ann), callAuth("digest", bob), callAuth("digest", "carl:wrong"), callAuth("digest", "nocolon"),
		callAuth("ip", ""), callAuth("world", "anyone"), callAuth("no-such-scheme", "x"),
	})
	if err := d.ping(i); err != nil {
		return err
	}
	answers, err := d.send(i, []call{c})
	if err != nil {
		return err
	}
	refused := len(answers[0]) > 0 && answers[0][len(answers[0])-1].failed() != 0
	if err := d.compare(answers); err != nil || !refused {
		return err
	}
	return d.ended(i, true)
}

// ended compares how a connection ends, and resumes its session.
func (d *duel) ended(i int, resume bool) error {
	if err := d.on(func(s *side) ([]answer, error) { return s.end(s.peers[i]), nil }); err != nil || !resume {
		return err
	}
	return d.resume(i)
}

// resume connects a client to the session that it has.
func (d *duel) resume(i int) error {
	w := wish{timeout: pick(d.gen, timeouts), seen: d.gen.seen}
	d.note("client %d: resumes its session, %+v", i, w)
	return d.connect(i, func(p *peer) wish { return wish{w.seen, w.timeout, p.session, p.password} })
}

// renew closes a client's session and opens another. What the end of the session means to the others is compared as a set.
func (d *duel) renew(i int) error {
	if err := d.others(i, false); err != nil {
		return err
	}
	if err := d.ping(i); err != nil {
		return err
	}
	answers, err := d.send(i, []call{{op: opCloseSession}})
	if err != nil {
		return err
	}
	for _, a := range answers {
		sortEvents(a)
	}
	if err := d.compare(answers); err != nil {
		return err
	}
	if err := d.ended(i, false); err != nil {
		return err
	}
	if err := d.others(i, true); err != nil {
		return err
	}
	for _, s := range d.sides {
		s.gone = append(s.gone, &peer{session: s.peers[i].session, password: s.peers[i].password})
	}
	return d.open(i)
}

// others pings all clients but one, and compares events as a set if they are those of a session's end.
func (d *duel) others(i int, asSet bool) error {
	for j := range d.xids {
		if j == i {
			continue
		}
		answers, err := d.send(j, []call{{op: opPing, xid: xidPing}})
		if err != nil {
			return err
		}
		if asSet {
			sortEvents(answers[0])
			sortEvents(answers[1])
		}
		if err := d.compare(answers); err != nil {
			return err
		}
	}
	return nil
}

// reconnect ends a client's connection and resumes its session. The server is left the time to see the end.
func (d *duel) reconnect(i int) error {
	if err := d.ping(i); err != nil {
		return err
	}
	d.note("client %d: disconnects", i)
	for _, s := range d.sides {
		if err := s.peers[i].link.finish(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return d.ended(i, true)
}

// takeOver resumes a client's session on a second connection, which ends the first.
func (d *duel) takeOver(i int) error {
	if err := d.ping(i); err != nil {
		return err
	}
	d.note("client %d: connects a second time", i)
	old := d.sides
	var before [2]peer
	for k, s := range old {
		before[k] = *s.peers[i]
	}
	if err := d.resume(i); err != nil {
		return err
	}
	return d.endOf(before)
}

func (d *duel) endOf(before [2]peer) error {
	var answers [2][]answer
	for k, s := range d.sides {
		answers[k] = s.end(&before[k])
	}
	return d.compare(answers)
}

// intrude asks for a client's session with a wrong password. That a real server ends the client's connection before it looks at the password is compared too.
func (d *duel) intrude(i int) error {
	if err := d.ping(i); err != nil {
		return err
	}
	d.note("client %d: somebody asks for its session with a wrong password", i)
	if err := d.on(func(s *side) ([]answer, error) {
		return s.connect(&peer{}, wish{timeout: 1000, session: s.peers[i].session, password: make([]byte, 16)})
	}); err != nil {
		return err
	}
	return d.ended(i, true)
}

// revive asks for a session that was closed, or that never was.
func (d *duel) revive() error {
	n := d.gen.IntN(10)
	d.note("somebody asks for a session that is gone")
	return d.on(func(s *side) ([]answer, error) {
		w := wish{timeout: 1000, session: 42, password: make([]byte, 16)}
		if n < len(s.gone) {
			w.session, w.password = s.gone[n].session, s.gone[n].password
		}
		return s.connect(&peer{}, w)
	})
}

// fromTheFuture connects a client that has seen more than the server has.
func (d *duel) fromTheFuture() error {
	w := wish{timeout: 1000, seen: d.gen.seen + 1000, password: make([]byte, 16)}
	d.note("somebody connects who has seen %#x", w.seen)
	return d.on(func(s *side) ([]answer, error) { return s.connect(&peer{}, w) })
}

// unknown sends an operation that no server knows, after which it closes the connection.
func (d *duel) unknown(i int) error {
	if err := d.ping(i); err != nil {
		return err
	}
	if err := d.exchange(i, []call{{op: pick(d.gen, []int32{10, 23, 99, 108, 1000, -12})}}); err != nil {
		return err
	}
	return d.ended(i, true)
}
