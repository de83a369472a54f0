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

// playUndisturbed plays a run, and plays it again while the machine was too busy for it to show anything. It fails as play does.
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
		if why == "" || again == replays {
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

// story is what happens: worker A comes to the step at which it is hurt most, stands still there, and the others do what they do.
func (t *pauseTrial) story(ctx context.Context) error {
	if err := t.stand(ctx); err != nil {
		return err
	}
	switch t.trial.Case {
	case CaseLateRelease:
		return t.lateRelease(ctx)
	case CaseBeforeFirstWrite:
		return t.beforeFirstWrite(ctx)
	case CaseSlowAcquire:
		return t.slowAcquire(ctx)
	case CaseStuckWorker:
		return t.stuck(ctx)
	case CaseDuplicateJob, CaseLateWrite, CaseSideEffect:
	}
	// B has the lock when it is free, does the job, and is through with it before A goes on.
	if err := through(ctx, t.b); err != nil {
		return err
	}
	return t.throughA(ctx)
}

// through lets a worker go on until it has given the lock back.
func through(ctx context.Context, w *workerProcess) error {
	if err := w.goOn(); err != nil {
		return err
	}
	return w.hearReleased(ctx)
}

// throughA lets A go on when the pause is over, until it has given the lock back.
func (t *pauseTrial) throughA(ctx context.Context) error {
	if err := t.goOn(ctx); err != nil {
		return err
	}
	return t.a.hearReleased(ctx)
}

// where is the step at which A stands still, and in words.
func (c Case) where() (at step, words string) {
	switch c {
	case CaseLateRelease:
		return stepRelease, "after its write and before it gives the lock back"
	case CaseSlowAcquire:
		return stepAnswer, "with the answer to its request there, and not yet looked at"
	case CaseSideEffect:
		return stepWrite, "after its check and before the payment"
	case CaseStuckWorker:
		return stepWrite, "its work hangs after its check and before its write, everything else in it goes on"
	default:
		return stepWrite, "after its check and before its write"
	}
}

// stand brings A to its step and stops it there: the whole process, every thread of it, or in CaseStuckWorker its work only.
func (t *pauseTrial) stand(ctx context.Context) error {
	at, words := t.trial.Case.where()
	if err := t.a.goOn(); err != nil {
		return err
	}
	if err := t.a.reach(ctx, at); err != nil {
		return err
	}
	what := Stuck
	if t.trial.Case != CaseStuckWorker {
		what = Frozen
		if err := t.a.process.Pause(); err != nil {
			return err
		}
	}
	t.stood = time.Now()
	t.rec.start(t.stood)
	t.rec.add(t.stood, Event{Who: WhoHarness, What: what, By: WhoA, Detail: words})
	if what == Frozen {
		return t.a.goOn() // It reads that when it runs again.
	}
	return nil
}

// goOn waits until the pause is over, and lets A go on.
func (t *pauseTrial) goOn(ctx context.Context) error {
	if err := sleep(ctx, time.Until(t.stood.Add(t.run.cfg.For))); err != nil {
		return err
	}
	now := time.Now()
	e := Event{Who: WhoHarness, What: Resumed, By: WhoA, Figures: map[string]float64{PausedMs: Ms(now.Sub(t.stood))}}
	if t.trial.Case == CaseStuckWorker {
		e.What = Unstuck
		t.rec.add(now, e)
		return t.a.goOn()
	}
	t.rec.add(now, e)
	if err := t.a.process.Resume(); err != nil && !t.a.process.Ended() {
		return err
	}
	return nil
}

// comesLate reports whether B comes for the lock only shortly before A goes on, on purpose.
func (c Case) comesLate() bool {
	return c == CaseLateRelease || c == CaseBeforeFirstWrite || c == CaseSlowAcquire
}

// comesLate lets B come for the lock shortly before the pause is over, so that it has it, and has just got it, when A goes on.
func (t *pauseTrial) comesLate(ctx context.Context) error {
	if err := sleep(ctx, time.Until(t.stood.Add(t.run.cfg.For-t.run.cfg.TTL/4))); err != nil {
		return err
	}
	if err := t.b.goOn(); err != nil {
		return err
	}
	return t.b.reach(ctx, stepWrite)
}

// beforeFirstWrite: B has the lock, has looked, and is about to write; then A goes on and writes; then B does.
func (t *pauseTrial) beforeFirstWrite(ctx context.Context) error {
	if err := t.comesLate(ctx); err != nil {
		return err
	}
	if err := t.throughA(ctx); err != nil {
		return err
	}
	return through(ctx, t.b)
}

// slowAcquire: B has the lock, has looked, and is about to write; then A goes on and reads its answer. If it believes what that says, it does the job, and then B does it
// too; else it asks again, and waits for B.
func (t *pauseTrial) slowAcquire(ctx context.Context) error {
	if err := t.comesLate(ctx); err != nil {
		return err
	}
	if err := t.goOn(ctx); err != nil {
		return err
	}
	select {
	case <-t.a.hears(Released):
	case <-t.a.hears(Denied):
	case <-t.a.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := through(ctx, t.b); err != nil {
		return err
	}
	return t.a.hearReleased(ctx)
}

// lateRelease: B has the lock and is about to write; A goes on and gives the lock back; C comes. If it gets the lock, it does the job, and then B does it too.
func (t *pauseTrial) lateRelease(ctx context.Context) error {
	if err := t.comesLate(ctx); err != nil {
		return err
	}
	if err := t.throughA(ctx); err != nil {
		return err
	}
	if err := t.c.goOn(); err != nil {
		return err
	}
	select {
	case <-t.c.hears(Denied):
	case <-t.c.hears(Acquired):
		if err := t.c.hearReleased(ctx); err != nil {
			return err
		}
	case <-t.c.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := through(ctx, t.b); err != nil {
		return err
	}
	return t.c.hearReleased(ctx)
}

// stuck: B waits for the lock for as long as the work of A hangs, or gets it.
func (t *pauseTrial) stuck(ctx context.Context) error {
	if err := t.b.goOn(); err != nil {
		return err
	}
	over := time.NewTimer(time.Until(t.stood.Add(t.run.cfg.For)))
	defer over.Stop()
	select {
	case <-t.b.hears(Acquired):
		if err := t.b.hearReleased(ctx); err != nil {
			return err
		}
	case <-over.C:
		t.rec.now(Event{Who: WhoHarness, What: Waiting, By: WhoB, Detail: "B still waits for the lock"})
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := t.throughA(ctx); err != nil {
		return err
	}
	return t.b.hearReleased(ctx)
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
		if *w.slot, err = startWorker(t.run.cfg.Worker, job, t.rec); err != nil {
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

// A casting is one part in a run.
type casting struct {
	slot   **workerProcess
	who    string
	job    string
	amount int
	stops  []step
}

// workers returns the parts of this run. What each adds to the balance is a digit of its own, so that the sum says whose is missing.
func (t *pauseTrial) workers() []casting {
	at, _ := t.trial.Case.where()
	a := casting{&t.a, WhoA, "job-1", 1, []step{at}}
	b := casting{&t.b, WhoB, "job-1", 10, nil}
	switch t.trial.Case {
	case CaseLateWrite:
		b.job = "job-2"
	case CaseBeforeFirstWrite, CaseSlowAcquire:
		b.stops = []step{stepWrite}
	case CaseLateRelease:
		b.job, b.stops = "job-2", []step{stepWrite}
		return []casting{a, b, {&t.c, WhoC, "job-2", 100, nil}}
	case CaseDuplicateJob, CaseSideEffect, CaseStuckWorker:
	}
	return []casting{a, b}
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
