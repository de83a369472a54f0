package scenario

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// page shows what each trial came to, and the first run of each in full.
func (e PauseEvidence) page(r Result) page {
	f := derivePause(e)
	p := pageOf(r)
	p.Command, p.Engine, p.Headline = PauseScenario, e.Engine.String(), f.headline(r)
	p.Title = fmt.Sprintf("A pause of %v against a lock that lives %v", e.Parameters.For, e.Parameters.TTL)
	p.Zero = "the moment at which worker A stood still"
	p.Tiles, p.Story, p.Parameters = f.tiles(), Walkthrough(e), pauseParametersOf(e.Parameters)
	shown := 0
	for _, o := range f.outcomes() {
		row := outcomeRow{
			What: fmt.Sprintf("%s %s · %s", o.Case.Number(), o.Case, o.Lock), How: o.Way.About(), Effects: o.shown.effectsText(), Refused: o.shown.refusedText(),
			Outcome: o.Case.harm() + " in " + o.runs.outOf(o.harmed), Class: "good",
		}
		if o.harmed > 0 {
			row.Class = "bad"
		}
		p.Outcomes = append(p.Outcomes, row)
		run := o.runs[0]
		c := run.chart()
		c.ID = len(p.Charts)
		p.Charts = append(p.Charts, c)
		p.Events = append(p.Events, eventRow{Heading: sentence(run.String())})
		for _, ev := range run.events {
			if !run.routine(ev) {
				p.Events, shown = append(p.Events, rowOf(ev, run.say(ev))), shown+1
			}
		}
	}
	if n := len(e.Events) - shown; n > 0 {
		p.Omitted = sentence(count(n, "event"))
	}
	return p
}

func (f *pauseFacts) headline(r Result) string {
	switch r.Verdict {
	case Violated:
		return "What must not happen did."
	case Inconclusive:
		return "This run proves nothing either way."
	case Stalled:
		return "Nothing was damaged, and somebody who had the lock did not get through."
	case Safe:
	}
	if r.Figures["stale_attempted"] > 0 && r.Figures["duplicates_unfenced"] > 0 {
		return "Without a fence the frozen worker did its damage every time; with one, never."
	}
	return "Each control did its damage every time, and what it is a control for never did."
}

// tiles picks the four answers that people ask for first.
func (f *pauseFacts) tiles() []tile {
	fig := f.figures()
	share := func(name, figure, of, note string, bad bool) tile {
		n, ok := fig[figure]
		if !ok {
			return tile{Name: name, Value: "not tried", Note: note}
		}
		t := tile{Name: name, Value: fmt.Sprintf("%s of %s", number(n), number(fig[of])), Note: note}
		switch {
		case n > 0 && bad:
			t.Class = "bad"
		case bad:
			t.Class = "good"
		}
		return t
	}
	next := tile{Name: "Next owner", Value: "not observed", Note: "from standing still to the next worker's lock, median"}
	if ms, ok := fig["passed_on_median_ms"]; ok {
		next.Value = span(ms)
	}
	return []tile{
		share("Done twice or lost, no fence", "duplicates_unfenced", "runs_unfenced", "the control", false),
		share("Done twice or lost, with a fence", "duplicates_fenced", "runs_fenced", "of runs with the same pause", true),
		share("Stale writes accepted", "stale_accepted", "stale_attempted", "runs with one, of those that tried one", true),
		next,
	}
}

func pauseParametersOf(p PauseParameters) []figureRow {
	rows := []figureRow{{"lock lives", spanOf(p.TTL)}, {"pause", spanOf(p.For)}, {"trials", strconv.Itoa(len(p.Plan))}, {"repeat", strconv.Itoa(p.Repeat)}}
	for _, lock := range slices.Sorted(maps.Keys(p.Locks)) {
		rows = append(rows, figureRow{lock, p.Locks[lock].String()})
	}
	return append(rows, figureRow{"resource", p.Resource.String()})
}

// chart draws a run.
func (r *pauseRun) chart() chart {
	a := axisOver(r.events)
	c := chart{
		Width: chartWidth, PlotLeft: plotLeft, PlotWide: plotRight - plotLeft, Title: "Who believed that it has the lock, and what arrived",
		Heading: r.heading(), Caption: sentence(r.trial.Case.About()) + ".", Description: sentence(r.endText()) + ".",
	}
	y := headRoom
	for _, l := range r.lanes(a) {
		c.workerLane(a, l, y)
		y += rowPitch
	}
	resource, provider := r.strokes()
	for _, row := range []struct {
		who, what string
		strokes   []stroke
	}{{WhoResource, "writes", resource}, {WhoProvider, "money", provider}} {
		if len(row.strokes) == 0 {
			continue
		}
		middle := y + barHeight/2
		c.name(y, row.who, row.what)
		c.Lines = append(c.Lines, segment{plotLeft, middle, plotRight, middle, "rail"})
		room := 0.0 // From where on nothing is written below the line yet.
		for _, st := range row.strokes {
			x := c.x(a, st.ms)
			c.Marks = append(c.Marks, markAt{X: x, Y: middle, Class: st.class, Tip: st.tip})
			class, what := "", ""
			switch st.class {
			case "stale":
				class, what = "bad", "harm done "+at(st.ms)
			case "refused":
				class, what = "good", "kept out "+at(st.ms)
			}
			if half := float64(len(what)) * charWidth / 2; what != "" && x-half >= room {
				c.text(x, y+barHeight+14, "middle", class, what)
				room = x + half
			}
		}
		y += rowPitch - 8
	}
	c.standstill(r, a, y)
	c.axis(a, y)
	c.Height = y + 34
	c.pauseLegend()
	return c
}

// workerLane draws when a worker believed that it has the lock.
func (c *chart) workerLane(a axis, l lane, y float64) {
	c.name(y, "worker "+l.who, "believes")
	c.Rects = append(c.Rects, rect{X: plotLeft, Y: y, W: plotRight - plotLeft, H: barHeight, Class: "rail"})
	for _, s := range l.spans {
		sure := s.sure
		if !math.IsNaN(s.lost) && s.lost < s.sure {
			sure = max(s.lost, s.start)
			c.bar(a, sure, s.sure, y, "wrong", fmt.Sprintf("%s believes that it has the lock from %s to %s, and its hold is over", l.who, at(sure), at(s.sure)))
		}
		if sure > s.start {
			c.bar(a, s.start, sure, y, "belief", fmt.Sprintf("%s has the lock from %s to %s", l.who, at(s.start), at(sure)))
		}
		if inside := "token " + hex(s.token); s.token != 0 && c.x(a, sure)-c.x(a, s.start) > 12+float64(len(inside))*charWidth {
			c.text(c.x(a, s.start)+10, y+16.5, "start", "inside belief", inside)
		}
		c.text(c.x(a, s.start), y+barHeight+14, "start", "when", "acquires "+at(s.start))
	}
}

// standstill shades the time in which worker A stood still, and names it.
func (c *chart) standstill(r *pauseRun, a axis, bottom float64) {
	if r.stood == nil {
		return
	}
	from, to, name := c.x(a, r.stood.AtMs), plotRight, "worker A is "+r.stood.What
	if r.wentOn != nil {
		to = c.x(a, r.wentOn.AtMs)
	}
	if ms, ok := r.paused(); ok {
		name += " for " + span(ms)
	}
	if r.stood.Detail != "" {
		name += " · " + r.stood.Detail
	}
	c.shade(from, to, bottom, name, r.wentOn != nil)
}

// pauseLegend lists the signs that the picture uses.
func (c *chart) pauseLegend() {
	used := map[string]bool{}
	for _, r := range c.Rects {
		used[r.Class] = true
	}
	for _, m := range c.Marks {
		used[m.Class] = true
	}
	for _, s := range []sign{
		{"belief", "has the lock"}, {"wrong", "believes so, and it is over"}, {"accepted", "accepted"}, {"sealed", "sealed with a new token"},
		{"refused", "refused, or known already"}, {"stale", "harm done"}, {"unknown", "outcome unknown"},
	} {
		if used[s.Class] {
			c.Signs = append(c.Signs, s)
		}
	}
}
