package scenario

import (
	"fmt"
	"math"
	"strings"
)

// lanes draws the first run of each trial.
func (e PauseEvidence) lanes(s Style) string {
	f := derivePause(e)
	var b strings.Builder
	for _, o := range f.outcomes() {
		if picture := o.runs[0].picture(s); picture != "" {
			fmt.Fprintf(&b, "%s\n%s", s.paint(toneStrong, o.runs[0].heading()), picture)
		}
	}
	return b.String()
}

// lanesOfRun returns who had the lock, or believed so, one row for each worker. A hold is wrong from the moment on at which it is over, which a worker that stands still cannot know.
func (r *pauseRun) lanes(a axis) []lane {
	var all []lane
	for i := range r.holds {
		h := &r.holds[i]
		end := a.to
		if h.end != nil {
			end = h.end.AtMs
		}
		s := laneSpan{start: h.start, sure: end, maybe: end, lost: math.NaN(), token: h.token, open: h.end == nil}
		if since, ok := r.lostAt(h); ok && since < end {
			s.lost = since
		}
		found := false
		for j := range all {
			if all[j].who == h.who {
				all[j].spans, found = append(all[j].spans, s), true
			}
		}
		if !found {
			all = append(all, lane{who: h.who, what: "belief", tone: toneBelief, spans: []laneSpan{s}})
		}
	}
	return all
}

// lostAt returns when the lock that h believes in was not its own any more: it had lived for as long as it lives without being renewed, or another worker got it.
func (r *pauseRun) lostAt(h *pauseHold) (ms float64, ok bool) {
	if h == r.first() && r.stood != nil && r.stood.AtMs < h.start && r.trial.Way.usurps() {
		return h.start, true // It stood still while it was asking, and believes the answer.
	}
	ms = math.Inf(1)
	for i := range r.holds {
		if o := &r.holds[i]; o.who != h.who && o.start > h.start {
			ms = min(ms, o.start)
		}
	}
	if r.trial.Case != CaseStuckWorker && h.good < ms { // There it is renewed.
		ms = h.good
	}
	return ms, !math.IsInf(ms, 1)
}

// A stroke is something that arrived at the resource or at the provider. Its class is that of the picture in the page.
type stroke struct {
	ms    float64
	class string
	tip   string
}

// strokes returns what arrived, by time.
func (r *pauseRun) strokes() (resource, provider []stroke) {
	for _, e := range r.events {
		switch e.What {
		case Sealed:
			if e.OK != nil && *e.OK {
				resource = append(resource, stroke{e.AtMs, "sealed", fmt.Sprintf("%s seals with token %s at %s", e.Who, hex(e.Token), at(e.AtMs))})
			}
		case WriteAnswered:
			st := stroke{e.AtMs, "accepted", fmt.Sprintf("%s's write of %s at %s: accepted", e.Who, e.Detail, at(e.AtMs))}
			say := r.say(e)
			switch {
			case e.OK == nil:
				st.class, st.tip = "unknown", fmt.Sprintf("%s's write of %s at %s: outcome unknown", e.Who, e.Detail, at(e.AtMs))
			case !*e.OK:
				st.class, st.tip = "refused", fmt.Sprintf("%s's write of %s at %s: refused", e.Who, e.Detail, at(e.AtMs))
			case say.tone == toneBad:
				st.class, st.tip = "stale", fmt.Sprintf("%s's write of %s at %s: %s", e.Who, e.Detail, at(e.AtMs), say.note)
			}
			resource = append(resource, st)
		case Charged:
			st := stroke{e.AtMs, "accepted", fmt.Sprintf("%s asks for the money of %s at %s: taken", e.By, e.Detail, at(e.AtMs))}
			switch {
			case e.OK != nil && !*e.OK:
				st.class, st.tip = "refused", fmt.Sprintf("%s asks for the money of %s at %s: taken before", e.By, e.Detail, at(e.AtMs))
			case r.chargedBefore(e):
				st.class, st.tip = "stale", fmt.Sprintf("%s asks for the money of %s at %s: taken once more", e.By, e.Detail, at(e.AtMs))
			}
			provider = append(provider, st)
		}
	}
	return resource, provider
}

// picture draws a run, "" if nobody had the lock.
func (r *pauseRun) picture(s Style) string {
	if len(r.holds) == 0 {
		return ""
	}
	a := axisOver(r.events)
	c := canvasOf(s, a)
	if r.stood != nil {
		c.mark(r.stood, strings.ToUpper(r.stood.What))
	}
	if r.wentOn != nil {
		c.mark(r.wentOn, strings.ToUpper(r.wentOn.What)+" "+at(r.wentOn.AtMs))
	}
	var b strings.Builder
	c.header(&b)
	wrong := false
	for _, l := range r.lanes(a) {
		c.line(&b, l.who, "belief", c.bars(l))
		for _, span := range l.spans {
			wrong = wrong || !math.IsNaN(span.lost)
		}
	}
	resource, provider := r.strokes()
	used := map[string]bool{}
	for _, row := range []struct {
		who, what string
		strokes   []stroke
	}{{WhoResource, "writes", resource}, {WhoProvider, "money", provider}} {
		if len(row.strokes) > 0 {
			c.line(&b, row.who, row.what, c.struck(row.strokes, used))
		}
	}
	c.ruler(&b)
	g := c.glyphs
	parts := []string{fmt.Sprintf("%c has the lock", g.belief)}
	if wrong {
		parts = append(parts, fmt.Sprintf("%c believes so, and it is over", g.wrong))
	}
	for _, sign := range []struct{ class, text string }{
		{"accepted", fmt.Sprintf("%c accepted", g.accepted)}, {"sealed", fmt.Sprintf("%c sealed", g.seal)}, {"refused", fmt.Sprintf("%c refused", g.refused)},
		{"stale", fmt.Sprintf("%c HARM DONE", g.stale)},
	} {
		if used[sign.class] {
			parts = append(parts, sign.text)
		}
	}
	c.signs(&b, parts)
	return b.String()
}

// struck draws what arrived. Of several things in one column the one that matters most is drawn.
func (c *canvas) struck(strokes []stroke, used map[string]bool) []cell {
	row := c.blank()
	rank := make([]int, c.cols)
	for _, st := range strokes {
		used[st.class] = true
		n, x := 1, cell{c.glyphs.accepted, tonePlain}
		switch st.class {
		case "sealed":
			n, x = 2, cell{c.glyphs.seal, toneTruth}
		case "unknown":
			n, x = 3, cell{'?', toneDim}
		case "refused":
			n, x = 3, cell{c.glyphs.refused, toneGood}
		case "stale":
			n, x = 4, cell{c.glyphs.stale, toneBad}
		}
		if i := c.col(st.ms); n > rank[i] {
			rank[i], row[i] = n, x
		}
	}
	return row
}
