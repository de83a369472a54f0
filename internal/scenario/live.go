package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// Live writes a run as it happens, one line per event. It remembers what the events that it was given come to, because a line says what the
// event means next to those before it. It is not safe for concurrent use; the zero Live draws in the zero [Style].
type Live struct {
	Style Style

	known facts
	last  map[hand]write // the resource's last write with each token
}

// A hand is whoever writes with one token.
type hand struct {
	by    string
	token uint64
}

// Line returns the line for the next event, without a newline: the time, who saw it, what it was, and what that means for belief and
// truth. It returns "" for what would drown the rest: a write that fares like the one before it with the same token, and what clients say
// of their writes.
func (l *Live) Line(e Event) string {
	l.known.live = true
	l.known.add(&e)
	if l.routine(e) {
		return ""
	}
	s := say(e, &l.known)
	line := fmt.Sprintf("%10s  %s %s", at(e.AtMs), l.Style.paint(s.tone, pad(s.who, 14)), pad(s.text, 54))
	if s.note != "" {
		line += "  " + l.Style.paint(s.tone, s.note)
	}
	return strings.TrimRight(line, " ")
}

// routine reports whether an event, the last one added, is not worth a line.
func (l *Live) routine(e Event) bool {
	switch e.What {
	case WriteSent, WriteAnswered, NodeSeen, Owned:
		return true
	case StillBelieving:
		return e.Figures[ReportedWithinMs] > 0 // a program says so again and again
	}
	if e.What != Write || e.Who != WhoResource {
		return false
	}
	w := l.known.writes[len(l.known.writes)-1]
	key := hand{w.By, w.Token}
	before, found := l.last[key]
	if l.last == nil {
		l.last = map[hand]write{}
	}
	l.last[key] = w
	return found && before.stale == w.stale && before.accepted() == w.accepted() && (before.OK == nil) == (w.OK == nil)
}

// saying is an event in words.
type saying struct {
	who, text, note string
	tone            tone
}

// say puts an event into words, given what is known when it happens, or in the end.
func say(e Event, f *facts) saying {
	s := saying{who: e.Who, text: e.Detail}
	switch e.What {
	case Cut:
		s.who, s.tone = "CUT", toneFault
		s.or("the link between the holder and ZooKeeper is cut")
	case Heal:
		s.who, s.tone = "HEAL", toneFault
		s.or("bytes flow again")
		if took, ok := e.Figures[HealMs]; ok && !strings.Contains(s.text, "took") {
			s.note = "took " + span(took)
		}
	case State:
		s.tone = toneDim
		s.text = strings.TrimSpace("session " + strings.TrimPrefix(s.text, "session "))
	case Acquired, Rejoined:
		s.sayAcquired(e, f)
	case BeliefEnded, Released:
		s.tone, s.note = toneBelief, "belief ENDS"
		s.or(map[string]string{BeliefEnded: "stopped using the lock", Released: "gives the lock back"}[e.What])
		if h := f.holder(); h != nil && h.who == e.Who && h.end != nil && h.end.AtMs == e.AtMs && f.margin().negative() {
			s.tone, s.note = toneBad, "belief ENDS  OVERLAP "+span(-f.margin().hi)
		}
	case StillBelieving:
		s.tone = toneDim
		s.or("still believes in its hold")
	case NodeSeen:
		s.tone = toneTruth
		s.or("the holder's node is there, seen for the last time")
	case NodeGone:
		s.sayGone(e, f)
	case Owner:
		s.text, s.note, s.tone = theClient(e.Detail)+" owns the lock", "after recovery", toneTruth
		if f.cut == nil {
			s.note = "in the end"
		}
	case ObserverLost:
		s.tone, s.note = toneBad, "evidence LOST"
		s.or("the observer lost its connection")
	case Sealed:
		s.text = "sealed with token " + hex(e.Token)
	case Write, WriteSent, WriteAnswered:
		s.sayWrite(e, f)
	case Traffic:
		s.tone = toneDim
		s.text = traffic(e.Figures, s.text)
	case Owns:
		s.sayOwns(e, f)
	case Owned:
		s.tone, s.text = toneTruth, "the lock still had the same owner"
	case Started, Exited:
		s.tone = toneDim
		s.or(e.What)
	case SessionExpiredLearnt:
		s.or("its library reports that the session has expired")
		if f.heal != nil && f.heal.AtMs <= e.AtMs {
			s.note = fmt.Sprintf("learnt %s after the heal", span(e.AtMs-f.heal.AtMs))
		}
	case Interrupted:
		s.tone = toneBad
		s.or("interrupted")
	case Note:
		s.tone = toneDim
	default:
		s.or(e.What)
	}
	switch e.What {
	case Acquired, Rejoined, Owner, SessionExpiredLearnt, Note:
		if e.Token != 0 && !strings.Contains(s.text, hex(e.Token)) {
			s.text += ", token " + hex(e.Token)
		}
	}
	return s
}

// theClient names a client, or nobody, in the middle of a sentence.
func theClient(who string) string {
	if who == WhoHolder || who == WhoWaiter {
		return "the " + who
	}
	return who
}

// or sets the text if the event brought none.
func (s *saying) or(text string) {
	if s.text == "" {
		s.text = text
	}
}

func (s *saying) sayAcquired(e Event, f *facts) {
	s.tone, s.note = toneBelief, "belief STARTS"
	s.or(map[string]string{Acquired: "acquired the lock", Rejoined: "acquired the lock again"}[e.What])
	for i := range f.holds {
		h := &f.holds[i]
		if h.who != e.Who && h.start <= e.AtMs && (h.end == nil || h.endLo > e.AtMs) {
			s.tone, s.note = toneBad, "belief STARTS  while "+theClient(h.who)+" STILL BELIEVES"
			return
		}
	}
	if n := f.next(); n != nil && n.who == e.Who && n.start == e.AtMs && f.gone != nil && f.gone.AtMs < e.AtMs {
		s.note = "belief STARTS  handover " + span(e.AtMs-f.gone.AtMs)
	}
}

// sayOwns names the new owner of a lock that programs want.
func (s *saying) sayOwns(e Event, f *facts) {
	s.tone, s.note = toneTruth, "truth STARTS"
	s.text = fmt.Sprintf("%s owns the lock, with node %s", theClient(orSomebody(e.By)), hex(e.Token))
	if h := f.holder(); h != nil && e.By != "" && h.who != e.By && e.AtMs > 0 && h.end == nil {
		s.tone, s.note = toneBad, "truth STARTS  while the holder has not said that it stopped"
	}
}

func (s *saying) sayGone(e Event, f *facts) {
	s.tone, s.note = toneTruth, "truth ENDS"
	s.or("the holder's node is gone")
	if e.Zxid != 0 && !strings.Contains(s.text, "zxid") {
		s.text += ", zxid " + hex(e.Zxid)
	}
	switch h, m := f.holder(), f.margin(); {
	case m.positive():
		s.note = "truth ENDS  margin " + span(m.lo)
	case h != nil && h.end == nil && len(f.reigns) > 0:
		s.note = "truth ENDS  the holder has not said that it stopped"
	case h != nil && h.end == nil || m.negative():
		s.tone, s.note = toneBad, "truth ENDS  while the holder STILL BELIEVES"
	}
}

func (s *saying) sayWrite(e Event, f *facts) {
	outcome := "with an unknown outcome"
	if e.OK != nil {
		outcome = map[bool]string{true: "accepted", false: "refused"}[*e.OK]
	}
	switch e.What {
	case WriteSent:
		s.tone, outcome = toneDim, "sent"
	case WriteAnswered:
		s.tone, outcome = toneDim, "answered: "+outcome
	}
	text := fmt.Sprintf("a write with token %s %s", hex(e.Token), outcome)
	if e.Token == 0 {
		text = "a write without a token " + outcome
	}
	if e.By != "" {
		text = strings.Replace(text, "a write", "a write of "+theClient(e.By), 1)
	}
	if s.text != "" {
		text += " (" + s.text + ")"
	}
	s.text = text
	if e.What != Write {
		return
	}
	for _, w := range slices.Backward(f.writes) {
		switch {
		case w.AtMs != e.AtMs || w.Token != e.Token || w.By != e.By:
			continue
		case w.usurped != nil && w.accepted():
			s.tone, s.note = toneBad, fmt.Sprintf("STALE, %s owns the lock, and ACCEPTED", theClient(w.usurped.by))
		case w.usurped != nil && w.Token >= w.mark:
			s.tone, s.note = toneDim, fmt.Sprintf("stale, %s owns the lock: kept out", theClient(w.usurped.by))
		case w.stale && w.accepted():
			s.tone, s.note = toneBad, fmt.Sprintf("STALE, below %s, and ACCEPTED", hex(w.mark))
		case w.stale:
			s.tone, s.note = toneGood, fmt.Sprintf("stale, below %s: kept out", hex(w.mark))
		}
		break
	}
}

// traffic puts the counters of a proxy into words, or returns otherwise if there are none.
func traffic(fig map[string]float64, otherwise string) string {
	var parts []string
	for _, way := range []struct{ offered, forwarded, name string }{
		{BytesOfferedToServer, BytesForwardedToServer, "to the server"},
		{BytesOfferedFromServer, BytesForwardedFromServer, "from the server"},
	} {
		offered, ok1 := fig[way.offered]
		forwarded, ok2 := fig[way.forwarded]
		if ok1 && ok2 {
			parts = append(parts, fmt.Sprintf("%s offered %s, %s passed", size(offered), way.name, size(forwarded)))
		}
	}
	if n, ok := fig[ConnectionsForwarded]; ok && len(parts) == 0 {
		parts = append(parts, count(int(n), "connection")+" let through")
	}
	if len(parts) == 0 {
		return otherwise
	}
	return strings.Join(parts, "; ")
}
