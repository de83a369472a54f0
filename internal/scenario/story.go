package scenario

import (
	"fmt"
	"io"
)

// A Story is the evidence of one run, with the rules of its scenario: [Evidence] of a partition, [PauseEvidence] of a pause, [RateLimitEvidence] of a rate limit. Whatever follows from it follows from
// nothing else: [Judge] derives the verdict, [NewReport] the JSON object, [Lanes], [Walkthrough] and [WriteHTML] what there is to look at.
type Story interface {
	judge() Result
	report(r Result) Report
	lanes(s Style) string
	walkthrough() []Paragraph
	page(r Result) page
}

// Judge turns a story into a result. It looks at nothing else, never panics, and returns the same result for the same evidence.
// Evidence of a scenario that it does not know is inconclusive.
func Judge(s Story) Result { return s.judge() }

// NewReport puts a story and what [Judge] made of it into one report. The events are in the order of the evidence.
func NewReport(s Story, r Result) Report { return s.report(r) }

// Lanes draws who believed and who owned, and what arrived at the resource, on one time axis for each run.
// Every line ends with a newline. It draws nothing if nobody ever acquired a lock.
func Lanes(s Story, style Style) string { return s.lanes(style) }

// Walkthrough tells a story in plain words. It says only what the events back: a topic that nobody observed is left out.
func Walkthrough(s Story) []Paragraph { return s.walkthrough() }

// WriteHTML writes a report as one HTML page that needs nothing else: no network, no script, no font. It
// returns the error of [Report.Story], with nothing written, or that of w, with part of the page written.
func WriteHTML(w io.Writer, r Report) error {
	s, err := r.Story()
	if err != nil {
		return err
	}
	return s.page(r.Result()).write(w)
}

// Story returns what the result was derived from. It returns an error that matches [ErrNotCheckable] if the report is of a scenario
// that has no evidence, and one that matches [ErrNotReport] if the parameters are not those of the scenario.
func (r Report) Story() (Story, error) {
	switch r.Scenario {
	case PartitionScenario:
		return r.Evidence()
	case PauseScenario:
		return r.PauseEvidence()
	case RateLimitScenario:
		return r.RateLimitEvidence()
	}
	return nil, fmt.Errorf("%w: the verdict of %q does not follow from events", ErrNotCheckable, r.Scenario)
}
