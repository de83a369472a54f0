package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// The evidence checks of a pause: that what was to go wrong could go wrong, and that the controls did.
func (f *pauseFacts) evidenceChecks() []Check {
	checks := []Check{
		checkPauseOutlasts(f.p), f.checkPauseMeasured(),
		must(Check{Name: CheckUndisturbed, Kind: OfEvidence, Want: "no worker loses its hold but the one that is meant to"}, f.runs, (*pauseRun).disturbed, "none did"),
	}
	if s := f.where(func(r *pauseRun) bool { return r.trial.Case != CaseStuckWorker }); len(s) > 0 {
		checks = append(checks, must(Check{Name: CheckPassedOn, Kind: OfEvidence, Want: "the lock passes on while worker A stands still"}, s, func(r *pauseRun) string {
			if r.next() == nil {
				return "nobody else got the lock meanwhile"
			}
			return ""
		}, "it did"))
	}
	if s := f.where(func(r *pauseRun) bool { return r.writesLate() }); len(s) > 0 {
		checks = append(checks, must(Check{Name: CheckLateWrite, Kind: OfEvidence, Want: "worker A goes on, and writes after the lock has passed on"}, s, func(r *pauseRun) string {
			return r.noLateWrite()
		}, "it did"))
	}
	if s := f.where(func(r *pauseRun) bool { return r.trial.Case == CaseLateRelease }); len(s) > 0 {
		checks = append(checks, must(Check{Name: CheckLateRelease, Kind: OfEvidence, Want: "worker A gives the lock back late, while B has it, and C asks for it then"}, s,
			(*pauseRun).noLateRelease, "it did"))
	}
	for _, c := range []struct {
		name, want, good string
		ways             []Way
	}{
		{CheckUnfenced, "without a fence every run ends with a job done twice or an update lost", "it did", []Way{WayUnfenced}},
		{CheckUnsealed, "with a fence that is not sealed every run ends with a job done twice", "it did", []Way{WayUnsealed}},
		{CheckPlainDel, "a late plain DEL frees the next worker's lock in every run", "it did", []Way{WayPlainDel, WayPlainDelFenced}},
		{CheckUnchecked, "a hold that is counted from the answer ends with a job done twice in every run", "it did", []Way{WayUnchecked}},
		{CheckNoKey, "without an idempotency key money is taken twice in every run, with a fence or without", "it was", []Way{WayNoKey, WayNoKeyFenced}},
		{CheckRenewed, "a lock that is renewed whatever the work does is kept in every run", "it was", []Way{WayRenewed}},
	} {
		if s := f.of(c.ways...); len(s) > 0 {
			checks = append(checks, must(Check{Name: c.name, Kind: OfEvidence, Want: c.want}, s, func(r *pauseRun) string {
				switch {
				case !r.harmed():
					return "it did not, so the runs beside it show nothing"
				case r.trial.Way == WayRenewed && !r.waited():
					return "nobody asked for the lock meanwhile"
				}
				return ""
			}, c.good))
		}
	}
	return append(checks, f.checkAudit(), f.checkPauseRecords(), f.checkWorkersEnded(), f.checkPauseNotInterrupted())
}

func checkPauseOutlasts(p PauseParameters) Check {
	c := Check{Name: CheckPauseOutlasts, Kind: OfEvidence, Want: "the pause is longer than the lock lives", OK: p.For > p.TTL && p.TTL > 0}
	c.Got = fmt.Sprintf("a pause of %v against a lock of %v", p.For, p.TTL)
	if !c.OK && p.TTL > 0 {
		c.Got += ": nothing will happen, the lock is still there when the worker goes on; a longer --for, or a shorter --ttl"
	}
	return c
}

func (f *pauseFacts) checkPauseMeasured() Check {
	return must(Check{Name: CheckPauseMeasured, Kind: OfEvidence, Want: "worker A is seen to stand still at the worst step, for at least " + spanOf(f.p.For)}, f.runs, func(r *pauseRun) string {
		ms, ok := r.paused()
		mine := r.first()
		early := mine != nil && r.stood != nil && mine.start <= r.stood.AtMs
		switch {
		case r.stood == nil:
			return "it was not"
		case r.trial.Case == CaseSlowAcquire && early:
			return "it had read the answer to its request before it stood still"
		case r.trial.Case == CaseSlowAcquire && !slices.ContainsFunc(r.events, func(e Event) bool { return e.What == Taken && e.OK != nil }):
			return "nobody looked whether the lock was its own when it stood still"
		case r.trial.Case != CaseSlowAcquire && !early:
			return "it did not have the lock when it stood still"
		case r.trial.Case != CaseSlowAcquire && !r.looked():
			return "it had not looked at its hold before it stood still"
		case !ok:
			return "it is not known for how long"
		case ms < Ms(f.p.For.Duration()):
			return "it stood still for " + span(ms) + " only"
		}
		return ""
	}, "it was")
}

// writesLate reports whether the run is one in which worker A is to write when it goes on.
func (r *pauseRun) writesLate() bool {
	switch r.trial.Way {
	case WayChecked, WayCheckedFenced, WayRenewed:
		return false
	case WayProgress:
		return !r.kept()
	default:
		return r.trial.Case != CaseLateRelease
	}
}

// noLateWrite says why the late write of A shows nothing, "" if it does.
func (r *pauseRun) noLateWrite() string {
	w := r.lateWrite()
	switch {
	case w == nil:
		return "no late write was tried"
	case r.trial.Case == CaseSideEffect && !slices.ContainsFunc(r.charges, func(e Event) bool { return e.By == WhoA }):
		return "no late payment was tried"
	case r.trial.Case == CaseBeforeFirstWrite && slices.ContainsFunc(r.writes, func(o pauseWrite) bool { return o.Who != WhoA && o.AtMs < w.AtMs }):
		return "the next worker had written before"
	case r.trial.Way.seals() && r.trial.Way != WayUncheckedFenced && !w.stale():
		return "the resource had not seen a greater token by then"
	}
	return ""
}

// waited reports whether another worker asked for the lock while A stood still, and was told to wait.
func (r *pauseRun) waited() bool {
	return slices.ContainsFunc(r.events, func(e Event) bool {
		return e.What == Denied && e.Who != WhoA && r.stood != nil && r.wentOn != nil && e.AtMs >= r.stood.AtMs && e.AtMs <= r.wentOn.AtMs
	})
}

// looked reports whether A saw that its hold was good before it stood still.
func (r *pauseRun) looked() bool {
	return slices.ContainsFunc(r.events, func(e Event) bool {
		return e.What == Checked && e.Who == WhoA && e.OK != nil && *e.OK && e.AtMs <= r.stood.AtMs
	})
}

// noLateRelease says why the release was not put to the test, "" if it was.
func (r *pauseRun) noLateRelease() string {
	var release, asked *Event
	for i := range r.events {
		e := &r.events[i]
		switch {
		case e.What == Released && e.Who == WhoA && r.wentOn != nil && e.AtMs >= r.wentOn.AtMs:
			first(&release, e)
		case e.What == Asked && e.Who == WhoC && release != nil:
			first(&asked, e)
		}
	}
	b := r.next()
	switch {
	case release == nil:
		return "worker A did not give the lock back after it had stood still"
	case b == nil || !(release.AtMs < b.good) || b.end != nil && b.end.AtMs < release.AtMs:
		return "nobody had the lock when worker A gave it back"
	case asked == nil || b.end != nil && b.end.AtMs < asked.AtMs:
		return "nobody asked for the lock afterwards, while B had it"
	}
	return ""
}

// checkAudit holds what workers were told against what is in the resource in the end.
func (f *pauseFacts) checkAudit() Check {
	return must(Check{Name: CheckAudit, Kind: OfEvidence, Want: "what is in the resource is what workers wrote and were told"}, f.runs, func(r *pauseRun) string {
		if r.balance == nil {
			return "nobody looked into the resource in the end"
		}
		for _, w := range r.writes {
			if w.answered(true) && !r.stored(w) {
				return fmt.Sprintf("%s was told that its write of %s is done, and it is not there", w.Who, w.Detail)
			}
		}
		for _, e := range r.effects {
			sent := false
			for _, w := range r.writes {
				sent = sent || w.Who == e.By && w.Detail == e.Detail
			}
			if !sent {
				return fmt.Sprintf("there is a write of %s by %s, which it never told of", e.Detail, e.By)
			}
		}
		return ""
	}, "it is")
}

// checkPauseRecords wants all runs of the plan, and what the other checks compare.
func (f *pauseFacts) checkPauseRecords() Check {
	c := Check{Name: CheckRecordsComplete, Kind: OfEvidence,
		Want: "every run of the plan was played, every event is of a known kind, every hold of a fenced run has a token, every write an outcome"}
	var missing []string
	if n := len(f.p.Plan) * f.p.Repeat; len(f.runs) != n || n == 0 {
		missing = append(missing, fmt.Sprintf("%d of %d runs were played", len(f.runs), n))
	}
	if len(f.odd) > 0 {
		missing = append(missing, fmt.Sprintf("%s of no run of the plan", count(len(f.odd), "event")))
	}
	events := 0
	for _, r := range f.runs {
		events += len(r.events)
		if why := r.incomplete(); why != "" {
			missing = append(missing, fmt.Sprintf("%v: %s", r, why))
		}
	}
	c.OK, c.Got = len(missing) == 0, firstOf(missing)
	if c.OK {
		c.Got = fmt.Sprintf("%s, %s", count(len(f.runs), "run"), count(events, "event"))
	}
	return c
}

// incomplete says what the events of a run do not say, "" if nothing is missing.
func (r *pauseRun) incomplete() string {
	for _, e := range r.events {
		switch {
		case !knownOfPause(e.What):
			return fmt.Sprintf("an event of the unknown kind %q", e.What)
		case r.trial.Way.fenced() && (e.What == Acquired || e.What == WriteSent) && e.Token == 0:
			return fmt.Sprintf("%s of %s without a token", e.What, e.Who)
		}
	}
	for _, w := range r.writes {
		if w.answer == nil || w.answer.OK == nil {
			return fmt.Sprintf("%s's write has no outcome", w.Who)
		}
	}
	for _, e := range r.events {
		switch {
		case e.What == WriteAnswered && !slices.ContainsFunc(r.writes, func(w pauseWrite) bool { return w.Who == e.Who }):
			return fmt.Sprintf("%s's answer is to no write", e.Who)
		case e.What == ChargeSent && !slices.ContainsFunc(r.charges, func(c Event) bool { return c.By == e.Who }):
			return fmt.Sprintf("%s's payment has no outcome", e.Who)
		}
	}
	for _, h := range r.holds {
		sealed := func(e Event) bool { return e.What == Sealed && e.Who == h.who && e.Token == h.token && e.OK != nil }
		if r.trial.Way.seals() && !slices.ContainsFunc(r.events, sealed) {
			return fmt.Sprintf("it is not known whether %s sealed", h.who)
		}
	}
	return ""
}

func (f *pauseFacts) checkWorkersEnded() Check {
	return must(Check{Name: CheckWorkersEnded, Kind: OfEvidence, Want: "every worker comes to its end"}, f.runs, func(r *pauseRun) string {
		if r.dead != nil {
			return fmt.Sprintf("%s did not: %s", r.dead.Who, r.dead.Detail)
		}
		return ""
	}, "they did")
}

func (f *pauseFacts) checkPauseNotInterrupted() Check {
	c := Check{Name: CheckNotInterrupted, Kind: OfEvidence, Want: "the run is not interrupted", OK: true, Got: "it was not"}
	for _, r := range f.runs {
		for _, e := range r.events {
			if e.What == Interrupted {
				c.OK, c.Got = false, fmt.Sprintf("it was, in %v", r)
				return c
			}
		}
	}
	return c
}

// doers names those who did a job, in the resource's order: "B, A".
func (r *pauseRun) doers(job string) string {
	var who []string
	for _, e := range r.effects {
		if e.Detail == job {
			who = append(who, e.By)
		}
	}
	return strings.Join(who, ", ")
}
