package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CheckStoredResult is the evidence check that [Recheck] adds: a report that contradicts itself proves nothing.
const CheckStoredResult = "stored-result"

// Load reads a report from a file, or from the report.json in a directory. It returns a [*FileError]: one that matches [ErrNotReport] if
// what it found is not a report (not JSON, more than one object, another format, an unknown verdict, no events, no parameters), and
// otherwise one that matches what the operating system said, such as [io/fs.ErrNotExist].
func Load(path string) (Report, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, ReportFile)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return Report{}, &FileError{Path: path, Err: err}
	}
	r, why := decode(content)
	if why != "" {
		return Report{}, &FileError{Path: path, Why: why, Err: ErrNotReport}
	}
	return r, nil
}

// decode parses a report, or says why it is none.
func decode(content []byte) (r Report, why string) {
	dec := json.NewDecoder(bytes.NewReader(content))
	if err := dec.Decode(&r); err != nil {
		return Report{}, err.Error()
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Report{}, "there is something after the object"
	}
	switch {
	case r.Format == 0 && r.Verdict == "" && r.Scenario == "":
		return Report{}, "it has neither format nor scenario nor verdict"
	case r.Format != ReportFormat:
		return Report{}, fmt.Sprintf("it has format %d, and this version reads format %d", r.Format, ReportFormat)
	case r.Scenario == "":
		return Report{}, "it has no scenario"
	case r.Verdict == "":
		return Report{}, "it has no verdict"
	case len(r.Checks) == 0:
		return Report{}, "it has no checks"
	case r.Figures == nil:
		return Report{}, "it has no figures"
	case len(r.Parameters) == 0 || r.Parameters[0] != '{':
		return Report{}, "it has no parameters"
	case r.Events == nil || (r.Scenario == PartitionScenario && len(r.Events) == 0):
		return Report{}, "it has no events"
	}
	return r, ""
}

// Recheck reads a report as [Load] does and derives its result again, from the parameters and the events only. It returns the result as
// stored and as derived. If they differ, the derived one has a failed check "stored-result" that names every difference; such a report
// is never safe. Checks and figures that the stored result does not have are no difference: a newer version may look at more.
// It returns the errors of Load, and one that matches [ErrNotCheckable] for a scenario whose verdict does not follow from events.
func Recheck(path string) (stored, derived Result, err error) {
	r, err := Load(path)
	if err != nil {
		return Result{}, Result{}, err
	}
	s, err := r.Story()
	if err != nil {
		return Result{}, Result{}, fmt.Errorf("%w (%s)", err, path)
	}
	stored, derived = r.Result(), Judge(s)
	c := Check{Name: CheckStoredResult, Kind: OfEvidence, Want: "the events lead to the result that the report states", OK: true, Got: "they do"}
	if diff := differences(stored, derived); len(diff) > 0 {
		c.OK, c.Got = false, strings.Join(diff, "; ")
	}
	derived.Checks = append(derived.Checks, c)
	verdict, reasons := Conclude(derived.Checks)
	if !c.OK {
		derived.Verdict, derived.Exit, derived.Reasons = verdict, verdict.Exit(), reasons
	}
	return stored, derived, nil
}

// differences names what the stored result says that the derived one does not.
func differences(stored, derived Result) []string {
	var diff []string
	differ := func(what string, was, is any) {
		diff = append(diff, fmt.Sprintf("%s: the report says %v, the events say %v", what, was, is))
	}
	if stored.Verdict != derived.Verdict {
		differ("verdict", stored.Verdict, derived.Verdict)
	}
	if stored.Exit != derived.Exit {
		differ("exit", stored.Exit, derived.Exit)
	}
	if stored.OwnerAfterRecovery != derived.OwnerAfterRecovery {
		differ("owner_after_recovery", orNothing(stored.OwnerAfterRecovery), orNothing(derived.OwnerAfterRecovery))
	}
	for _, c := range stored.Checks {
		i := slices.IndexFunc(derived.Checks, func(d Check) bool { return d.Name == c.Name })
		switch {
		case i < 0:
			differ("check "+c.Name, outcome(c.OK), "nothing")
		case derived.Checks[i].OK != c.OK:
			differ("check "+c.Name, outcome(c.OK), outcome(derived.Checks[i].OK))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(stored.Figures)) {
		is, ok := derived.Figures[name]
		switch {
		case !ok:
			differ("figure "+name, number(stored.Figures[name]), "nothing")
		case is != stored.Figures[name]:
			differ("figure "+name, number(stored.Figures[name]), number(is))
		}
	}
	return diff
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func outcome(ok bool) string {
	if ok {
		return "ok"
	}
	return "failed"
}
