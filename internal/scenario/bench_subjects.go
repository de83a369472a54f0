package scenario

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zkkit/zkkit/zklock"
)

// uncontended takes and gives back a lock that nobody else wants, cycle by cycle in turns.
func (b *bench) uncontended(ctx context.Context, length time.Duration) (series, error) {
	b.cfg.OnProgress("one client, nobody else wants the lock")
	conn := b.conns[0]
	stock := zk.NewLock(conn, b.root+"/stock-alone", zk.WorldACL(zk.PermAll))
	cycles := [lockSubjects]func() error{
		lockOurs: func() error { return b.cycle(ctx, b.alone, false) },
		lockGozk: func() error { return errors.Join(stock.Lock(), stock.Unlock()) },
		lockFloor: func() error {
			path, err := conn.Create(b.root+"/floor/n-", nil, zk.FlagEphemeralSequential, zk.WorldACL(zk.PermAll))
			if err == nil {
				_, _, err = conn.Children(b.root + "/floor")
			}
			if err == nil {
				err = conn.Delete(path, -1)
			}
			return err
		},
	}
	var subjects []measured
	for _, cycle := range cycles {
		subjects = append(subjects, func() (time.Duration, error) {
			began := time.Now()
			err := cycle()
			return time.Since(began), err
		})
	}
	return takeTurns(ctx, length/5, length, subjects)
}

// cycle takes and gives back one of our locks.
func (b *bench) cycle(ctx context.Context, m *zklock.Mutex, shared bool) error {
	h, err := m.Lock(ctx)
	if err != nil {
		return err
	}
	if shared {
		b.enter()
		b.rise(h.Token().ID)
		b.leave()
	}
	return h.Unlock(ctx)
}

// contended lets all clients want the same lock all the time, in windows that take turns. The floor of a hand-over is the commit of a deletion and one
// notification of it: from the call of delete on one connection to the watch event on another.
func (b *bench) contended(ctx context.Context, length time.Duration) (series, error) {
	b.cfg.OnProgress("all clients want the same lock")
	// A virtual machine that has just started compiles for seconds; nothing is counted until then.
	subjects := [lockSubjects]measured{
		lockOurs: func() (time.Duration, error) {
			return window(ctx, b.cfg.Clients, &b.counted, func(i int) error { return b.cycle(ctx, b.mutexes[i], true) })
		},
		lockGozk:  func() (time.Duration, error) { return window(ctx, b.cfg.Clients, &b.counted, b.stockCycle) },
		lockFloor: func() (time.Duration, error) { return b.notify(ctx) },
	}
	return takeTurns(ctx, max(length/5, 2*time.Second), length, subjects[:])
}

func (b *bench) stockCycle(i int) error {
	l := zk.NewLock(b.conns[i], b.root+"/stock", zk.WorldACL(zk.PermAll))
	if err := l.Lock(); err != nil {
		return err
	}
	b.enter()
	b.leave()
	return l.Unlock()
}

// notify measures deletions and their notifications between two connections that do nothing else, for a while, and returns the median.
func (b *bench) notify(ctx context.Context) (time.Duration, error) {
	const length = 40 * time.Millisecond
	deletes, watches := b.conns[0], b.conns[1]
	var samples []time.Duration
	for end := time.Now().Add(length); time.Now().Before(end) || len(samples) == 0; {
		path, err := deletes.Create(b.root+"/floor/n-", nil, zk.FlagEphemeralSequential, zk.WorldACL(zk.PermAll))
		if err != nil {
			return 0, err
		}
		_, _, gone, err := watches.GetW(path)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		deleted := make(chan error, 1)
		go func() { deleted <- deletes.Delete(path, -1) }()
		select {
		case ev := <-gone:
			if ev.Err != nil {
				return 0, ev.Err
			}
			samples = append(samples, time.Since(began))
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		if err := <-deleted; err != nil {
			return 0, err
		}
	}
	slices.Sort(samples)
	return samples[len(samples)/2], nil
}
