package scenario

import (
	"errors"
	"fmt"
)

// A Verdict is the conclusion of a run. The zero Verdict is none.
type Verdict string

// The verdicts, in the order in which [Conclude] looks for them.
const (
	Violated     Verdict = "violated"     // a safety check failed: two owners, a stale write accepted, a token that did not rise
	Inconclusive Verdict = "inconclusive" // an evidence check failed: the run could not have shown a violation
	Stalled      Verdict = "stalled"      // a liveness check failed: safe, but the lock did not move on in time
	Safe         Verdict = "safe"         // nothing failed
)

// ErrBadVerdict is returned, wrapped with the text, for a verdict that does not exist.
var ErrBadVerdict = errors.New("scenario: not a verdict")

// Exit returns the exit code that stands for v; a verdict that does not exist counts as inconclusive.
func (v Verdict) Exit() int {
	switch v {
	case Safe:
		return 0
	case Violated:
		return 1
	case Stalled:
		return 5
	case Inconclusive:
	}
	return 3
}

// UnmarshalText accepts the four verdicts. For anything else it returns an error that wraps [ErrBadVerdict] and leaves v as it was.
func (v *Verdict) UnmarshalText(b []byte) error {
	switch w := Verdict(b); w {
	case Safe, Violated, Inconclusive, Stalled:
		*v = w
		return nil
	}
	return fmt.Errorf("%w: %q", ErrBadVerdict, b)
}

// A CheckKind says what a failed check means for the verdict.
type CheckKind string

// The kinds of checks.
const (
	OfSafety   CheckKind = "safety"
	OfEvidence CheckKind = "evidence"
	OfLiveness CheckKind = "liveness"
)

// A Check is one thing that was looked at. It is a value; the zero Check is a failed one of no kind.
type Check struct {
	// Name is what other tools know the check by, such as "no-overlap".
	Name string `json:"name"`
	// Kind is what failing means.
	Kind CheckKind `json:"kind"`
	// Want and Got are for people: what had to be, and what was.
	Want string `json:"want"`
	Got  string `json:"got"`
	// OK is false if the check failed. A safety check fails only on proof; one that cannot be decided is OK here, says so in Got, and makes
	// an evidence check fail instead.
	OK bool `json:"ok"`
}

// A Result is what a run comes to. It is a value; the zero Result has no verdict.
type Result struct {
	Verdict Verdict
	// Exit is the exit code of the program that prints the result.
	Exit int
	// OwnerAfterRecovery is [OwnerHolder], [OwnerWaiter] or [OwnerNobody], and "" if it was not observed.
	OwnerAfterRecovery string
	// Reasons are the sentences that the verdict rests on, without full stops: what failed, or for a safe run what was shown.
	Reasons []string
	Checks  []Check
	// Figures by name, with the unit as suffix. A figure that was not observed is not in the map.
	Figures map[string]float64
}

func (e Evidence) judge() Result {
	f := derive(e.Events)
	checks := []Check{}
	switch {
	case e.Scenario != PartitionScenario:
		checks = append(checks, unknownScenario(e.Scenario))
	case e.Parameters.Recipe == RecipeProgram:
		checks = programChecks(e, &f)
	case e.Parameters.Kind == KindNone:
		checks = append(checks, safetyChecks(e, &f)...)
		checks = append(checks, controlChecks(e, &f)...)
	default:
		checks = append(checks, safetyChecks(e, &f)...)
		checks = append(checks, evidenceChecks(e, &f)...)
		checks = append(checks, livenessChecks(e, &f)...)
	}
	r := Result{Checks: checks, Figures: figures(e, &f), OwnerAfterRecovery: f.ownerAfterRecovery()}
	r.Verdict, r.Reasons = Conclude(checks)
	r.Exit = r.Verdict.Exit()
	if r.Verdict == Safe {
		r.Reasons = f.safeReasons(e)
	}
	return r
}

// unknownScenario is the check of evidence that nobody knows the rules for.
func unknownScenario(name string) Check {
	return Check{Name: "scenario-known", Kind: OfEvidence, Want: "a scenario with rules to judge it by", Got: fmt.Sprintf("%q", name)}
}

// Conclude returns the verdict that a list of checks comes to, and what the failed checks that decided it got. A failed safety check
// makes the run violated, whatever else failed; else a failed evidence check makes it inconclusive; else a failed liveness check makes
// it stalled; else it is safe, with no reasons. No checks at all is inconclusive.
func Conclude(checks []Check) (Verdict, []string) {
	if len(checks) == 0 {
		return Inconclusive, []string{"nothing was checked"}
	}
	failed := map[CheckKind][]string{}
	for _, c := range checks {
		if c.OK {
			continue
		}
		kind := c.Kind
		if kind != OfSafety && kind != OfLiveness {
			kind = OfEvidence
		}
		failed[kind] = append(failed[kind], c.Got)
	}
	for _, step := range []struct {
		kind    CheckKind
		verdict Verdict
	}{{OfSafety, Violated}, {OfEvidence, Inconclusive}, {OfLiveness, Stalled}} {
		if reasons := failed[step.kind]; reasons != nil {
			return step.verdict, reasons
		}
	}
	return Safe, nil
}
