package scenario

import (
	"fmt"
	"slices"
)

// The checks of a pause, beside [CheckNoStaleWriteAccepted], [CheckTokensRise], [CheckRecordsComplete] and [CheckNotInterrupted].
const (
	CheckEffectsOnce    = "effects-once"
	CheckHoldsApart     = "holds-do-not-overlap"
	CheckChargedOnce    = "charged-once-with-key"
	CheckPauseOutlasts  = "pause-outlasts-lock"
	CheckPauseMeasured  = "pause-measured"
	CheckUndisturbed    = "undisturbed"
	CheckPassedOn       = "lock-passed-on"
	CheckLateWrite      = "late-write-tried"
	CheckLateRelease    = "late-release-tried"
	CheckUnfenced       = "control-without-fence"
	CheckUnsealed       = "control-without-seal"
	CheckPlainDel       = "control-plain-del"
	CheckUnchecked      = "control-unchecked"
	CheckNoKey          = "control-without-key"
	CheckRenewed        = "control-renewed"
	CheckAudit          = "audit-agrees"
	CheckWorkersEnded   = "workers-ended"
	CheckOwnerGetsThere = "owner-gets-through"
	CheckStuckLetsGo    = "stuck-worker-lets-go"
)

func (e PauseEvidence) judge() Result {
	f := derivePause(e)
	var checks []Check
	switch {
	case e.Scenario != PauseScenario:
		checks = []Check{unknownScenario(e.Scenario)}
	case e.Parameters.For <= e.Parameters.TTL:
		checks = []Check{checkPauseOutlasts(e.Parameters)} // Nothing else has been tried.
	default:
		checks = slices.Concat(f.safetyChecks(), f.evidenceChecks(), f.livenessChecks())
	}
	r := Result{Checks: checks, Figures: f.figures()}
	r.Verdict, r.Reasons = Conclude(checks)
	r.Exit = r.Verdict.Exit()
	if r.Verdict == Safe {
		r.Reasons = f.safeReasons()
	}
	return r
}

// A set is some of the runs.
type set []*pauseRun

// of returns the runs that are played in one of these ways.
func (f *pauseFacts) of(ways ...Way) set {
	return f.where(func(r *pauseRun) bool { return slices.Contains(ways, r.trial.Way) })
}

func (f *pauseFacts) where(match func(*pauseRun) bool) set {
	var s set
	for _, r := range f.runs {
		if match(r) {
			s = append(s, r)
		}
	}
	return s
}

// count returns how many match, and the first that does.
func (s set) count(match func(*pauseRun) bool) (n int, first *pauseRun) {
	for _, r := range s {
		if match(r) {
			if n++; n == 1 {
				first = r
			}
		}
	}
	return n, first
}

func (s set) outOf(n int) string { return fmt.Sprintf("%d of %d", n, len(s)) }

func (f *pauseFacts) planned(match func(Trial) bool) bool {
	return slices.ContainsFunc(f.p.Plan, match)
}

// must is a check that no run of a set may fail: it names the first one that does.
func must(c Check, s set, wrong func(*pauseRun) string, good string) Check {
	var bad []string
	for _, r := range s {
		if why := wrong(r); why != "" {
			bad = append(bad, fmt.Sprintf("%v: %s", r, why))
		}
	}
	if c.OK = len(bad) == 0; c.OK {
		c.Got = fmt.Sprintf("%s, in %s", good, count(len(s), "run"))
		return c
	}
	c.Got = fmt.Sprintf("%s: %s", s.outOf(len(bad)), firstOf(bad))
	return c
}

func (f *pauseFacts) safetyChecks() []Check {
	checks := []Check{
		must(Check{Name: CheckNoStaleWriteAccepted, Kind: OfSafety, Want: "no write with a token below one that the resource has seen is accepted"},
			f.where(func(r *pauseRun) bool { return r.trial.Way.fenced() }), (*pauseRun).staleAccepted, "none was"),
		must(Check{Name: CheckEffectsOnce, Kind: OfSafety, Want: "no job has two effects and no update is lost, wherever that is promised"},
			f.where((*pauseRun).promised), (*pauseRun).spoiledHow, "each job has one effect and all updates stand"),
		must(Check{Name: CheckTokensRise, Kind: OfSafety, Want: "each hold has a greater token than all before it"}, f.runs, (*pauseRun).fallenToken, "they do"),
		must(Check{Name: CheckHoldsApart, Kind: OfSafety, Want: "no worker gets the lock while another's hold is good, unless a plain DEL or a clock that starts late lets it in"},
			f.where(func(r *pauseRun) bool {
				return !r.trial.Way.usurps()
			}), func(r *pauseRun) string {
				by, owner := r.intruder()
				if by == nil {
					return ""
				}
				return fmt.Sprintf("%s got the lock at %s, when %s's hold was good until %s", by.who, at(by.start), owner.who, at(owner.good))
			}, "none did"),
	}
	if s := f.of(WayKey); len(s) > 0 {
		checks = append(checks, must(Check{Name: CheckChargedOnce, Kind: OfSafety, Want: "with an idempotency key money is taken once"}, s, func(r *pauseRun) string {
			if n := r.charged(); n > 1 {
				return fmt.Sprintf("it was taken %d times", n)
			}
			return ""
		}, "it was"))
	}
	return checks
}

// unsafe reports whether a safety check fails.
func (f *pauseFacts) unsafe() bool {
	return slices.ContainsFunc(f.safetyChecks(), func(c Check) bool { return !c.OK })
}

// promised reports whether the run promises that each job has one effect. Without a fence nobody can promise that to a worker whose hold is over.
func (r *pauseRun) promised() bool {
	if r.trial.Way.fenced() {
		return !r.trial.Way.control() || r.trial.Way == WayRenewed
	}
	return !r.trial.Way.control() && r.disturbed() == ""
}

// staleAccepted says which stale write was let through, "" if none was.
func (r *pauseRun) staleAccepted() string {
	for _, w := range r.writes {
		if w.stale() && r.accepted(w) {
			return fmt.Sprintf("%s's write with token %s was accepted at %s, after token %s", w.Who, hex(w.Token), at(w.AtMs), hex(w.mark))
		}
	}
	return ""
}

// spoiledHow says what is wrong with the resource, "" if nothing is.
func (r *pauseRun) spoiledHow() string {
	switch {
	case r.twice() != "":
		return fmt.Sprintf("%s was done twice, by %s", r.twice(), r.doers(r.twice()))
	case r.lost() > 0:
		return fmt.Sprintf("an update is lost: %s of what was added is not there", number(r.lost()))
	}
	return ""
}

// fallenToken says which token is not above those before it, "" if all are.
func (r *pauseRun) fallenToken() string {
	greatest := uint64(0)
	for _, h := range r.holds {
		if h.token == 0 {
			continue
		}
		if h.token <= greatest {
			return fmt.Sprintf("%s got token %s at %s, after token %s", h.who, hex(h.token), at(h.start), hex(greatest))
		}
		greatest = h.token
	}
	return ""
}

func (f *pauseFacts) livenessChecks() []Check {
	var checks []Check
	if s := f.where(func(r *pauseRun) bool {
		return r.trial.Way.fenced() && r.trial.Case != CaseStuckWorker && !r.trial.Way.usurps()
	}); len(s) > 0 {
		checks = append(checks, must(Check{Name: CheckOwnerGetsThere, Kind: OfLiveness, Want: "a fence lets the worker through that has the lock"}, s, func(r *pauseRun) string {
			for _, w := range r.writes {
				if !w.late && r.accepted(w) {
					return ""
				}
			}
			return "no write of an owner of the lock was accepted"
		}, "it does"))
	}
	if s := f.of(WayProgress); len(s) > 0 {
		checks = append(checks, must(Check{Name: CheckStuckLetsGo, Kind: OfLiveness, Want: "a lock whose renewal follows the work passes on while the work is stuck"}, s, func(r *pauseRun) string {
			if r.kept() {
				return "nobody else got the lock"
			}
			return ""
		}, "it did"))
	}
	return checks
}
