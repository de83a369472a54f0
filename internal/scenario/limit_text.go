package scenario

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// RateLimitTable shows what each mode came to, every line with a newline.
func RateLimitTable(e RateLimitEvidence, s Style) string {
	f := deriveLimits(e)
	fig := f.figures()
	get := func(mode, name string, decimals int) string {
		v, ok := fig[figureName(mode)+name]
		if !ok {
			return "-"
		}
		return fmt.Sprintf("%.*f", decimals, v)
	}
	rows := [][]string{
		{"", "per s", "p50", "p99", "round trips", "most admitted", "could be", "over the", "when Redis", "could be", "normal load"},
		{"", "", "ms", "ms", "per decision", "in " + f.p.per(), "", "limit", "forgot", "then", "denied"},
	}
	for _, mode := range f.p.Modes {
		over, denied := get(mode, "_over_limit_percent", 0), get(mode, "_normal_denied_percent", 1)
		if over != "-" {
			over += " %"
		}
		if denied != "-" {
			denied += " %"
		}
		rows = append(rows, []string{
			mode, get(mode, "_per_s", 0), get(mode, "_p50_ms", 2), get(mode, "_p99_ms", 2), get(mode, "_round_trips_per_decision", 2),
			get(mode, "_admitted_max", 0), get(mode, "_bound", 0), over, get(mode, "_restart_admitted_max", 0), get(mode, "_restart_bound", 0), denied,
		})
	}
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], utf8.RuneCountInString(cell)+2)
		}
	}
	var b strings.Builder
	for i, row := range rows {
		line := pad(row[0], wide[0])
		for k, cell := range row[1:] {
			line += strings.Repeat(" ", wide[k+1]-utf8.RuneCountInString(cell)) + cell
		}
		line = strings.TrimRight(line, " ")
		if i < 2 {
			line = s.paint(toneDim, line)
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// lanes draws the most that each mode admitted of a user in a period, against the limit. A tenth of the limit is a column, and what goes beyond three times the limit is cut off.
func (e RateLimitEvidence) lanes(s Style) string {
	f := deriveLimits(e)
	full, over := "█", "▓"
	if s.ASCII {
		full, over = "=", "#"
	}
	const cols, most = 10, 3 // per limit, and limits
	names := 0
	for _, mode := range f.p.Modes {
		names = max(names, utf8.RuneCountInString(mode)+2)
	}
	var b strings.Builder
	for _, mode := range f.p.Modes {
		m := f.modes[mode]
		if m.calm == nil {
			continue
		}
		n := m.calm.Figures["admitted"]
		width := int(n*cols/float64(f.p.Max) + 0.5)
		within, beyond := min(width, cols), min(max(width-cols, 0), (most-1)*cols)
		bar := s.paint(toneTruth, strings.Repeat(full, within)) + strings.Repeat(" ", cols-within) + "┊" + s.paint(toneBad, strings.Repeat(over, beyond))
		if s.ASCII {
			bar = strings.Replace(bar, "┊", "|", 1)
		}
		text := fmt.Sprintf("%s of %d", number(n), f.p.Max)
		if width > most*cols {
			text = "... " + text
		}
		fmt.Fprintln(&b, pad(mode, names)+bar+" "+text)
	}
	return b.String()
}

// walkthrough tells what happened, in plain words.
func (e RateLimitEvidence) walkthrough() []Paragraph {
	f := deriveLimits(e)
	fig := f.figures()
	var told []Paragraph
	tell := func(topic, text string) {
		if text != "" {
			told = append(told, Paragraph{Topic: topic, Text: text})
		}
	}
	tell("The limit", fmt.Sprintf("%d requests per %v of each of %d users, over %d servers, each a process of its own; on %s.", f.p.Max, f.p.per(), f.p.Users, f.p.Servers, f.p.about()))
	for _, mode := range f.p.Modes {
		tell(mode, f.tellMode(mode, fig))
	}
	var said []string
	for _, r := range []struct{ name, text string }{
		{"strict_vs_redis_rate_ratio", "strict is %s times as fast as redis_rate"},
		{"lease_vs_strict_ratio", "leases are %s times as fast as strict"},
		{"strict_vs_lock_ratio", "over links that are a millisecond long strict is %s times as fast as a lock for each request"},
	} {
		if v, ok := fig[r.name]; ok {
			said = append(said, fmt.Sprintf(r.text, fmt.Sprintf("%.1f", v)))
		}
	}
	if len(said) > 0 {
		tell("Speed", sentence(fmt.Sprintf("with %d callers at one key, %s.", f.p.Callers, strings.Join(said, "; "))))
	}
	if f.abused != nil {
		tell("The abuser", fmt.Sprintf("%s attempts per second at one key cost %s calls of Redis per token that it was given.", fmt.Sprintf("%.0f", fig["abuser_attempts_per_s"]), fmt.Sprintf("%.1f", fig["abuser_calls_per_interval"])))
	}
	return told
}

func (f *limitFacts) tellMode(mode string, fig map[string]float64) string {
	m, b := f.modes[mode], f.p.Bounds[mode]
	if m.calm == nil {
		return ""
	}
	what := map[bool]string{true: "declared", false: "possible if all clocks agree"}[ownMode(mode)]
	text := fmt.Sprintf("At most %s admitted of a user in any %v (%s), where %d are %s.", number(m.calm.Figures["admitted"]), f.p.per(), m.calm.Detail, b.Bound, what)
	if m.ever != nil && m.ever.Figures["admitted"] > m.calm.Figures["admitted"] {
		text += fmt.Sprintf(" With Redis restarted empty in between, %s of %d.", number(m.ever.Figures["admitted"]), b.Bound+b.Loss)
	}
	if v, ok := fig[figureName(mode)+"_normal_denied_percent"]; ok {
		text += fmt.Sprintf(" Of the requests of users who stayed below the limit %.1f %% were denied.", v)
	}
	if n := m.errors + m.measuredErrors; n > 0 {
		text += fmt.Sprintf(" %s.", sentence(count(int(n), "error")))
	}
	return text
}
