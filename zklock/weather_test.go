package zklock_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

// ms draws a time.
func ms(rnd *rand.Rand, from, to int) time.Duration {
	return time.Duration(from*1000+rnd.IntN((to-from)*1000)) * time.Microsecond
}

// rage lets faults come until their time is over, and returns when all are undone.
func (p *plot) rage(lines []*line) {
	rnd := p.random()
	var wg sync.WaitGroup
	for end := time.Now().Add(foulWeather); time.Now().Before(end); time.Sleep(ms(rnd, 10, 500)) {
		switch rnd.IntN(17) {
		case 0, 1, 2, 3:
			i, f, d := rnd.IntN(len(lines)), faults()[rnd.IntN(7)], ms(rnd, 10, 3500)
			wg.Go(func() {
				p.r.note("client %c: %v for %v", 'A'+i, f, d)
				f.cut(lines[i])
				time.Sleep(d)
				f.heal(lines[i])
				p.r.note("client %c: %v no more", 'A'+i, f)
			})
		case 4:
			i := rnd.IntN(len(lines))
			if rnd.IntN(2) == 0 {
				p.r.note("client %c: reset", 'A'+i)
				lines[i].reset()
			} else {
				p.r.note("client %c: its connection stalls", 'A'+i)
				lines[i].stall()
			}
		case 5, 6, 7, 8, 9:
			p.plan(rnd)
		case 10, 11:
			p.onOne(rnd, "deletes", func(ctx context.Context, s *session.Session, path string) {
				p.r.byHand(path)
				_ = s.Delete(ctx, path, session.AnyVersion) // if it is lost, so be it
			})
		case 12:
			p.expireOne(rnd)
		case 13:
			d := ms(rnd, 10, 3000)
			p.r.note("frozen for %v", d)
			p.zk.Freeze()
			time.Sleep(d)
			p.zk.Thaw()
		case 14:
			p.r.note("restart")
			p.zk.Restart()
		case 15:
			p.r.note("nobody is let in")
			p.zk.Refuse(true)
			p.zk.DropAll()
			time.Sleep(ms(rnd, 10, 1000))
			p.zk.Refuse(false)
		case 16:
			p.onOne(rnd, "writes to", func(ctx context.Context, s *session.Session, path string) {
				_, _ = s.Set(ctx, path, []byte("__REVOKE__"), session.AnyVersion)
			})
		}
	}
	wg.Wait()
	for _, l := range lines {
		l.refuse(false) // of two faults on one line the second may have ended first
		l.heal()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.planned)
	p.r.note("the faults are over")
}

// plan has the next request of some kind meet a fault.
func (p *plot) plan(rnd *rand.Rand) {
	ops := []zktest.Op{
		zktest.OpCreate2, zktest.OpCreate2, zktest.OpCreate2, zktest.OpDelete, zktest.OpDelete, zktest.OpSetWatches, zktest.OpSetWatches,
		zktest.OpMulti, zktest.OpMulti, zktest.OpGetChildren2, zktest.OpExists, zktest.OpSync, zktest.OpPing,
	}
	f := planned{"lose request", zktest.LoseRequest()}
	switch rnd.IntN(3) {
	case 1:
		f = planned{"lose reply", zktest.LoseReply()}
	case 2:
		f = planned{"delay", zktest.Delay(ms(rnd, 1, 1500))}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned[ops[rnd.IntN(len(ops))]] = f
}

// onOne has an operator do something to a node of the queue.
func (p *plot) onOne(rnd *rand.Rand, does string, do func(context.Context, *session.Session, string)) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := p.operator.Session(ctx)
	if err != nil {
		return
	}
	names, _, err := s.Children(ctx, p.path)
	names = slices.DeleteFunc(names, func(name string) bool { return name == "notes" })
	if err != nil || len(names) == 0 {
		return
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(a[len(a)-10:], b[len(b)-10:]) })
	path := session.Join(p.path, names[rnd.IntN(len(names))])
	p.r.note("the operator %s %s", does, path)
	do(ctx, s, path)
}

// expireOne ends a session that lives.
func (p *plot) expireOne(rnd *rand.Rand) {
	all := slices.DeleteFunc(p.zk.Sessions(), func(s zktest.SessionInfo) bool { return s.Timeout != timeout })
	if len(all) == 0 {
		return
	}
	id := all[rnd.IntN(len(all))].ID
	p.r.note("session %#x is ended by hand", id)
	p.r.endedByHand(id)
	p.zk.Expire(id)
}
