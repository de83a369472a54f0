package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"sync"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// contendZK is what a process has of a ZooKeeper: one session, which all of its workers share.
type contendZK struct {
	client *session.Client
	root   string

	mu     sync.Mutex // guards below
	locks  map[string]*zklock.Mutex
	stores []*cas.Store
}

func newContendZK(ctx context.Context, setup contendSetup) (*contendZK, error) {
	within, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
	defer cancel()
	client, err := session.Open(within, session.Config{Servers: setup.Servers, Timeout: benchSession})
	if err != nil {
		return nil, environment(err)
	}
	return &contendZK{client: client, root: setup.Root, locks: map[string]*zklock.Mutex{}}, nil
}

func (z *contendZK) close() {
	for _, s := range z.stores {
		_ = s.Close()
	}
	_ = z.client.Close()
}

// node is the path of a record.
func (z *contendZK) node(cell contendCell, key int) string {
	return path.Join(z.root, cell.space(), strconv.Itoa(key))
}

// lock returns the lock that belongs to a node.
func (z *contendZK) lock(node string) (*zklock.Mutex, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if m := z.locks[node]; m != nil {
		return m, nil
	}
	m, err := zklock.NewMutex(z.client, node+"-lock", zklock.Config{Label: "zkctl contend"})
	if err == nil {
		z.locks[node] = m
	}
	return m, err
}

func (z *contendZK) ways(cell contendCell, workers int) ([]contendWay, error) {
	return contendWays(cell, workers, func() (contendWay, error) {
		switch cell.Strategy {
		case contendLock:
			return z.locked(cell), nil
		case contendBlind:
			return z.blind(cell), nil
		}
		cfg, err := contendStoreConfig(cell.Strategy)
		if err != nil {
			return nil, err
		}
		if cfg.Backoff == cas.TakeTurns {
			cfg.Promotion.Lock = func(ctx context.Context, node string) (cas.Hold, error) {
				m, err := z.lock(node)
				if err != nil {
					return nil, err
				}
				return m.Lock(ctx)
			}
		}
		store, err := cas.NewStore(z.client, cfg)
		if err != nil {
			return nil, err
		}
		z.stores = append(z.stores, store)
		return contendCASWay(store, func(key int) string { return z.node(cell, key) }), nil
	})
}

// contendWays makes a way for each worker; those who share writes have one for all of them.
func contendWays(cell contendCell, workers int, one func() (contendWay, error)) ([]contendWay, error) {
	var ways []contendWay
	for range workers {
		if cell.Strategy == contendCombining && len(ways) > 0 {
			ways = append(ways, ways[0])
			continue
		}
		way, err := one()
		if err != nil {
			return nil, err
		}
		ways = append(ways, way)
	}
	return ways, nil
}

// contendStoreConfig is how package cas is used for a strategy.
func contendStoreConfig(strategy string) (cas.Config, error) {
	const unlimited = 1 << 30 // What is measured is how long it takes, however long that is.
	switch strategy {
	case contendCAS:
		return cas.Config{Attempts: unlimited, Alone: true, Backoff: cas.AtOnce}, nil
	case contendBackoff:
		return cas.Config{Attempts: unlimited, Alone: true, Backoff: cas.FullJitter}, nil
	case contendAdaptive:
		return cas.Config{Attempts: unlimited, Alone: true}, nil
	case contendCombining:
		return cas.Config{Attempts: unlimited}, nil
	}
	return cas.Config{}, fmt.Errorf("no such strategy: %s", strategy)
}

// contendCASWay updates with package cas.
func contendCASWay(store *cas.Store, node func(key int) string) contendWay {
	return func(ctx context.Context, key int, job contendJob) (contendDone, error) {
		var mu sync.Mutex // guards effect: a run that was set aside may still end
		var effect int64
		v, stats, err := cas.Update(ctx, store, node(key), func(r contendRecord) (contendRecord, error) {
			job.think()
			next, by := job.change(r)
			mu.Lock()
			defer mu.Unlock()
			effect = by
			return next, nil
		})
		mu.Lock()
		defer mu.Unlock()
		done := contendDone{attempts: stats.Attempts, combined: stats.Combined, effect: effect, value: v.N}
		if stats.Promoted {
			done.promoted = 1
		}
		return done, err
	}
}

// locked updates under a lock.
func (z *contendZK) locked(cell contendCell) contendWay {
	return func(ctx context.Context, key int, job contendJob) (done contendDone, err error) {
		node := z.node(cell, key)
		m, err := z.lock(node)
		if err != nil {
			return done, err
		}
		hold, err := m.Lock(ctx)
		if err != nil {
			return done, err
		}
		done, err = z.readAndWrite(ctx, node, job, false)
		if uerr := hold.Unlock(ctx); err == nil {
			err = uerr
		}
		return done, err
	}
}

// blind updates with nothing to keep others off.
func (z *contendZK) blind(cell contendCell) contendWay {
	return func(ctx context.Context, key int, job contendJob) (contendDone, error) {
		return z.readAndWrite(ctx, z.node(cell, key), job, true)
	}
}

// readAndWrite is what the lock is for. Unless it is blind it names the version all the same, as whoever cares does.
func (z *contendZK) readAndWrite(ctx context.Context, node string, job contendJob, blind bool) (contendDone, error) {
	s, err := z.client.Session(ctx)
	if err != nil {
		return contendDone{}, err
	}
	data, stat, err := s.Get(ctx, node)
	if err != nil {
		return contendDone{}, err
	}
	var r contendRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return contendDone{}, err
	}
	job.think()
	next, effect := job.change(r)
	if data, err = json.Marshal(next); err != nil {
		return contendDone{}, err
	}
	version := stat.Version
	if blind {
		version = session.AnyVersion
	}
	if _, err := s.Set(ctx, node, data, version); err != nil {
		return contendDone{}, err
	}
	return contendDone{attempts: 1, combined: 1, effect: effect, value: next.N}, nil
}

// prepare makes the records of a space, and total adds them up.
func (z *contendZK) prepare(ctx context.Context, cell contendCell, job contendJob) error {
	store, err := z.plain()
	if err != nil {
		return err
	}
	s, err := z.client.Session(ctx)
	if err != nil {
		return err
	}
	return contendEach(ctx, job.Keys, func(ctx context.Context, key int) error {
		node := z.node(cell, key)
		if !bare(cell.Strategy) {
			_, _, err := cas.Update(ctx, store, node, func(contendRecord) (contendRecord, error) { return job.initial(), nil })
			return err
		}
		parent := path.Dir(node)
		if cell.Strategy == contendLock {
			parent = node + "-lock"
		}
		if err := s.EnsureContainers(ctx, parent, nil); err != nil {
			return err
		}
		data, err := json.Marshal(job.initial())
		if err == nil {
			_, err = s.Create(ctx, node, data, session.Persistent, nil)
		}
		return err
	})
}

func (z *contendZK) total(ctx context.Context, cell contendCell, job contendJob) (sum, lowest int64, err error) {
	store, err := z.plain()
	if err != nil {
		return 0, 0, err
	}
	s, err := z.client.Session(ctx)
	if err != nil {
		return 0, 0, err
	}
	var mu sync.Mutex // guards sum and lowest
	err = contendEach(ctx, job.Keys, func(ctx context.Context, key int) error {
		var r contendRecord
		if !bare(cell.Strategy) {
			v, err := cas.Get[contendRecord](ctx, store, z.node(cell, key))
			if err != nil {
				return err
			}
			r = v
		} else {
			data, _, err := s.Get(ctx, z.node(cell, key))
			if err == nil {
				err = json.Unmarshal(data, &r)
			}
			if err != nil {
				return err
			}
		}
		mu.Lock()
		defer mu.Unlock()
		sum += r.N
		lowest = min(lowest, r.N)
		return nil
	})
	return sum, lowest, err
}

// plain returns a store of this process's own.
func (z *contendZK) plain() (*cas.Store, error) {
	if len(z.stores) == 0 {
		store, err := cas.NewStore(z.client, cas.Config{})
		if err != nil {
			return nil, err
		}
		z.stores = append(z.stores, store)
	}
	return z.stores[0], nil
}

// clear removes all that the run has made.
func (z *contendZK) clear(ctx context.Context) error {
	s, err := z.client.Session(ctx)
	if err != nil {
		return err
	}
	return contendRemove(ctx, s, z.root)
}

// contendRemove removes a node and all below it.
func contendRemove(ctx context.Context, s *session.Session, node string) error {
	names, _, err := s.Children(ctx, node)
	if err != nil {
		return err
	}
	if err := contendEach(ctx, len(names), func(ctx context.Context, i int) error {
		return contendRemove(ctx, s, session.Join(node, names[i]))
	}); err != nil {
		return err
	}
	return s.Remove(ctx, node)
}

// contendEach calls f for 0 to n-1, many at once, until one fails.
func contendEach(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, 64) {
		wg.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}
