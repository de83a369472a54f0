package cas

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// ErrNoTransactions means that a store's register knows none.
var ErrNoTransactions = errors.New("cas: this register has no transactions")

// errOver is what [Load] and [Save] answer when the function that was given the Tx has returned, or nobody waits for it any more.
var errOver = errors.New("cas: the transaction is over")

// mostWritten is how many bytes a transaction may write in all. Less than a request of a stock server can have, for what else is in it.
const mostWritten = 1_040_000

// A Tx is one run of a function in [Txn]. It is for one goroutine, and must not be kept.
type Tx struct {
	s   *Store
	ctx context.Context

	mu     sync.Mutex // guards below
	over   bool
	failed error // why a node could not be read
	read   map[string]*state
	wrote  map[string][]byte
}

// Txn reads several nodes and writes several, as if at one moment. It runs f, which does so with [Load] and [Save], and then writes in one transaction what f has saved, on the condition that nothing of
// what f has loaded has changed. If it has, f is run again on new values, after a random time. What is said at [Update] about f, about exactly once, and about errors holds here too; f's own error is returned only if
// what f has loaded was all true at one moment.
//
// A transaction waits for nodes in which a lock has precedence, takes none itself, and takes no turns. Where many write the same nodes, one node that has it all, and Update, is the better way.
func Txn(ctx context.Context, s *Store, f func(tx *Tx) error) (Stats, error) {
	began := time.Now()
	var stats Stats
	t, can := s.reg.(Transactor)
	if !can {
		return stats, ErrNoTransactions
	}
	var p pace
	var w wait
	for {
		start := s.now()
		tx, err := s.try(ctx, f)
		if err == nil || tx.read != nil {
			c := commit{s: s, t: t, tx: tx, err: err}
			var v verdict
			v, err = c.run(ctx)
			stats.Attempts++
			stats.Resolved += c.resolved
			p.attempted(s.now()-start, v == refused)
			if v != refused || err != nil {
				stats.Combined, stats.Took = 1, time.Since(began)
				return stats, err
			}
			if stats.Attempts >= s.cfg.Attempts {
				err = &ContendedError{Path: c.path(), Attempts: stats.Attempts, Waited: time.Since(began)}
			}
		}
		stats.Took = time.Since(began)
		if err != nil {
			return stats, err
		}
		w.conflicts++
		if err := pause(ctx, p.next(&w, FullJitter, &state{}, s.now(), rand.Float64()).after); err != nil {
			return stats, err
		}
	}
}

// try runs f once, in a goroutine of its own. When it fails with a Tx that has read something, the error is f's.
func (s *Store) try(ctx context.Context, f func(tx *Tx) error) (*Tx, error) {
	if ctx.Err() != nil {
		return &Tx{}, context.Cause(ctx)
	}
	tx := &Tx{s: s, ctx: ctx, read: make(map[string]*state), wrote: make(map[string][]byte)}
	done := make(chan error, 1)
	if !s.spawn(func() { guarded(func() error { return f(tx) }, done) }) {
		return &Tx{}, ErrClosed
	}
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
		tx.fail(err)
	case <-s.life.Done():
		err = ErrClosed
		tx.fail(err)
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.over = true
	if tx.failed != nil {
		return &Tx{}, tx.failed
	}
	return tx, err
}

// guarded sends what f returns to done, or what became of it.
func guarded(f func() error, done chan<- error) {
	returned := false
	defer func() {
		if !returned {
			done <- panicked(recover())
		}
	}()
	err := f()
	returned = true
	done <- err
}

func (tx *Tx) fail(err error) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.failed == nil {
		tx.failed = err
	}
	return err
}

// look returns a node as this transaction sees it: as it has saved it, or as it was when it was first loaded.
func (tx *Tx) look(path string) (*envelope, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	tx.mu.Lock()
	over, known, saved := tx.over || tx.read == nil, tx.read[path], tx.wrote[path]
	tx.mu.Unlock()
	switch {
	case over:
		return nil, errOver
	case saved != nil:
		return &envelope{present: true, value: saved}, nil
	case known != nil:
		return &known.envelope, nil
	}
	now, err := tx.s.readOrMake(tx.ctx, path, false)
	if err != nil {
		return nil, tx.fail(err)
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.read[path] = &now
	return &now.envelope, nil
}

// Load returns the value of a node, which [Save] may have given it before in this transaction. A node that is not there is made, empty: it has V's zero value.
// When Load fails, so does the transaction: f should return.
func Load[V any](tx *Tx, path string, codec ...Codec[V]) (V, error) {
	var zero V
	e, err := tx.look(path)
	if err != nil {
		return zero, err
	}
	v, err := valueOf(e, codecOf(codec))
	if err != nil {
		return zero, tx.fail(&FormatError{Path: path, Err: err})
	}
	return v, nil
}

// Save gives a node a value, when the transaction is through. What f has not loaded before is loaded for that, and so it must not have changed either.
func Save[V any](tx *Tx, path string, v V, codec ...Codec[V]) error {
	data, err := codecOf(codec).Encode(v)
	if err != nil {
		return err
	}
	if limit := tx.s.cfg.MaxValue; len(data) > limit {
		return &SizeError{Path: path, Size: len(data), Limit: limit}
	}
	if _, err := tx.look(path); err != nil {
		return err
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.over {
		return errOver
	}
	if data == nil {
		data = []byte{}
	}
	tx.wrote[path] = data
	return nil
}

// A commit is the end of one run.
type commit struct {
	s        *Store
	t        Transactor
	tx       *Tx
	err      error // of f: then nothing is written, and what f has loaded is checked
	op       uint64
	resolved int
}

// path is that of the first node that is written, or read.
func (c *commit) path() string {
	if paths := slices.Sorted(maps.Keys(c.tx.wrote)); len(paths) > 0 {
		return paths[0]
	}
	return slices.Sorted(maps.Keys(c.tx.read))[0]
}

// run writes, or checks only, and returns refused if others were faster.
func (c *commit) run(ctx context.Context) (verdict, error) {
	if c.err != nil {
		c.tx.wrote = nil
	}
	if len(c.tx.read) == 0 {
		return applied, c.err
	}
	// The turn in each lane keeps this client's other writes off the traces of this one. In the order of the paths, so that two transactions do not wait for each other.
	for _, path := range slices.Sorted(maps.Keys(c.tx.wrote)) {
		l, err := c.s.lane(path)
		if err != nil {
			return refused, err
		}
		defer c.s.release(l)
		if err := l.enter(ctx); err != nil {
			return refused, err
		}
		defer l.leave()
	}
	writes, free, err := c.writes(ctx)
	if err != nil {
		return refused, err
	}
	if !free {
		return refused, nil
	}
	return c.send(ctx, writes)
}

// writes returns what is to be written and checked. It is not free when a lock has precedence.
func (c *commit) writes(ctx context.Context) (writes []Write, free bool, err error) {
	c.op = c.s.op.Add(1)
	total := 0
	for _, path := range slices.Sorted(maps.Keys(c.tx.read)) {
		base := c.tx.read[path]
		value, written := c.tx.wrote[path]
		if !written {
			writes = append(writes, Write{Path: path, Data: base.encode(), Old: base.version, Check: true})
			continue
		}
		if base.lock != "" {
			if queued, err := c.s.reg.Queued(ctx, base.lock); err != nil {
				return nil, false, err
			} else if queued {
				return nil, false, pause(ctx, lockedPause)
			}
		}
		next := base.after(c.s.client, c.op, value, c.s.cfg.Traces)
		data := next.encode()
		total += len(data) + len(path)
		writes = append(writes, Write{Path: path, Data: data, Old: base.version})
	}
	if total > mostWritten {
		return nil, false, &SizeError{Path: c.path(), Size: total, Limit: mostWritten}
	}
	return writes, true, nil
}

// send is what put.send is for one node: it knows in the end what became of the transaction, or says that it does not.
func (c *commit) send(ctx context.Context, writes []Write) (verdict, error) {
	doubt := false
	for {
		err := c.t.WriteAll(ctx, writes)
		switch {
		case err == nil:
			return applied, c.err
		case errors.Is(err, ErrConflict):
			if !doubt {
				return refused, nil
			}
		case errors.Is(err, ErrUnknown):
			if len(c.tx.wrote) == 0 { // Nothing was to be changed: it can be asked again.
				if ctx.Err() != nil {
					return refused, context.Cause(ctx)
				}
				continue
			}
			doubt = true
		case !doubt:
			return refused, err
		default:
			return lost, &UnknownError{Path: c.path(), Err: err}
		}
		if ctx.Err() != nil {
			return lost, &UnknownError{Path: c.path(), Err: context.Cause(ctx)}
		}
		switch v, why := c.judge(ctx); v {
		case open: // It is sent again.
		case lost:
			return lost, &UnknownError{Path: c.path(), Err: why}
		default:
			c.resolved++
			return v, nil
		}
	}
}

// judge reads the nodes for what became of the transaction. Any one that was to be written shows it for all of them. If none was written so far, it still can be unless another node has changed: one that
// was only loaded. Those are read first. Only then does it follow, from one that had changed, that the transaction was not applied before it did so.
func (c *commit) judge(ctx context.Context) (verdict, error) {
	changed := false
	for path, base := range c.tx.read {
		if _, written := c.tx.wrote[path]; written {
			continue
		}
		now, err := c.s.read(ctx, path, false)
		switch {
		case errors.Is(err, ErrAbsent):
			changed = true
		case err != nil:
			return lost, err
		default:
			changed = changed || now.version != base.version
		}
	}
	v, why := open, error(nil)
	for path := range c.tx.wrote {
		switch one, err := c.s.judge(ctx, path, c.tx.read[path], c.op, true); one {
		case applied, refused:
			return one, nil
		case lost:
			v, why = lost, err
		case open:
		}
	}
	if v == open && changed {
		return refused, nil
	}
	return v, why
}
