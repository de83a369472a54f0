package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// page shows what each mode came to, and the fullest periods as bars.
func (e RateLimitEvidence) page(r Result) page {
	f := deriveLimits(e)
	p := pageOf(r)
	p.Command, p.Engine, p.Headline = RateLimitScenario, e.Engine.String(), f.headline(r)
	p.Title = fmt.Sprintf("%d requests per %v, over %d servers", f.p.Max, f.p.per(), f.p.Servers)
	p.Zero = "the first requests"
	p.Tiles, p.Story, p.Charts, p.Parameters = f.tiles(r.Figures), Walkthrough(e), []chart{f.chart()}, f.parameters()
	for _, ev := range e.Events {
		if ev.Who != WhoHarness {
			continue
		}
		p.Events = append(p.Events, rowOf(ev, saying{tone: toneFault, who: ev.Who, text: strings.ReplaceAll(ev.What, "-", " "), note: ev.Detail}))
	}
	if n := len(e.Events) - len(p.Events); n > 0 {
		p.Omitted = sentence(count(n, "event"))
	}
	return p
}

func (f *limitFacts) headline(r Result) string {
	switch r.Verdict {
	case Violated:
		return "A limit was not kept as declared."
	case Inconclusive:
		return "This run proves nothing either way."
	case Stalled:
		return "No limit was exceeded, and nothing was admitted any more."
	case Safe:
	}
	return "No user got more in any period than was declared."
}

// tiles picks the four answers that people ask for first.
func (f *limitFacts) tiles(fig map[string]float64) []tile {
	ratio := func(name, figure, note string) tile {
		if v, ok := fig[figure]; ok {
			return tile{Name: name, Value: strconv.FormatFloat(v, 'f', 1, 64) + "x", Note: note}
		}
		return tile{Name: name, Value: "not tried", Note: note}
	}
	most := tile{Name: "Most admitted, strict", Value: "not tried", Note: fmt.Sprintf("in any %v, of a limit of %d", f.p.per(), f.p.Max)}
	if n, ok := fig["strict_admitted_max"]; ok {
		most.Value, most.Class = number(n), map[bool]string{true: "good", false: "bad"}[n <= fig["strict_bound"]]
	}
	return []tile{
		most,
		ratio("Against redis_rate", "strict_vs_redis_rate_ratio", "decisions per second, with many callers at one key"),
		ratio("Against a lock", "strict_vs_lock_ratio", "the same, at a round trip two milliseconds longer"),
		ratio("Leases against strict", "lease_vs_strict_ratio", "decisions per second, with many callers at one key"),
	}
}

func (f *limitFacts) parameters() []figureRow {
	rows := []figureRow{
		{"limit", fmt.Sprintf("%d per %v", f.p.Max, f.p.per())}, {"users", strconv.Itoa(f.p.Users)}, {"servers", strconv.Itoa(f.p.Servers)}, {"callers", strconv.Itoa(f.p.Callers)},
		{"leases live", spanOf(f.p.Life)},
	}
	for _, on := range slices.Sorted(maps.Keys(f.p.On)) {
		rows = append(rows, figureRow{on, f.p.On[on].String()})
	}
	return rows
}

// chart draws the most that each mode admitted, as bars, up to three times the limit.
func (f *limitFacts) chart() chart {
	const (
		most   = 3.0
		beyond = 60 // for the number of a bar that ends where the picture does
	)
	c := chart{
		Width: chartWidth, PlotLeft: plotLeft, PlotWide: plotRight - plotLeft, Title: "The most that was admitted of one user",
		Heading: fmt.Sprintf("Most admitted in any %v", f.p.per()), Caption: "Before Redis was restarted. The line is the limit; bars end at three times that.",
	}
	at := func(n float64) float64 {
		return unit(plotLeft + min(n/float64(f.p.Max), most)/most*(plotRight-plotLeft-beyond))
	}
	y := headRoom / 2
	var said []string
	for _, mode := range f.p.Modes {
		m := f.modes[mode]
		if m.calm == nil {
			continue
		}
		n := m.calm.Figures["admitted"]
		note := "no bound declared"
		if ownMode(mode) {
			note = fmt.Sprintf("declared: %d", f.p.Bounds[mode].Bound)
		}
		c.name(y, mode, note)
		tip := fmt.Sprintf("%s admitted: %s", mode, number(n))
		limit := float64(f.p.Max)
		c.Rects = append(c.Rects, rect{X: plotLeft, Y: y, W: plotRight - plotLeft, H: barHeight, Class: "rail"},
			rect{X: plotLeft, Y: y, W: unit(at(min(n, limit)) - plotLeft), H: barHeight, Class: "truth", Tip: tip})
		if n > limit {
			c.Rects = append(c.Rects, rect{X: at(limit), Y: y, W: unit(at(n) - at(limit)), H: barHeight, Class: "wrong", Tip: tip})
		}
		text := number(n)
		if n > most*limit {
			text = "\u2026 " + text
		}
		c.text(at(n)+8, y+barHeight-7, "start", "when", text)
		said = append(said, tip)
		y += rowPitch - 12
	}
	c.Lines = append(c.Lines, segment{at(float64(f.p.Max)), headRoom/2 - 8, at(float64(f.p.Max)), y - 12, "edge"})
	c.text(at(float64(f.p.Max)), headRoom/2-12, "middle", "cut-name", fmt.Sprintf("the limit: %d", f.p.Max))
	c.Height = y + 8
	c.Description = strings.Join(said, "; ") + "."
	c.Signs = []sign{{"truth", "within the limit"}, {"wrong", "over the limit"}}
	return c
}
