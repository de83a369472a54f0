package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/zkkit/zkkit/cas"
)

// A contendWay is one worker's way of doing an update: a strategy.
type contendWay func(ctx context.Context, key int, job contendJob) (contendDone, error)

// A contendSide is what a process has of a store: it makes ways, and closes what they need.
type contendSide interface {
	// ways returns those of a cell's workers that this process has. They are made once.
	ways(cell contendCell, workers int) ([]contendWay, error)
	close()
}

// RunContendWorker is a worker process of the contention experiment: it does what it is told on in, and answers on out, until in ends. It fails when it is told something that it does not
// understand, or when it cannot reach the store.
func RunContendWorker(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines, answers := json.NewDecoder(in), json.NewEncoder(out)
	var setup contendSetup
	if err := lines.Decode(&setup); err != nil {
		return usage("a worker process is started by zkctl contend, which tells it what to do: %v", err)
	}
	w := &contendWorker{setup: setup, made: map[string][]contendWay{}}
	var err error
	if setup.Store == ContendPostgres {
		w.side, err = newContendSQL(ctx, setup)
	} else {
		w.side, err = newContendZK(ctx, setup)
	}
	if err != nil {
		return errors.Join(err, answers.Encode(contendWindow{Err: err.Error()}))
	}
	defer w.side.close()
	if err := answers.Encode(contendWindow{}); err != nil { // it is ready
		return err
	}
	for {
		var task contendTask
		if err := lines.Decode(&task); err != nil {
			return nil // Nobody wants anything any more.
		}
		window := w.run(ctx, task)
		if err := answers.Encode(window); err != nil {
			return err
		}
	}
}

type contendWorker struct {
	setup contendSetup
	side  contendSide
	made  map[string][]contendWay
}

// run is one window: all workers of this process at once.
func (w *contendWorker) run(ctx context.Context, task contendTask) contendWindow {
	n, first := task.Cell.share(w.setup.Process)
	ways, ok := w.made[task.Cell.name()]
	if !ok {
		var err error
		if ways, err = w.side.ways(task.Cell, n); err != nil {
			return contendWindow{Err: err.Error()}
		}
		w.made[task.Cell.name()] = ways
	}
	var total contendWindow
	total.Times = contendTimes{}
	var mu sync.Mutex // guards total
	var wg sync.WaitGroup
	if sleep(ctx, time.Until(task.Begin)) != nil {
		return contendWindow{Err: context.Cause(ctx).Error()}
	}
	for i, way := range ways {
		rnd := rand.New(rand.NewPCG(uint64(first+i), uint64(task.Begin.UnixNano())))
		wg.Go(func() {
			own := work(ctx, task, way, rnd)
			mu.Lock()
			defer mu.Unlock()
			total.add(own)
		})
	}
	wg.Wait()
	return total
}

// work is one worker in one window: update after update, until the window is over and the last one is done.
func work(ctx context.Context, task contendTask, way contendWay, rnd *rand.Rand) contendWindow {
	w := contendWindow{Times: contendTimes{}, Each: []int64{0}}
	from := task.Begin.Add(task.Ramp)
	until := from.Add(task.Length)
	for {
		began := time.Now()
		if !began.Before(until) {
			return w
		}
		done, err := way(ctx, task.Job.pick(rnd), task.Job)
		ended := time.Now()
		switch {
		case err == nil:
		case errors.Is(err, cas.ErrUnknown):
			w.Unknown++
			continue
		default:
			w.Err = fmt.Sprintf("%s: %v", task.Cell.name(), err)
			return w
		}
		w.Updates++
		w.Effect += done.effect
		w.Lowest = min(w.Lowest, done.value)
		if !ended.Before(from) && ended.Before(until) {
			w.Commits++
		}
		if !began.Before(from) {
			w.Measured++
			w.Each[0]++
			w.Attempts += int64(done.attempts)
			w.Combined += int64(done.combined)
			w.Promoted += int64(done.promoted)
			w.Ops += int64(done.ops)
			w.Times.add(ended.Sub(began))
		}
	}
}
