package scenario

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

//go:embed timeline.html.tmpl
var timelineTemplate string

// write writes the page.
func (p page) write(w io.Writer) error {
	t, err := template.New("timeline").Parse(timelineTemplate)
	if err != nil {
		return fmt.Errorf("scenario: timeline template: %w", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("scenario: write timeline: %w", err)
	}
	return nil
}

// A page is what the template shows.
type page struct {
	Command, Title, Headline, Engine string
	Verdict                          Verdict
	Exit                             int
	Reasons                          []string
	Tiles                            []tile
	Outcomes                         []outcomeRow // where there are many runs
	Charts                           []chart
	Story                            []Paragraph
	Checks                           []checkGroup
	Figures                          []figureRow
	Zero                             string // what times are relative to
	Events                           []eventRow
	Omitted                          string // how many events are not in Events, if any
	Parameters                       []figureRow
}

type (
	tile       struct{ Name, Value, Note, Class string }
	checkGroup struct {
		Name   string
		Checks []Check
	}
	figureRow struct{ Name, Value string }
	// An eventRow with a Heading begins the events of a run, and has nothing else.
	eventRow   struct{ At, Who, Text, Note, Class, Heading string }
	outcomeRow struct{ What, How, Effects, Refused, Outcome, Class string }
)

func (e Evidence) page(r Result) page {
	f := derive(e.Events)
	p := pageOf(r)
	p.Command, p.Title, p.Headline, p.Engine, p.Zero = PartitionScenario, titleOf(e), headline(e, r), e.Engine.String(), "the cut"
	p.Tiles, p.Charts, p.Story, p.Parameters = tilesOf(r, &f), []chart{chartOf(e)}, Walkthrough(e), parametersOf(e.Parameters)
	var live Live
	for _, ev := range f.events {
		live.known.add(&ev)
		if !live.routine(ev) {
			p.Events = append(p.Events, rowOf(ev, say(ev, &f)))
		}
	}
	if n := len(f.events) - len(p.Events); n > 0 {
		p.Omitted = sentence(count(n, "event"))
	}
	return p
}

// pageOf returns what every page has.
func pageOf(r Result) page {
	p := page{Verdict: r.Verdict, Exit: r.Exit, Reasons: r.Reasons}
	for _, g := range []struct {
		kind CheckKind
		name string
	}{
		{OfSafety, "Safety: what must never happen"},
		{OfEvidence, "Evidence: whether this run could have shown it"},
		{OfLiveness, "Liveness: what must happen in time"},
	} {
		group := checkGroup{Name: g.name}
		for _, c := range r.Checks {
			if c.Kind == g.kind {
				group.Checks = append(group.Checks, c)
			}
		}
		if group.Checks != nil {
			p.Checks = append(p.Checks, group)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Figures)) {
		p.Figures = append(p.Figures, figureRow{name, number(r.Figures[name])})
	}
	return p
}

// rowOf is an event as the page shows it.
func rowOf(ev Event, s saying) eventRow {
	return eventRow{At: at(ev.AtMs), Who: s.who, Text: s.text, Note: s.note, Class: map[tone]string{
		toneDim: "dim", toneBelief: "belief", toneTruth: "truth", toneFault: "fault", toneGood: "good", toneBad: "bad",
	}[s.tone]}
}

func titleOf(e Evidence) string {
	p := e.Parameters
	if p.Kind == KindNone {
		return fmt.Sprintf("No cut for %s: the control", spanOf(p.For))
	}
	session := p.SessionNegotiated
	if session <= 0 {
		session = p.SessionRequested
	}
	return fmt.Sprintf("A partition of %s against a session of %s", spanOf(p.For), spanOf(session))
}

// headline says the verdict in one sentence.
func headline(e Evidence, r Result) string {
	failed := map[string]bool{}
	for _, c := range r.Checks {
		failed[c.Name] = !c.OK
	}
	switch r.Verdict {
	case Violated:
		var what []string
		switch {
		case failed[CheckOneOwnerAtATime]:
			what = append(what, "two owners at once")
		case failed[CheckNoOverlap]:
			what = append(what, "the holder believed in a lock that was gone")
		}
		if failed[CheckNoStaleWriteAccepted] {
			what = append(what, "a stale write got through")
		}
		if failed[CheckTokensRise] {
			what = append(what, "a token did not rise")
		}
		if len(what) == 0 {
			return "A safety check failed."
		}
		return sentence(strings.Join(what, ", and ")) + "."
	case Inconclusive:
		return "This run proves nothing either way."
	case Stalled:
		return "Safe, but the lock did not move on as it should."
	case Safe:
	}
	switch {
	case e.Parameters.Kind == KindNone:
		return "Nothing was cut, and nothing happened."
	case r.Figures["stale_writes_attempted"] > 0:
		return "Never two owners, and no stale write got through."
	}
	return "Never two owners."
}

// tilesOf picks the four answers that people ask for first.
func tilesOf(r Result, f *facts) []tile {
	const missing = "not observed"
	margin := tile{Name: "Margin", Value: missing, Note: "between the end of belief and of the node"}
	if ms, ok := r.Figures["margin_ms"]; ok {
		margin.Value, margin.Class = span(ms), "good"
		margin.Note = "belief ended this long before the node"
		if ms < 0 {
			margin = tile{Name: "Overlap", Value: span(-ms), Class: "bad", Note: "belief outlived the node this long"}
		}
	} else if gap, ok := r.Figures["belief_gap_ms"]; ok && gap >= 0 {
		margin = tile{Name: "Gap", Value: span(gap), Note: "from one owner's belief to the next one's"}
	}
	handover := tile{Name: "Hand-over", Value: missing, Note: "from node gone to the next owner"}
	if ms, ok := r.Figures["handover_ms"]; ok {
		handover.Value = span(ms)
		if most, ok := r.Figures["handover_max_ms"]; ok && ms == 0 && most > 0 {
			handover.Value = "≤ " + span(most)
		}
	}
	stale := tile{Name: "Stale writes accepted", Value: missing, Note: "of those that reached the resource"}
	if attempted, ok := r.Figures["stale_writes_attempted"]; ok {
		accepted := r.Figures["stale_writes_accepted"]
		stale.Value = fmt.Sprintf("%s of %s", number(accepted), number(attempted))
		switch {
		case accepted > 0:
			stale.Class = "bad"
		case attempted > 0:
			stale.Class = "good"
		default:
			stale.Note = "none reached the resource"
		}
	}
	owner := tile{Name: "Owner in the end", Value: missing, Note: "as read by the observer"}
	if r.OwnerAfterRecovery != "" {
		owner.Value = r.OwnerAfterRecovery
		if f.owner.Token != 0 {
			owner.Note = "with token " + hex(f.owner.Token)
		}
	}
	return []tile{margin, handover, stale, owner}
}

func parametersOf(p Parameters) []figureRow {
	yes := map[bool]string{true: "yes", false: "no"}
	rows := []figureRow{{"recipe", p.Recipe}, {"fault", strings.TrimSuffix(string(p.Kind)+", "+string(p.Direction), ", ")}, {"for", spanOf(p.For)}}
	rows = append(rows, figureRow{"session asked for", spanOf(p.SessionRequested)})
	if p.SessionNegotiated > 0 {
		rows = append(rows, figureRow{"session given", spanOf(p.SessionNegotiated)})
	}
	if p.Tick > 0 {
		rows = append(rows, figureRow{"tick", spanOf(p.Tick)})
	}
	return append(rows, figureRow{"clients", strconv.Itoa(p.Clients)}, figureRow{"lock path", p.LockPath}, figureRow{"resource fenced", yes[p.Fenced]},
		figureRow{"stale write planned", yes[p.StalePlanned]}, figureRow{"rejoin planned", yes[p.RejoinPlanned]},
		figureRow{"seed", strconv.FormatUint(p.Seed, 10)})
}
