package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// The checks of the rate limit scenario.
const (
	CheckWithinBound      = "within-bound"
	CheckWithinBoundLoss  = "within-bound-after-a-loss"
	CheckNoErrors         = "no-errors"
	CheckOneRoundTrip     = "one-round-trip"
	CheckAbuserKeptOff    = "abuser-kept-off"
	CheckControlExceeds   = "control-exceeds"
	CheckBoundApproached  = "bound-approached"
	CheckLossShown        = "loss-shown"
	CheckFaultsHappened   = "faults-happened"
	CheckLimitsMeasured   = "measured"
	CheckAdmitsAgain      = "admits-again"
	CheckLimitUndisturbed = "not-interrupted"
)

func (e RateLimitEvidence) judge() Result {
	f := deriveLimits(e)
	fig := f.figures()
	var checks []Check
	own := slices.DeleteFunc(slices.Clone(f.p.Modes), func(m string) bool { return !ownMode(m) })
	if len(own) > 0 {
		checks = append(checks,
			f.each(own, Check{Name: CheckWithinBound, Kind: OfSafety, Want: "in no period is more admitted of a user than the mode declares"}, func(mode string, m *modeFacts) (string, bool) {
				if m.calm == nil {
					return "not observed", true // CheckBoundApproached fails then.
				}
				n, bound := m.calm.Figures["admitted"], f.p.Bounds[mode].Bound
				return fmt.Sprintf("%s of %d", number(n), bound), n <= float64(bound)
			}),
			f.each(own, Check{Name: CheckWithinBoundLoss, Kind: OfSafety, Want: "nor more than that and what Redis has forgotten, in one in which it was restarted"}, func(mode string, m *modeFacts) (string, bool) {
				if m.ever == nil {
					return "not observed", true
				}
				b := f.p.Bounds[mode]
				n, bound := m.ever.Figures["admitted"], b.Bound+b.Loss
				return fmt.Sprintf("%s of %d", number(n), bound), n <= float64(bound)
			}),
			f.each(own, Check{Name: CheckNoErrors, Kind: OfSafety, Want: "no request ends with an error, whatever breaks"}, func(_ string, m *modeFacts) (string, bool) {
				n := m.errors + m.measuredErrors
				if n > 0 {
					return fmt.Sprintf("%s: %s", count(int(n), "error"), m.firstError), false
				}
				return "none", true
			}),
		)
	}
	checks = append(checks, f.tripsCheck(fig)...)
	checks = append(checks, f.abuserCheck(fig)...)
	checks = append(checks, f.evidenceChecks(own, fig)...)
	if len(own) > 0 {
		checks = append(checks, f.each(own, Check{Name: CheckAdmitsAgain, Kind: OfLiveness, Want: "when Redis is back requests are admitted again"}, func(_ string, m *modeFacts) (string, bool) {
			return number(m.afterRestart), m.afterRestart > 0
		}))
	}
	r := Result{Checks: checks, Figures: fig}
	r.Verdict, r.Reasons = Conclude(checks)
	r.Exit = r.Verdict.Exit()
	if r.Verdict == Safe {
		r.Reasons = f.safeReasons(own, fig)
	}
	return r
}

// each checks all modes of a list, and says what each came to.
func (f *limitFacts) each(modes []string, c Check, look func(mode string, m *modeFacts) (got string, ok bool)) Check {
	c.OK = true
	var got []string
	for _, mode := range modes {
		text, ok := look(mode, f.modes[mode])
		c.OK = c.OK && ok
		got = append(got, mode+": "+text)
	}
	c.Got = strings.Join(got, "; ")
	return c
}

func (f *limitFacts) tripsCheck(fig map[string]float64) []Check {
	strict, ok := fig["strict_round_trips_per_decision"]
	if !ok {
		return nil
	}
	return []Check{{
		Name: CheckOneRoundTrip, Kind: OfSafety, Want: "a strict decision takes one round trip", OK: strict <= 1, Got: fmt.Sprintf("it took %s", number(strict)),
	}}
}

func (f *limitFacts) abuserCheck(fig map[string]float64) []Check {
	calls, ok := fig["abuser_calls_per_interval"]
	if !ok {
		return nil
	}
	checks := []Check{{
		Name: CheckAbuserKeptOff, Kind: OfSafety, Want: "an abuser costs at most two calls of Redis per token that it is given", OK: calls <= 2,
		Got: fmt.Sprintf("%.0f attempts per second, %.2f calls per token", fig["abuser_attempts_per_s"], calls),
	}}
	return checks
}

func (f *limitFacts) evidenceChecks(own []string, fig map[string]float64) []Check {
	var checks []Check
	if m := f.modes[ModeUnsynchronised]; m != nil {
		n := fig[figureName(ModeUnsynchronised)+"_admitted_max"]
		checks = append(checks, Check{
			Name: CheckControlExceeds, Kind: OfEvidence, Want: "counters that know nothing of each other admit far more than the limit: the load could have shown a violation",
			OK: n >= 2*float64(f.p.Max), Got: fmt.Sprintf("%s of a limit of %d", number(n), f.p.Max),
		})
	}
	if len(own) > 0 {
		checks = append(checks, f.each(own, Check{Name: CheckBoundApproached, Kind: OfEvidence, Want: "each mode is driven to four fifths of its bound"}, func(mode string, m *modeFacts) (string, bool) {
			if m.calm == nil {
				return "not observed", false
			}
			n := m.calm.Figures["admitted"]
			return fmt.Sprintf("%s of %d", number(n), f.p.Bounds[mode].Bound), n >= 0.8*float64(f.p.Bounds[mode].Bound)
		}))
	}
	if len(own) > 0 {
		loss := f.each(own, Check{Name: CheckLossShown, Kind: OfEvidence, Want: "when Redis has forgotten, more than its bound is admitted in some mode: the loss could have been too large"}, func(mode string, m *modeFacts) (string, bool) {
			if m.ever == nil {
				return "not observed", true
			}
			return fmt.Sprintf("%s, bound %d", number(m.ever.Figures["admitted"]), f.p.Bounds[mode].Bound), true
		})
		loss.OK = slices.ContainsFunc(own, func(mode string) bool {
			m := f.modes[mode]
			return m.ever != nil && m.ever.Figures["admitted"] > float64(f.p.Bounds[mode].Bound)
		})
		checks = append(checks, loss)
	}
	faults := Check{Name: CheckFaultsHappened, Kind: OfEvidence, Want: "the scripts are flushed, servers are cut off and back, and Redis is restarted", OK: true, Got: "they were"}
	for _, what := range []string{Began, Flushed, Cut, Heal, Restarting, Restarted} {
		if len(f.events[what]) == 0 {
			faults.OK, faults.Got = false, what+" did not happen"
			break
		}
	}
	checks = append(checks, faults, Check{
		Name: CheckLimitsMeasured, Kind: OfEvidence, Want: "speed is measured in at least 5 turns", OK: fig["measured_turns"] >= 5, Got: number(fig["measured_turns"]) + " turns",
	})
	if len(f.events[Interrupted]) > 0 {
		checks = append(checks, Check{Name: CheckLimitUndisturbed, Kind: OfEvidence, Want: "the run comes to its end", Got: "it was interrupted"})
	}
	return checks
}

func (f *limitFacts) safeReasons(own []string, fig map[string]float64) (reasons []string) {
	var said []string
	for _, mode := range own {
		said = append(said, fmt.Sprintf("%s %s of %d", mode, number(fig[figureName(mode)+"_admitted_max"]), f.p.Bounds[mode].Bound))
	}
	if len(said) > 0 {
		reasons = append(reasons, fmt.Sprintf("most admitted in any %v: %s", f.p.per(), strings.Join(said, ", ")))
	}
	said = nil
	for _, mode := range f.p.Modes {
		if n, ok := fig[figureName(mode)+"_admitted_max"]; ok && !ownMode(mode) {
			said = append(said, mode+" "+number(n))
		}
	}
	if len(said) > 0 {
		reasons = append(reasons, "under the same load: "+strings.Join(said, ", "))
	}
	return reasons
}
