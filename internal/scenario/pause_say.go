package scenario

import (
	"fmt"
	"strings"
)

// PauseRunText tells one run: a line for each event, the picture, and what came of it. It returns "" if nothing is known of that run.
func PauseRunText(e PauseEvidence, number int, s Style) string {
	f := derivePause(PauseEvidence{Parameters: e.Parameters, Events: eventsOf(e.Events, number)})
	if len(f.runs) == 0 {
		return ""
	}
	r := f.runs[0]
	var b strings.Builder
	fmt.Fprintln(&b, s.paint(toneStrong, r.heading()))
	for i := range r.events {
		if r.routine(r.events[i]) {
			continue
		}
		say := r.say(r.events[i])
		line := fmt.Sprintf("%10s  %s %s", at(r.events[i].AtMs), s.paint(say.tone, pad(say.who, 8)), pad(say.text, 56))
		if say.note != "" {
			line += "  " + s.paint(say.tone, say.note)
		}
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
	}
	b.WriteString(r.picture(s))
	t := toneGood
	if r.harmed() {
		t = toneBad
	}
	for i, line := range wrap(r.endText(), s.width()-labelColumns) {
		fmt.Fprintln(&b, pad(map[bool]string{true: "in the end", false: ""}[i == 0], labelColumns)+s.paint(t, line))
	}
	return b.String()
}

func eventsOf(events []Event, run int) []Event {
	var some []Event
	for _, e := range events {
		if e.Run == run {
			some = append(some, e)
		}
	}
	return some
}

// heading names a run for people.
func (r *pauseRun) heading() string {
	return fmt.Sprintf("%s %s, %s, %s", r.trial.Case.Number(), r.trial.Case, r.trial.Lock, r.trial.Way.About())
}

// routine reports whether an event is not worth a line: others say the same.
func (r *pauseRun) routine(e Event) bool {
	switch e.What {
	case WriteSent:
		for _, w := range r.writes {
			if w.Who == e.Who && w.AtMs == e.AtMs {
				return w.answer != nil
			}
		}
		return true
	case Asked:
		return r.trial.Case != CaseSlowAcquire || e.Who != WhoA
	case ChargeSent, Effect, Balance:
		return true
	}
	return false
}

// say puts an event into words.
func (r *pauseRun) say(e Event) saying {
	s := saying{who: e.Who, text: e.Detail}
	switch e.What {
	case Asked:
		s.tone = toneDim
		s.or("asks for the lock")
	case Acquired:
		r.sayAcquired(&s, e)
	case Denied:
		s.tone = toneDim
		s.or("has to wait: another has the lock")
	case Checked:
		s.text = "checks: its hold is over"
		if e.OK != nil && *e.OK {
			s.text = "checks: its hold is good"
			if ms, ok := e.Figures[ValidMs]; ok {
				s.text += " for another " + span(ms)
			}
		}
	case Frozen, Stuck:
		s.who, s.tone, s.text = strings.ToUpper(e.What), toneFault, e.By+": "+e.Detail
	case Taken:
		s.tone, s.text = toneTruth, "the lock is taken, on the servers"
		if e.OK != nil && !*e.OK {
			s.text = "the lock is free, on the servers"
		}
	case Resumed, Unstuck:
		s.who, s.tone, s.text = strings.ToUpper(e.What), toneFault, e.By+" goes on"
		if ms, ok := e.Figures[PausedMs]; ok {
			s.text += ", after " + span(ms)
		}
	case LetGo:
		s.tone, s.note = toneBelief, "belief ENDS"
		s.or("knows that its hold is over")
	case Released:
		r.sayReleased(&s, e)
	case Skipped:
		s.tone = toneDim
		s.or("finds the job done")
	case Waiting:
		s.tone = toneBad
		s.or("still waits for the lock")
	case Replayed:
		s.tone, s.text = toneDim, fmt.Sprintf("played %s before, which does not count: %s", count(int(e.Figures[Times]), "time"), e.Detail)
	case Failed:
		s.tone, s.text = toneBad, "failed: "+e.Detail
	case Sealed:
		s.text = "seals the resource with token " + hex(e.Token)
		if e.OK != nil && !*e.OK {
			s.text, s.tone = s.text+": refused", toneGood
		}
	case WriteSent:
		s.tone, s.text = toneDim, "writes "+e.Detail+", with no answer"
	case WriteAnswered:
		r.sayWrite(&s, e)
	case Charged:
		s.text = fmt.Sprintf("takes the money for %s, asked by %s", e.Detail, e.By)
		if e.OK != nil && !*e.OK {
			s.text, s.tone = fmt.Sprintf("knows the key of %s's request for %s: no money is taken", e.By, e.Detail), toneGood
		} else if r.chargedBefore(e) {
			s.tone, s.note = toneBad, "the SECOND TIME"
		}
	case Interrupted:
		s.tone = toneBad
		s.or("interrupted")
	case Note:
		s.tone = toneDim
	default:
		s.or(e.What)
	}
	return s
}

func (r *pauseRun) sayAcquired(s *saying, e Event) {
	s.tone = toneBelief
	s.or("has the lock")
	if e.Token != 0 {
		s.text += ", token " + hex(e.Token)
	}
	if ms, ok := e.Figures[ValidMs]; ok {
		s.text += ", good for " + span(ms)
	}
	if by, owner := r.intruder(); by != nil && by.who == e.Who && by.start == e.AtMs {
		s.tone, s.note = toneBad, "while "+owner.who+"'s hold is GOOD"
		return
	}
	if mine := r.first(); e.Who == WhoA && r.next() != nil && r.stood != nil && mine != nil && mine.start == e.AtMs && r.stood.AtMs < e.AtMs && r.trial.Way.control() {
		s.tone, s.note = toneBad, "it was "+r.next().who+"'s meanwhile"
	} else if h := r.next(); h != nil && h.who == e.Who && h.start == e.AtMs && mine != nil && mine.start < e.AtMs && (mine.end == nil || mine.end.AtMs > e.AtMs) {
		s.note = "A believes that it has it"
	}
}

func (r *pauseRun) sayReleased(s *saying, e Event) {
	s.tone = toneBelief
	switch {
	case e.OK == nil || *e.OK:
		s.or("gives the lock back")
		if by, owner := r.intruder(); by != nil && owner.who != e.Who && e.AtMs < by.start && e.AtMs > owner.start {
			s.tone, s.note = toneBad, "it was "+owner.who+"'s"
		}
	default:
		s.or("gives nothing back: the lock is not its own any more")
	}
}

func (r *pauseRun) sayWrite(s *saying, e Event) {
	text := "writes " + e.Detail
	if e.Token != 0 {
		text += " with token " + hex(e.Token)
	}
	switch {
	case e.OK == nil:
		text += ": unknown outcome"
	case *e.OK:
		text += ": accepted"
	default:
		text += ": refused"
	}
	s.text = text
	for _, w := range r.writes {
		if w.answer == nil || w.answer.AtMs != e.AtMs || w.Who != e.Who {
			continue
		}
		switch {
		case w.stale() && r.accepted(w):
			s.tone, s.note = toneBad, "STALE, below "+hex(w.mark)+", and ACCEPTED"
		case w.stale():
			s.tone, s.note = toneGood, "stale, below "+hex(w.mark)+": kept out"
		case w.late && r.accepted(w) && r.trial.Case == CaseLateWrite && r.lost() > 0:
			s.tone, s.note = toneBad, "LATE: another's update is LOST"
		case w.late && r.accepted(w) && r.twice() == e.Detail:
			s.tone, s.note = toneBad, "LATE: the job is DONE TWICE"
		case w.late && r.accepted(w):
			s.tone, s.note = toneBad, "LATE"
		case r.accepted(w) && r.twice() == e.Detail && r.isSecond(e):
			s.tone, s.note = toneBad, "the job is DONE TWICE"
		}
	}
}

// isSecond reports whether the job had been done by another before.
func (r *pauseRun) isSecond(e Event) bool {
	for _, w := range r.writes {
		if w.Detail == e.Detail && w.Who != e.Who && w.answer != nil && w.answer.AtMs < e.AtMs && r.accepted(w) {
			return true
		}
	}
	return false
}

func (r *pauseRun) chargedBefore(e Event) bool {
	for _, c := range r.charges {
		if c.Detail == e.Detail && c.AtMs < e.AtMs && c.OK != nil && *c.OK {
			return true
		}
	}
	return false
}
