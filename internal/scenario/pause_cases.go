package scenario

import (
	"context"
	"fmt"
	"time"
)

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
	if what == Stuck {
		return nil
	}
	if t.trial.Case == CaseSlowAcquire {
		taken, err := t.run.taken(ctx, t.run.lockPlace(t.place(), t.trial))
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		t.rec.now(Event{Who: WhoHarness, What: Taken, OK: &taken})
	}
	return t.a.goOn() // It reads that when it runs again.
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
