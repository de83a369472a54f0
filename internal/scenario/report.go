package scenario

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// ReportFormat is the format of the reports that this version writes, and the only one that it reads.
const ReportFormat = 1

// The files that [Report.WriteFiles] writes.
const (
	ReportFile   = "report.json"
	EventsFile   = "events.jsonl"
	TimelineFile = "timeline.html"
)

var (
	// ErrNotReport is matched by the error of [Load] and [Recheck] for a file that can be read but is not a report.
	ErrNotReport = errors.New("scenario: not a report")
	// ErrNotCheckable is matched by the error of [Recheck] for a report whose verdict does not follow from its events, such as that of a
	// benchmark.
	ErrNotCheckable = errors.New("scenario: the report cannot be checked again")
)

// A FileError says what is wrong with a report on disk. It is a value that is never changed once it is returned.
type FileError struct {
	Path string
	// Why is a sentence without full stop, "" if Err says it all.
	Why string
	// Err is the sentinel, or what the operating system said.
	Err error
}

// Error returns the path, the sentinel and the reason in one line.
func (e *FileError) Error() string {
	if e.Why == "" {
		return fmt.Sprintf("scenario: %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%v: %s: %s", e.Err, e.Path, e.Why)
}

// Unwrap returns Err.
func (e *FileError) Unwrap() error { return e.Err }

// A Report is the one JSON object that every experiment prints. It holds the evidence next to the result, so that the result can be
// derived again. A Report is safe for concurrent use as long as nobody changes it; the zero Report is not a valid one.
type Report struct {
	Format   int     `json:"format"`
	Scenario string  `json:"scenario"`
	Engine   Engine  `json:"engine"`
	Verdict  Verdict `json:"verdict"`
	Exit     int     `json:"exit"`
	// OwnerAfterRecovery is absent where the question makes no sense or was not answered.
	OwnerAfterRecovery string             `json:"owner_after_recovery,omitempty"`
	Reasons            []string           `json:"reasons"`
	Checks             []Check            `json:"checks"`
	Figures            map[string]float64 `json:"figures"`
	// Parameters is an object; its fields are the scenario's own.
	Parameters json.RawMessage `json:"parameters"`
	Predicted  Window          `json:"predicted,omitzero"`
	Events     []Event         `json:"events"`
}

func (e Evidence) report(r Result) Report {
	// Parameters holds nothing that can fail to marshal.
	report, _ := NewPlainReport(e.Scenario, e.Engine, e.Parameters, r, e.Events)
	report.Predicted = e.Predicted
	return report
}

// NewPlainReport makes the report of an experiment that has parameters of its own and no evidence to judge by: parameters must marshal to
// a JSON object, r has been filled by the experiment (see [Conclude]), and events may be nil.
// It returns an error, and no report, for parameters that are no object.
func NewPlainReport(scenario string, engine Engine, parameters any, r Result, events []Event) (Report, error) {
	raw, err := json.Marshal(parameters)
	if err != nil {
		return Report{}, fmt.Errorf("scenario: parameters of %s: %w", scenario, err)
	}
	if len(raw) == 0 || raw[0] != '{' {
		return Report{}, fmt.Errorf("scenario: parameters of %s: %s is not a JSON object", scenario, raw)
	}
	return Report{
		Format: ReportFormat, Scenario: scenario, Engine: engine,
		Verdict: r.Verdict, Exit: r.Exit, OwnerAfterRecovery: r.OwnerAfterRecovery,
		// Never null in JSON.
		Reasons: append([]string{}, r.Reasons...), Checks: append([]Check{}, r.Checks...), Figures: mapOf(r.Figures),
		Parameters: raw, Events: append([]Event{}, events...),
	}, nil
}

func mapOf(m map[string]float64) map[string]float64 {
	if m == nil {
		return map[string]float64{}
	}
	return m
}

// Result returns the result as the report states it.
func (r Report) Result() Result {
	return Result{Verdict: r.Verdict, Exit: r.Exit, OwnerAfterRecovery: r.OwnerAfterRecovery, Reasons: r.Reasons, Checks: r.Checks, Figures: r.Figures}
}

// Evidence returns the evidence of a report of the partition scenario. It fails as [Report.Story] does, for the report of another scenario too.
func (r Report) Evidence() (Evidence, error) {
	if r.Scenario != PartitionScenario {
		return Evidence{}, fmt.Errorf("%w: %q is no partition", ErrNotCheckable, r.Scenario)
	}
	e := Evidence{Scenario: r.Scenario, Engine: r.Engine, Predicted: r.Predicted, Events: r.Events}
	if err := json.Unmarshal(r.Parameters, &e.Parameters); err != nil {
		return Evidence{}, fmt.Errorf("%w: parameters: %w", ErrNotReport, err)
	}
	return e, nil
}

// Encode writes the report to w as indented JSON with a newline at the end. It returns the error of w, with part of the report written.
func (r Report) Encode(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("scenario: encode report: %w", err)
	}
	return nil
}

// WriteFiles writes report.json, events.jsonl (one event per line, by time) and, for a report that [Report.Story] accepts,
// timeline.html into a directory, which it makes if it is not there. Files of these names are replaced, each at one instant.
// It returns a [*FileError] for the first thing that failed; what was written before stays.
func (r Report) WriteFiles(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return &FileError{Path: dir, Err: err}
	}
	files := map[string]func(io.Writer) error{ReportFile: r.Encode, EventsFile: r.encodeEvents}
	if _, err := r.Story(); err == nil {
		files[TimelineFile] = func(w io.Writer) error { return WriteHTML(w, r) }
	}
	for _, name := range []string{ReportFile, EventsFile, TimelineFile} {
		encode, wanted := files[name]
		if !wanted {
			continue
		}
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(dir, name), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// encodeEvents writes one event per line, run by run, by time.
func (r Report) encodeEvents(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	events := slices.Clone(r.Events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.AtMs, b.AtMs)) })
	for _, e := range events {
		if err := enc.Encode(e); err != nil {
			return fmt.Errorf("scenario: encode events: %w", err)
		}
	}
	return nil
}

// replaceFile writes a file next to its place and moves it there, so that nobody ever reads half of it.
func replaceFile(path string, content []byte) error {
	next := path + ".tmp"
	if err := os.WriteFile(next, content, 0o644); err != nil {
		return &FileError{Path: path, Err: err}
	}
	if err := os.Rename(next, path); err != nil {
		_ = os.Remove(next)
		return &FileError{Path: path, Err: err}
	}
	return nil
}
