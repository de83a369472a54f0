package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A pauseTrial is one run: its workers, and what is its own of lock and resource.
type pauseTrial struct {
	run    *pauseSession
	number int
	trial  Trial
	rec    *recorder
	again  int // how often it was played before

	ledger   *ledger
	provider *provider
	a, b, c  *workerProcess
	stood    time.Time
}

// slack is how much longer than the pause a run may take, before it counts as one that does not come to its end.
const slack = time.Minute

// replays is how often a run is played once more at most.
const replays = 20

// playUndisturbed plays a run, and plays it again while the machine was too busy for it to show anything. A run that shows that something is wrong is kept, whatever
// disturbed it. It fails as play does.
func (s *pauseSession) playUndisturbed(ctx context.Context, number int, trial Trial) ([]Event, error) {
	p, before := s.parameters(), ""
	for again := 0; ; again++ {
		t := &pauseTrial{run: s, number: number, trial: trial, rec: &recorder{}, again: again}
		events, err := t.play(ctx)
		if err != nil {
			return nil, err
		}
		f := derivePause(PauseEvidence{Parameters: p, Events: events})
		why := ""
		if len(f.runs) > 0 {
			why = f.runs[0].disturbed()
		}
		if again > 0 {
			events = append(events, Event{Run: number, AtMs: events[0].AtMs, Who: WhoHarness, What: Replayed, Detail: before, Figures: map[string]float64{Times: float64(again)}})
		}
		if why == "" || again == replays || f.unsafe() {
			return events, nil
		}
		before = why
	}
}

// play plays the run and returns its events. It fails when ctx ends. Whatever else goes wrong is an event, and such a run proves nothing.
func (t *pauseTrial) play(ctx context.Context) ([]Event, error) {
	defer t.close()
	limit := t.run.cfg.For + 4*t.run.cfg.TTL + slack
	within, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	err := t.prepare(within)
	if err == nil {
		err = t.story(within)
	}
	if err == nil {
		err = t.look(within)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		t.rec.now(Event{Who: WhoHarness, What: Failed, Detail: err.Error()})
	}
	events := t.rec.all()
	for i := range events {
		events[i].Run = t.number
	}
	return events, nil
}

// look waits until all workers have ended, and reads what is in the resource in the end.
func (t *pauseTrial) look(ctx context.Context) error {
	for _, w := range []*workerProcess{t.a, t.b, t.c} {
		if w != nil {
			if err := w.finish(ctx); err != nil {
				return err
			}
		}
	}
	found, err := t.ledger.audit(ctx)
	if err != nil {
		return fmt.Errorf("resource: %w", err)
	}
	for _, e := range found {
		t.rec.now(e)
	}
	return nil
}

// place is the number of the lock and of the resource of this run: never that of another, nor that of the same run when it was played before.
func (t *pauseTrial) place() int { return t.again*1_000_000 + t.number }

// prepare starts the workers and waits until all are connected.
func (t *pauseTrial) prepare(ctx context.Context) error {
	at := t.run.ledgerAt(t.place(), t.trial)
	var err error
	if t.ledger, err = openLedger(ctx, at); err != nil {
		return err
	}
	if at.Driver == "sqlite" {
		err = t.ledger.lay(ctx)
	}
	if err == nil {
		err = t.ledger.begin(ctx)
	}
	if err != nil {
		return fmt.Errorf("resource: %w", err)
	}
	if t.trial.Case == CaseSideEffect {
		if t.provider, err = startProvider(t.rec); err != nil {
			return err
		}
	}
	place := t.run.lockPlace(t.place(), t.trial)
	var wg sync.WaitGroup
	var mu sync.Mutex // guards errs
	var errs []error
	for _, w := range t.workers() {
		job := workerJob{
			Who: w.who, Trial: t.trial, TTL: Millis(t.run.cfg.TTL), Lock: place, Ledger: at, Job: w.job, Amount: w.amount, Stops: w.stops,
			Set: t.trial.Case == CaseLateWrite, Renews: t.trial.Case == CaseStuckWorker && w.who == WhoA,
		}
		if t.provider != nil {
			job.Provider = t.provider.url
		}
		if *w.slot, err = startWorker(t.run.cfg.Worker, job, t.rec, t.run.clock); err != nil {
			errs = append(errs, err)
			break
		}
		wg.Go(func() {
			if err := (*w.slot).reach(ctx, stepStart); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (t *pauseTrial) close() {
	for _, w := range slices.Backward([]*workerProcess{t.a, t.b, t.c}) {
		w.end()
	}
	if t.provider != nil {
		t.provider.close()
	}
	if t.ledger != nil {
		t.ledger.close()
	}
}
