package scenario

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// labelColumns is the width of the names left of the lanes.
const labelColumns = 16

// lanes draws who believed and whose node was there, and what arrived at the resource, with the cut and the heal marked.
func (e Evidence) lanes(s Style) string {
	f := derive(e.Events)
	a := axisOf(&f)
	lanes := lanesOf(&f, a)
	if len(lanes) == 0 {
		return ""
	}
	c := partitionCanvas{canvasOf(s, a), &f}
	c.mark(f.cut, "CUT")
	if f.heal != nil {
		c.mark(f.heal, "HEAL "+at(f.heal.AtMs))
	}
	var b strings.Builder
	c.header(&b)
	for i, l := range lanes {
		c.line(&b, l.who, l.what, c.bars(l))
		if i == 0 {
			c.relation(&b)
		}
	}
	c.resource(&b)
	c.ruler(&b)
	c.legend(&b)
	return b.String()
}

// glyphSet is what bars are drawn with.
type glyphSet struct {
	belief, truth, wrong, maybe, fault, left, dash, right, accepted, refused, stale, seal, mark rune
}

func glyphs(ascii bool) glyphSet {
	if ascii {
		return glyphSet{'#', '=', '!', '?', ':', '|', '-', '|', '.', 'x', '!', 'S', 'v'}
	}
	return glyphSet{'█', '━', '▓', '╌', '┊', '├', '─', '┤', '·', '✗', '!', '◆', '▼'}
}

// A cell is one character of a row, with its tone.
type cell struct {
	r rune
	t tone
}

// A canvas draws rows of cells on one axis.
type canvas struct {
	style  Style
	axis   axis
	marks  []faultMark
	cols   int
	glyphs glyphSet
}

// A faultMark is where a fault begins or ends.
type faultMark struct {
	ms   float64
	name string
}

// A partitionCanvas draws what only a partition has.
type partitionCanvas struct {
	canvas
	facts *facts
}

func canvasOf(s Style, a axis) canvas {
	return canvas{style: s, axis: a, cols: s.width() - labelColumns, glyphs: glyphs(s.ASCII)}
}

// mark draws a line down all rows at an event, if there is one, with its name above.
func (c *canvas) mark(e *Event, name string) {
	if e != nil {
		c.marks = append(c.marks, faultMark{e.AtMs, name})
	}
}

// col returns the column of a time.
func (c *canvas) col(ms float64) int { return int(math.Round(c.axis.place(ms) * float64(c.cols-1))) }

// empty returns a row with nothing in it.
func (c *canvas) empty() []cell {
	row := make([]cell, c.cols)
	for i := range row {
		row[i] = cell{' ', tonePlain}
	}
	return row
}

// blank returns a row with nothing but the faults.
func (c *canvas) blank() []cell {
	row := c.empty()
	for _, m := range c.marks {
		row[c.col(m.ms)] = cell{c.glyphs.fault, toneFault}
	}
	return row
}

// bars draws a lane.
func (c *canvas) bars(l lane) []cell {
	row := c.blank()
	full := c.glyphs.truth
	if l.tone == toneBelief {
		full = c.glyphs.belief
	}
	for _, s := range l.spans {
		from, sure, maybe := c.col(s.start), c.col(s.sure), c.col(s.maybe)
		for i := from; i <= maybe; i++ {
			switch {
			case i > sure:
				row[i] = cell{c.glyphs.maybe, toneDim}
			case !math.IsNaN(s.lost) && i > c.col(s.lost):
				row[i] = cell{c.glyphs.wrong, toneBad}
			default:
				row[i] = cell{full, l.tone}
			}
		}
	}
	return row
}

// put writes text into a row, shifted to the left if it would not fit.
func put(row []cell, col int, text string, t tone) {
	col = max(0, min(col, len(row)-utf8.RuneCountInString(text)))
	for _, r := range text {
		if col < len(row) {
			row[col] = cell{r, t}
		}
		col++
	}
}

// header names the faults.
func (c *canvas) header(b *strings.Builder) {
	row := c.empty()
	for _, m := range c.marks {
		put(row, c.col(m.ms), string(c.glyphs.mark)+" "+m.name, toneFault)
	}
	if len(c.marks) > 0 {
		c.line(b, "", "", row)
	}
}

// relation draws what lies between the end of belief and the end of truth: the margin, or the overlap.
func (c *partitionCanvas) relation(b *strings.Builder) {
	h, m := c.facts.holder(), c.facts.margin()
	if h == nil {
		return
	}
	var from, to float64
	var text string
	t := toneGood
	switch {
	case m.positive():
		from, to, text = h.endHi, c.facts.seen.AtMs, "margin "+span(m.lo)
	case m.negative():
		from, to, text, t = c.facts.gone.AtMs, h.endLo, "OVERLAP "+span(-m.hi), toneBad
	default:
		return
	}
	row := c.blank()
	left, right := c.col(from), c.col(to)
	for i := left; i <= right; i++ {
		row[i] = cell{c.glyphs.dash, t}
	}
	row[left], row[right] = cell{c.glyphs.left, t}, cell{c.glyphs.right, t}
	if room := right - left - 1; room >= len(text)+2 {
		put(row, left+1+(room-len(text)-2)/2, " "+text+" ", t)
	} else {
		put(row, right+2, text, t)
	}
	c.line(b, "", "", row)
}

// resource draws what arrived there. Of several things in one column the one that matters most is drawn.
func (c *partitionCanvas) resource(b *strings.Builder) {
	f := c.facts
	if len(f.writes) == 0 && !f.sealed {
		return
	}
	row := c.blank()
	rank := make([]int, c.cols)
	mark := func(ms float64, n int, r rune, t tone) {
		if i := c.col(ms); n > rank[i] {
			rank[i], row[i] = n, cell{r, t}
		}
	}
	for _, e := range f.events {
		if e.Who == WhoResource && e.What == Sealed {
			mark(e.AtMs, 2, c.glyphs.seal, toneTruth)
		}
	}
	for _, w := range f.writes {
		switch {
		case w.stale && w.accepted():
			mark(w.AtMs, 4, c.glyphs.stale, toneBad)
		case w.accepted():
			mark(w.AtMs, 1, c.glyphs.accepted, tonePlain)
		case w.OK != nil:
			mark(w.AtMs, 3, c.glyphs.refused, toneGood)
		default:
			mark(w.AtMs, 3, '?', toneDim)
		}
	}
	c.line(b, WhoResource, "writes", row)
}

// ruler draws the axis below the lanes.
func (c *canvas) ruler(b *strings.Builder) {
	row := c.empty()
	step, ticks := c.axis.ticks(c.cols / 10)
	for _, ms := range ticks {
		label := tickLabel(ms, step)
		if i := c.col(ms); i+len(label) <= c.cols {
			put(row, i, label, toneDim)
		}
	}
	c.line(b, "", "", row)
}

// line writes one row with its name.
func (c *canvas) line(b *strings.Builder, who, what string, row []cell) {
	b.WriteString(pad(strings.TrimRight(pad(who, 9)+what, " "), labelColumns))
	var text strings.Builder
	t := tonePlain
	flush := func() {
		b.WriteString(c.style.paint(t, text.String()))
		text.Reset()
	}
	end := len(row)
	for end > 0 && row[end-1].r == ' ' {
		end--
	}
	for _, x := range row[:end] {
		if x.t != t {
			flush()
			t = x.t
		}
		text.WriteRune(x.r)
	}
	flush()
	b.WriteByte('\n')
}

// legend explains the signs that were used.
func (c *partitionCanvas) legend(b *strings.Builder) {
	g, f := c.glyphs, c.facts
	parts := []string{fmt.Sprintf("%c believes", g.belief), fmt.Sprintf("%c its node is there", g.truth)}
	if len(f.reigns) > 0 {
		parts = []string{fmt.Sprintf("%c says that it believes", g.belief), fmt.Sprintf("%c owns the lock", g.truth)}
		if len(f.holds) == 0 {
			parts = parts[1:]
		}
	}
	if f.margin().negative() {
		parts = append(parts, fmt.Sprintf("%c believes without a node", g.wrong))
	}
	attempted, accepted := f.staleWrites()
	if len(f.writes) > 0 {
		parts = append(parts, fmt.Sprintf("%c write", g.accepted))
	}
	if f.sealed {
		parts = append(parts, fmt.Sprintf("%c sealed", g.seal))
	}
	if attempted > accepted {
		parts = append(parts, fmt.Sprintf("%c refused", g.refused))
	}
	if accepted > 0 {
		parts = append(parts, fmt.Sprintf("%c STALE WRITE ACCEPTED", g.stale))
	}
	c.signs(b, parts)
}

// signs writes the legend.
func (c *canvas) signs(b *strings.Builder, parts []string) {
	for _, line := range wrapParts(parts, c.style.width()-labelColumns) {
		b.WriteString(pad("", labelColumns) + c.style.paint(toneDim, line) + "\n")
	}
}

// wrapParts joins parts into lines of at most n columns, never breaking a part.
func wrapParts(parts []string, n int) []string {
	var lines []string
	for _, p := range parts {
		if last := len(lines) - 1; last >= 0 && utf8.RuneCountInString(lines[last])+3+utf8.RuneCountInString(p) <= n {
			lines[last] += "   " + p
		} else {
			lines = append(lines, p)
		}
	}
	return lines
}
