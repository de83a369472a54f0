package scenario

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// The measures of the picture, in units of its view box.
const (
	chartWidth = 1120.0
	plotLeft   = 148.0
	plotRight  = 1096.0
	headRoom   = 54.0 // above the first lane, for the name of the cut
	barHeight  = 24.0
	rowPitch   = 58.0
	charWidth  = 6.7 // of the text in and below bars, roughly
)

// A chart is the picture of a run, ready for the template: shapes in the order in which they are painted.
type chart struct {
	ID                 int // of the picture on its page
	Heading, Caption   string
	Width, Height      float64
	PlotLeft, PlotWide float64
	Title, Description string
	Rects              []rect
	Lines              []segment
	Marks              []markAt
	Texts              []label
	Signs              []sign
	thinned            bool // not every write is drawn
}

type (
	rect struct {
		X, Y, W, H float64
		Class, Tip string
	}
	segment struct {
		X1, Y1, X2, Y2 float64
		Class          string
	}
	// A markAt is something that arrived at the resource; Class says what, and the template how it looks.
	markAt struct {
		X, Y       float64
		Class, Tip string
	}
	label struct {
		X, Y                float64
		Anchor, Class, Body string
	}
	// A sign is an entry of the legend.
	sign struct{ Class, Text string }
)

// chartOf draws a run. The picture says only what lanes, margin and writes say.
func chartOf(e Evidence) chart {
	f := derive(e.Events)
	a := axisOf(&f)
	c := chart{Width: chartWidth, PlotLeft: plotLeft, PlotWide: plotRight - plotLeft, Title: "Who believed, and whose node was there"}
	y := headRoom
	for i, l := range lanesOf(&f, a) {
		c.lane(e, &f, a, l, y)
		if i == 0 {
			c.relation(&f, a, y)
		}
		y += rowPitch
	}
	if len(f.writes) > 0 || f.sealed {
		c.resource(&f, a, y)
		y += rowPitch - 8
	}
	c.fault(e, &f, a, y)
	c.axis(a, y)
	c.Height = y + 34
	c.describe(e, &f)
	c.legend(&f)
	return c
}

func unit(v float64) float64 { return math.Round(v*10) / 10 }

func (c *chart) x(a axis, ms float64) float64 {
	return unit(plotLeft + a.place(ms)*(plotRight-plotLeft))
}

// bar adds a stretch of a lane; one that is too short to be seen is made visible.
func (c *chart) bar(a axis, from, to, y float64, class, tip string) {
	x := c.x(a, from)
	c.Rects = append(c.Rects, rect{X: x, Y: y, W: unit(max(c.x(a, to)-x, 3)), H: barHeight, Class: class, Tip: tip})
}

// text adds a label, moved inwards where it would leave the plot.
func (c *chart) text(x, y float64, anchor, class, body string) {
	half := float64(utf8.RuneCountInString(body)) * charWidth
	switch anchor {
	case "middle":
		x = min(max(x, plotLeft+half/2), plotRight-half/2)
	case "end":
		x = max(x, plotLeft+half)
	default:
		x = min(x, plotRight-half)
	}
	c.Texts = append(c.Texts, label{X: unit(x), Y: unit(y), Anchor: anchor, Class: class, Body: body})
}

// name writes the two lines left of a row.
func (c *chart) name(y float64, who, what string) {
	c.Texts = append(c.Texts,
		label{X: plotLeft - 16, Y: y + 10, Anchor: "end", Class: "who", Body: who},
		label{X: plotLeft - 16, Y: y + 25, Anchor: "end", Class: "what", Body: what})
}

// lane draws one row: its bars, what is in them, and when they begin or end.
func (c *chart) lane(e Evidence, f *facts, a axis, l lane, y float64) {
	class, verb := "truth", "its node exists"
	switch {
	case l.tone == toneBelief:
		class, verb = "belief", "believes"
	case l.who != WhoHolder:
		verb = "owns the lock"
	}
	c.name(y, l.who, verb)
	c.Rects = append(c.Rects, rect{X: plotLeft, Y: y, W: plotRight - plotLeft, H: barHeight, Class: "rail"})
	for i, s := range l.spans {
		tip := fmt.Sprintf("%s %s from %s to %s", l.who, verb, at(s.start), at(s.sure))
		sure := s.sure
		if !math.IsNaN(s.lost) && s.lost < s.sure {
			sure = max(s.lost, s.start)
			c.bar(a, sure, s.sure, y, "wrong", fmt.Sprintf("%s believes without a node from %s to %s", l.who, at(sure), at(s.sure)))
		}
		c.bar(a, s.start, sure, y, class, tip)
		if c.x(a, s.maybe)-c.x(a, s.sure) >= 2 { // else nobody would see it
			c.bar(a, s.sure, s.maybe, y, "maybe", fmt.Sprintf("not known exactly: between %s and %s", at(s.sure), at(s.maybe)))
		}
		if inside := "token " + hex(s.token); s.token != 0 && c.x(a, sure)-c.x(a, s.start) > 12+float64(len(inside))*charWidth {
			c.text(c.x(a, s.start)+10, y+16.5, "start", "inside "+class, inside)
		}
		switch {
		case class == "truth" && l.who == WhoHolder && i > 0: // the row above says it
		case l.who != WhoHolder || i > 0:
			c.text(c.x(a, s.start), y+barHeight+14, "start", "when", "acquires "+at(s.start))
		case s.open:
		case class == "belief":
			c.text(c.x(a, s.maybe), y+barHeight+14, "end", "when", "stops "+at(s.maybe))
		default:
			c.text(c.x(a, s.maybe), y+barHeight+19, "end", "when", "gone by "+at(s.maybe)) // below the predicted window
		}
	}
	if class == "truth" && l.who == WhoHolder && !e.Predicted.IsZero() && f.cut != nil {
		from, to := c.x(a, Ms(e.Predicted.Earliest.Duration())), c.x(a, Ms(e.Predicted.Latest.Duration()))
		c.Rects = append(c.Rects, rect{X: from, Y: y - 4, W: unit(max(to-from, 1)), H: barHeight + 8, Class: "predicted",
			Tip: "predicted to go in " + e.Predicted.String()})
	}
}

// relation draws the margin as a bracket from the end of belief to the last sight of the node, or names the overlap.
func (c *chart) relation(f *facts, a axis, y float64) {
	h, m := f.holder(), f.margin()
	middle := y + barHeight/2
	switch {
	case h == nil:
	case m.positive():
		from, to := c.x(a, h.endHi), c.x(a, f.seen.AtMs)
		c.Lines = append(c.Lines, segment{from, middle, to, middle, "margin"},
			segment{from, middle - 7, from, middle + 7, "margin"}, segment{to, middle - 7, to, middle + 7, "margin"},
			segment{to, middle, to, y + rowPitch, "drop"})
		c.beside((from+to)/2, to, middle-6, "margin "+span(m.lo), "margin", to-from)
	case m.negative():
		from, to := c.x(a, f.gone.AtMs), c.x(a, h.endLo)
		c.Lines = append(c.Lines, segment{from, y - 4, from, y + rowPitch, "drop bad"})
		if body := "overlap " + span(-m.hi); to-from > 16+float64(len(body))*charWidth {
			c.text((from+to)/2, y+16.5, "middle", "inside wrong", body)
		} else {
			c.text(to+8, y+16.5, "start", "bad", body)
		}
	}
}

// beside writes a label in the middle of a stretch, or next to it if the stretch is too short.
func (c *chart) beside(middle, right, y float64, body, class string, room float64) {
	if room > 24+float64(len(body))*charWidth {
		c.text(middle, y, "middle", class, body)
		return
	}
	c.text(right+8, y+10.5, "start", class, body)
}

// resource draws what arrived at the resource, with a label on the first stale write.
func (c *chart) resource(f *facts, a axis, y float64) {
	middle := y + barHeight/2
	c.name(y, WhoResource, "writes")
	c.Lines = append(c.Lines, segment{plotLeft, middle, plotRight, middle, "rail"})
	var stale *write
	var important []markAt
	last := map[string]float64{} // where the last one of each class is drawn: those that would touch are left out
	for i := range f.writes {
		w := &f.writes[i]
		m := markAt{X: c.x(a, w.AtMs), Y: middle, Class: "accepted", Tip: fmt.Sprintf("%s at %s: accepted", w.name(), at(w.AtMs))}
		switch {
		case w.stale && w.accepted():
			m.Class, m.Tip = "stale", fmt.Sprintf("STALE %s at %s, after %s: accepted", w.name(), at(w.AtMs), hex(w.mark))
			if w.usurped != nil {
				m.Tip = fmt.Sprintf("STALE %s at %s, when %s owned the lock: accepted", w.name(), at(w.AtMs), theClient(w.usurped.by))
			}
		case w.OK == nil:
			m.Class, m.Tip = "unknown", fmt.Sprintf("%s at %s: outcome unknown", w.name(), at(w.AtMs))
		case !*w.OK:
			m.Class, m.Tip = "refused", fmt.Sprintf("%s at %s: refused", w.name(), at(w.AtMs))
		}
		if w.stale && (stale == nil || w.accepted() && !stale.accepted()) {
			stale = w
		}
		before, drawn := last[m.Class]
		room := 17.0
		if m.Class == "accepted" {
			room = 8
		}
		switch {
		case drawn && math.Abs(m.X-before) < room:
			c.thinned = true
			continue
		case m.Class == "accepted":
			c.Marks = append(c.Marks, m)
		default:
			important = append(important, m)
		}
		last[m.Class] = m.X
	}
	for _, e := range f.events {
		if e.Who == WhoResource && e.What == Sealed {
			c.Marks = append(c.Marks, markAt{X: c.x(a, e.AtMs), Y: middle, Class: "sealed",
				Tip: fmt.Sprintf("sealed with token %s at %s", hex(e.Token), at(e.AtMs))})
		}
	}
	c.Marks = append(c.Marks, important...)
	if stale != nil {
		n, accepted := f.staleWrites()
		outcome, class := "refused", "good"
		switch {
		case stale.accepted():
			n, outcome, class = accepted, "accepted", "bad"
		case stale.OK == nil:
			outcome, class = "with an unknown outcome", "when"
		}
		body := "stale write " + outcome + " " + at(stale.AtMs)
		if n > 1 {
			body = fmt.Sprintf("%s %s from %s", count(n, "stale write"), outcome, at(stale.AtMs))
		}
		c.text(c.x(a, stale.AtMs), y+barHeight+14, "middle", class, body)
	}
}

// fault shades the time of the cut behind everything, and names it.
func (c *chart) fault(e Evidence, f *facts, a axis, bottom float64) {
	if f.cut == nil {
		return
	}
	from, to, name := c.x(a, f.cut.AtMs), plotRight, "cut"
	if f.heal != nil {
		to = c.x(a, f.heal.AtMs)
	}
	if length, ok := f.cutLength(); ok {
		name = "cut for " + span(length)
	}
	name += " · " + string(e.Parameters.Kind)
	if e.Parameters.Direction != "" {
		name += ", " + string(e.Parameters.Direction)
	}
	c.shade(from, to, bottom, name, f.heal != nil)
}

// shade shades the time of a fault behind everything, and names it.
func (c *chart) shade(from, to, bottom float64, name string, ends bool) {
	top := headRoom - 18.0
	c.Rects = append([]rect{
		{X: from, Y: top, W: unit(max(to-from, 1)), H: unit(bottom - top), Class: "cut", Tip: name},
		{X: from, Y: top - 22, W: unit(max(to-from, 1)), H: 22, Class: "cut-head"},
	}, c.Rects...)
	if room := to - from; room > 12+float64(utf8.RuneCountInString(name))*charWidth {
		c.text((from+to)/2, top-7, "middle", "cut-name", name)
	} else {
		c.text(to+8, top-7, "start", "cut-name outside", name)
	}
	c.Lines = append(c.Lines, segment{from, top - 22, from, bottom, "edge"})
	if ends {
		c.Lines = append(c.Lines, segment{to, top - 22, to, bottom, "edge"})
	}
}

// axis draws the times below the lanes.
func (c *chart) axis(a axis, y float64) {
	c.Lines = append(c.Lines, segment{plotLeft, y, plotRight, y, "axis"})
	step, ticks := a.ticks(10)
	for _, ms := range ticks {
		x := c.x(a, ms)
		c.Lines = append(c.Lines, segment{x, y, x, y + 5, "axis"})
		c.Texts = append(c.Texts, label{X: x, Y: y + 20, Anchor: "middle", Class: "tick", Body: tickLabel(ms, step)})
	}
}

// describe says in one paragraph what the picture shows, for those who cannot see it.
func (c *chart) describe(e Evidence, f *facts) {
	for _, p := range Walkthrough(e) {
		if c.Description != "" {
			c.Description += " "
		}
		c.Description += p.Topic + ": " + p.Text
	}
	if len(f.events) == 0 {
		c.Description = "No events were recorded."
	}
}

// legend lists the signs that the picture uses.
func (c *chart) legend(f *facts) {
	c.Signs = append(c.Signs, sign{"belief", "the client believes"}, sign{"truth", "its node is there"})
	if f.margin().negative() {
		c.Signs = append(c.Signs, sign{"wrong", "believes without a node"})
	}
	used := map[string]bool{}
	for _, r := range c.Rects {
		used[r.Class] = true
	}
	for _, m := range c.Marks {
		used[m.Class] = true
	}
	for _, s := range []sign{
		{"maybe", "not known exactly"}, {"predicted", "predicted loss"}, {"accepted", "write"}, {"sealed", "sealed with a new token"},
		{"refused", "write refused"}, {"stale", "stale write accepted"}, {"unknown", "outcome unknown"},
	} {
		if s.Class == "accepted" && c.thinned {
			s.Text = "write (where they crowd, not all are drawn)"
		}
		if used[s.Class] {
			c.Signs = append(c.Signs, s)
		}
	}
}
