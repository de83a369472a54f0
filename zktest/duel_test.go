package zktest_test

import (
	"fmt"
	"slices"
	"strings"
)

// A duel sends the same calls to two servers, and compares everything that their connections receive.
type duel struct {
	gen   *generator
	sides [2]*side // The reference, and the one that is compared with it.
	xids  []int32
	// calls counts what was sent, and recent is the end of it.
	calls  int
	recent []string
	counts map[string]int
}

// A difference is the first one that was found.
type difference struct {
	calls   int
	recent  []string
	answers [2][]string
	names   [2]string
}

func (d *difference) Error() string {
	var b strings.Builder
	at := 0
	for at < len(d.answers[0]) && at < len(d.answers[1]) && d.answers[0][at] == d.answers[1][at] {
		at++
	}
	fmt.Fprintf(&b, "a difference at call %d. The last calls, and before them those of the same path:\n", d.calls)
	paths := d.paths(at)
	for i, line := range d.recent {
		if i >= len(d.recent)-remembered || slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(line, p) }) {
			fmt.Fprintln(&b, " ", line)
		}
	}
	for i, name := range d.names {
		fmt.Fprintf(&b, "%s:\n", name)
		for j, a := range d.answers[i] {
			if j < at-around || j > at+around {
				continue
			}
			mark := "  "
			if j == at {
				mark = "> "
			}
			fmt.Fprintln(&b, mark+a)
		}
	}
	return b.String()
}

// paths returns those in the answers that differ, quoted as calls have them.
func (d *difference) paths(at int) []string {
	var paths []string
	for _, list := range d.answers {
		if at < len(list) {
			if _, path, ok := strings.Cut(list[at], "path="); ok {
				path, _, _ = strings.Cut(path, " ")
				paths = append(paths, path)
			}
		}
	}
	return paths
}

const (
	history    = 5000 // Calls that are kept.
	remembered = 40   // Calls that a report shows at least.
	around     = 6    // Answers before and after the first that differs.
)

// newDuel connects the sessions of both sides. The servers must be fresh ones.
func newDuel(seed uint64, reference, subject *side) (*duel, error) {
	d := &duel{gen: newGenerator(seed), sides: [2]*side{reference, subject}, counts: map[string]int{}}
	for range 3 + d.gen.IntN(3) {
		for _, s := range d.sides {
			s.peers = append(s.peers, &peer{})
		}
		d.xids = append(d.xids, 0)
		if err := d.open(len(d.xids) - 1); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d *duel) close() {
	for _, s := range d.sides {
		s.close()
	}
}

// run sends n calls, and returns the first difference, or what kept it from comparing.
func (d *duel) run(n int) error {
	for d.calls < n {
		if err := d.step(); err != nil {
			return err
		}
	}
	for i := range d.xids {
		if err := d.ping(i); err != nil {
			return err
		}
	}
	return nil
}

// step does one thing on one client.
func (d *duel) step() error {
	i := d.gen.IntN(len(d.xids))
	switch n := d.gen.IntN(1000); {
	case n < 15:
		return d.auth(i)
	case n < 25:
		return d.renew(i)
	case n < 40:
		return d.reconnect(i)
	case n < 47:
		return d.takeOver(i)
	case n < 52:
		return d.intrude(i)
	case n < 55:
		return d.revive()
	case n < 58:
		return d.fromTheFuture()
	case n < 62:
		return d.unknown(i)
	case n < 66:
		return d.exchange(i, d.gen.sweep())
	default:
		return d.exchange(i, d.gen.packet())
	}
}

// exchange sends calls of one client in one packet and compares everything that the client receives up to the reply to the last of them.
func (d *duel) exchange(i int, calls []call) error {
	answers, err := d.send(i, calls)
	if err != nil {
		return err
	}
	return d.compare(answers)
}

// send sends calls and returns what came back.
func (d *duel) send(i int, calls []call) (answers [2][]answer, err error) {
	bodies := make([]encoder, len(calls))
	for j := range calls {
		if calls[j].xid == 0 {
			d.xids[i]++
			calls[j].xid = d.xids[i]
		}
		bodies[j] = calls[j].message()
		d.calls++
		d.note("client %d: xid %d: %v", i, calls[j].xid, calls[j])
		d.counts[opName(calls[j].op)]++
	}
	for _, s := range d.sides {
		if err := s.peers[i].link.send(bodies...); err != nil {
			return answers, fmt.Errorf("%s: %w, after %s", s.name, err, d.recent[max(0, len(d.recent)-remembered):])
		}
	}
	for k, s := range d.sides {
		answers[k] = s.replies(s.peers[i], calls)
	}
	return answers, nil
}

func (d *duel) note(format string, args ...any) {
	d.recent = append(d.recent, fmt.Sprintf(format, args...))
	if len(d.recent) > 2*history {
		d.recent = slices.Delete(d.recent, 0, len(d.recent)-history)
	}
}

// compare returns the difference between what the two sides answered, nil if there is none.
func (d *duel) compare(answers [2][]answer) error {
	var lines [2][]string
	for k, list := range answers {
		for _, a := range list {
			lines[k] = append(lines[k], a.String())
		}
	}
	if !slices.Equal(lines[0], lines[1]) {
		return &difference{calls: d.calls, recent: d.recent, answers: lines, names: [2]string{d.sides[0].name, d.sides[1].name}}
	}
	for _, a := range answers[0] {
		d.gen.learn(a)
		if a.what == reply && a.call != nil {
			d.counts[opName(a.call.op)+" "+outcome(a)]++
		} else {
			d.counts[a.what]++
		}
	}
	return nil
}

// outcome says what became of a call: the code of its error, 0 for none.
func outcome(a answer) string {
	switch {
	case a.call.op != opMulti || a.failed() != 0:
		return fmt.Sprint(a.failed())
	case a.get("code") != nil:
		return "rolled back"
	default:
		return "done"
	}
}
