package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// PauseEvidence returns the evidence of a report of the pause scenario. It fails as [Report.Story] does, for the report of another scenario too.
func (r Report) PauseEvidence() (PauseEvidence, error) {
	if r.Scenario != PauseScenario {
		return PauseEvidence{}, fmt.Errorf("%w: %q is no pause", ErrNotCheckable, r.Scenario)
	}
	e := PauseEvidence{Scenario: r.Scenario, Engine: r.Engine, Events: r.Events}
	if err := json.Unmarshal(r.Parameters, &e.Parameters); err != nil {
		return PauseEvidence{}, fmt.Errorf("%w: parameters: %w", ErrNotReport, err)
	}
	return e, nil
}

func (e PauseEvidence) report(r Result) Report {
	// Parameters holds nothing that can fail to marshal.
	report, _ := NewPlainReport(e.Scenario, e.Engine, e.Parameters, r, e.Events)
	return report
}

// A pauseOutcome is what all runs of one trial have come to.
type pauseOutcome struct {
	Trial
	runs   set
	harmed int
	shown  *pauseRun // the first run that shows it, else the first
}

// outcomes returns what each trial of the plan has come to, without those of which nothing was recorded.
func (f *pauseFacts) outcomes() []pauseOutcome {
	var all []pauseOutcome
	for _, t := range f.p.Plan {
		o := pauseOutcome{Trial: t, runs: f.where(func(r *pauseRun) bool { return r.trial == t })}
		if len(o.runs) == 0 {
			continue
		}
		o.shown = o.runs[0]
		var shown *pauseRun
		if o.harmed, shown = o.runs.count((*pauseRun).harmed); shown != nil {
			o.shown = shown
		}
		all = append(all, o)
	}
	return all
}

// harm says in a few words what the harm of a case is.
func (c Case) harm() string {
	return map[Case]string{
		CaseDuplicateJob: "done twice", CaseLateWrite: "update lost", CaseLateRelease: "freed another's", CaseSlowAcquire: "done twice",
		CaseBeforeFirstWrite: "done twice", CaseSideEffect: "charged twice", CaseStuckWorker: "lock kept",
	}[c]
}

// effectsText lists what is in the resource, in its order: "B 0x2, A 0x1".
func (r *pauseRun) effectsText() string {
	var parts []string
	for _, e := range r.effects {
		parts = append(parts, e.By+tokenText(e.Token))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// refusedText lists the writes that were refused: "A 0x1 < 0x2".
func (r *pauseRun) refusedText() string {
	var parts []string
	for _, w := range r.writes {
		if !w.answered(false) {
			continue
		}
		text := w.Who + tokenText(w.Token)
		if w.stale() {
			text += " < " + hex(w.mark)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func tokenText(token uint64) string {
	if token == 0 {
		return ""
	}
	return " " + hex(token)
}

// endText says how things stand when all is over, in one line.
func (r *pauseRun) endText() string {
	text := "effects: " + r.effectsText()
	if refused := r.refusedText(); refused != "" {
		text += "; refused: " + refused
	}
	if r.trial.Case == CaseLateWrite && r.balance != nil {
		text += fmt.Sprintf("; balance %s", number(r.balance.Figures[BalanceAmount]))
		if r.lost() > 0 {
			text += fmt.Sprintf(" instead of %s", number(r.balance.Figures[BalanceAmount]+r.lost()))
		}
	}
	if r.trial.Case == CaseSideEffect {
		text += "; money taken: " + map[bool]string{true: "once", false: fmt.Sprintf("%d times", r.charged())}[r.charged() == 1]
	}
	return text
}

// PauseTable shows what each trial came to, with the effects and the refusals of its first run, every line with a newline.
func PauseTable(e PauseEvidence, s Style) string {
	f := derivePause(e)
	rows := [][]string{}
	var tones []tone
	wide := make([]int, 4)
	add := func(t tone, cells ...string) {
		rows, tones = append(rows, cells), append(tones, t)
		for i := range wide {
			wide[i] = max(wide[i], utf8.RuneCountInString(cells[i])+2)
		}
	}
	lock := ""
	for _, o := range f.outcomes() {
		if o.Lock != lock {
			lock = o.Lock
			add(toneStrong, lock, "", "effects", "refused", "")
		}
		name := o.Case.Number() + " " + string(o.Case)
		if slices.Index(o.Case.Ways(o.Lock), o.Way) > 0 {
			name = ""
		}
		t := toneGood
		if o.harmed > 0 {
			t = toneBad
		}
		add(t, name, o.Way.About(), o.shown.effectsText(), o.shown.refusedText(), o.Case.harm()+" "+o.runs.outOf(o.harmed))
	}
	stacked := wide[0]+wide[1]+wide[2]+wide[3]+24 > s.width()
	var b strings.Builder
	for i, cells := range rows {
		middle := pad(cells[2], wide[2]) + pad(cells[3], wide[3])
		line := pad(cells[0], wide[0]) + pad(cells[1], wide[1]) + middle
		switch {
		case tones[i] == toneStrong && stacked:
			fmt.Fprintln(&b, s.paint(toneStrong, cells[0]))
		case tones[i] == toneStrong:
			fmt.Fprintln(&b, s.paint(toneStrong, strings.TrimRight(line, " ")))
		case stacked:
			if cells[0] != "" {
				fmt.Fprintln(&b, "  "+cells[0])
			}
			fmt.Fprintf(&b, "    %s%s\n", pad(cells[1], wide[1]), s.paint(tones[i], cells[4]))
			fmt.Fprintln(&b, strings.TrimRight("      "+middle, " "))
		default:
			fmt.Fprintln(&b, line+s.paint(tones[i], cells[4]))
		}
	}
	return b.String()
}

// walkthrough tells what happened, case by case.
func (e PauseEvidence) walkthrough() []Paragraph {
	f := derivePause(e)
	var told []Paragraph
	tell := func(topic string, said ...string) {
		if text := strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), " "); text != "" {
			told = append(told, Paragraph{Topic: topic, Text: text})
		}
	}
	tell("The pause", f.tellPause())
	for _, c := range Cases() {
		tell(c.Number(), f.tellCase(c)...)
	}
	if len(f.runs) > 0 {
		tell("The tokens", f.tellTokens()...)
		tell("The servers", f.tellServers()...)
	}
	return told
}

func (f *pauseFacts) tellPause() string {
	fig := f.figures()
	least, ok := fig["pause_min_ms"]
	if !ok {
		return ""
	}
	text := fmt.Sprintf("A lock that lives %v, and a worker that has it and stands still for %s", f.p.TTL, span(least))
	if most := fig["pause_max_ms"]; span(most) != span(least) {
		text = fmt.Sprintf("A lock that lives %v, and a worker that has it and stands still for %s to %s", f.p.TTL, span(least), span(most))
	}
	if median, ok := fig["passed_on_median_ms"]; ok {
		text += fmt.Sprintf(". The next worker had the lock %s after that", span(median))
		if least, most := fig["passed_on_min_ms"], fig["passed_on_max_ms"]; span(least) != span(most) {
			text += fmt.Sprintf(" (median; %s to %s)", span(least), span(most))
		}
	}
	return text + "."
}

// tellCase says what came of a case, in each way in which it was played.
func (f *pauseFacts) tellCase(c Case) (said []string) {
	said = append(said, sentence(c.About())+".")
	before := len(said)
	for _, way := range slices.Concat(c.Ways(LockRedlock)) {
		s := f.where(func(r *pauseRun) bool { return r.trial.Case == c && r.trial.Way == way })
		if len(s) == 0 {
			continue
		}
		n, _ := s.count((*pauseRun).harmed)
		text := fmt.Sprintf("%s: %s in %s", sentence(way.About()), c.harm(), s.outOf(n))
		refused, shown := s.count(func(r *pauseRun) bool { return r.refusedText() != "" })
		if refused > 0 {
			text += fmt.Sprintf("; a write was refused in %d, as that of %s", refused, shown.refusedText())
		}
		said = append(said, text+".")
	}
	if len(said) == before {
		return nil
	}
	return said
}

func (f *pauseFacts) tellTokens() (said []string) {
	in := func(locks ...string) bool {
		return f.planned(func(t Trial) bool { return slices.Contains(locks, t.Lock) && t.Way.fenced() })
	}
	if in(LockRedlock, LockRedis) {
		said = append(said, "A lock in Redis has no token. What stands for one here is the next number of a counter in the resource itself, drawn once the lock is there and before anything is read. "+
			"The resource goes by that order alone; it is the order of the locks as long as each worker still has its lock when it draws.")
	}
	if in(LockZooKeeper) {
		said = append(said, "The token of the ZooKeeper lock is the zxid that made its node: lock and token are one step.")
	}
	return said
}

func (f *pauseFacts) tellServers() (said []string) {
	for _, lock := range slices.Sorted(maps.Keys(f.p.Locks)) {
		said = append(said, fmt.Sprintf("The lock %s is kept by %s.", lock, f.p.Locks[lock]))
	}
	if f.p.Resource != (Engine{}) {
		said = append(said, fmt.Sprintf("The resource is %s.", f.p.Resource))
	}
	return said
}
