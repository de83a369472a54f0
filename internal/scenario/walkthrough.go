package scenario

import (
	"fmt"
	"strings"
)

// A Paragraph is one part of the walk-through. It is a value.
type Paragraph struct {
	// Topic is what it is about: "The cut", "The session".
	Topic string
	// Text is one or more sentences.
	Text string
}

// walkthrough tells what happened to the link, the session, the holder's belief, the znode, the lock, the resource, and who owns the lock after recovery.
func (e Evidence) walkthrough() []Paragraph {
	f := derive(e.Events)
	topics := []struct {
		name string
		tell func(Evidence, *facts) []string
	}{
		{"The cut", tellCut}, {"The session", tellSession}, {"The holder", tellHolder}, {"The znode", tellNode},
		{"The lock", tellLock}, {"The resource", tellResource}, {"In the end", tellOwner}, {"The server", tellServer},
	}
	var told []Paragraph
	for _, t := range topics {
		if text := strings.Join(t.tell(e, &f), " "); text != "" {
			told = append(told, Paragraph{Topic: t.name, Text: text})
		}
	}
	return told
}

// WalkthroughText returns the walk-through for a terminal, every line with a newline.
func WalkthroughText(story Story, s Style) string {
	var b strings.Builder
	for _, p := range story.walkthrough() {
		for i, line := range wrap(p.Text, s.width()-17) {
			topic := ""
			if i == 0 {
				topic = p.Topic
			}
			fmt.Fprintf(&b, "%s %s\n", s.paint(toneStrong, pad(topic, 15)), line)
		}
	}
	return b.String()
}

// tellServer speaks up only for what was not a real one.
func tellServer(e Evidence, _ *facts) []string {
	if e.Engine.Real() {
		return nil
	}
	return []string{"All this was seen on zktest, a server in memory, and not on a real ZooKeeper: it keeps the same rules of sessions, " +
		"nodes and zxids, and has no disk, no followers and no Java to be slow."}
}

func tellCut(e Evidence, f *facts) []string {
	p := e.Parameters
	if f.cut == nil {
		return nil
	}
	fault := string(p.Kind)
	if p.Direction != "" {
		fault += ", " + string(p.Direction)
	}
	var said []string
	link := "The link between the holder and ZooKeeper was cut"
	if p.Where.amongServers() {
		link = fmt.Sprintf("The holder went on talking to its server, and %s of %d servers, that one among them, could not talk to the others",
			number(float64(p.Where.spared(p.Servers))), p.Servers)
	}
	if length, ok := f.cutLength(); ok {
		said = append(said, fmt.Sprintf("%s for %s (%s).", link, span(length), fault))
	} else {
		said = append(said, fmt.Sprintf("%s (%s); it is not known until when.", link, fault))
	}
	if c := checkIsolated(e, f); c.OK || len(f.traffic) > 0 {
		said = append(said, sentence(c.Got)+".")
	}
	return said
}

func tellSession(e Evidence, f *facts) []string {
	p := e.Parameters
	var said []string
	switch {
	case p.SessionNegotiated <= 0:
	case p.SessionNegotiated == p.SessionRequested:
		said = append(said, fmt.Sprintf("The holder asked for a session of %s and got it.", spanOf(p.SessionRequested)))
	default:
		said = append(said, fmt.Sprintf("The holder asked for a session of %s, and the server gave %s.",
			spanOf(p.SessionRequested), spanOf(p.SessionNegotiated)))
	}
	if f.cut != nil {
		c := checkSessionExpired(e, f)
		if p.Recipe == RecipeProgram {
			c = checkProgramExpired(e, f)
		}
		if c.OK {
			said = append(said, "The server stopped hearing from it, expired it, and deleted what it owned.")
		} else if length, ok := f.cutLength(); ok && length > 0 {
			said = append(said, sentence(c.Got)+".")
		}
	}
	if f.learnt != nil && f.heal != nil && f.learnt.AtMs >= f.heal.AtMs {
		said = append(said, fmt.Sprintf("The holder's library heard of that only at %s, %s after the heal.",
			at(f.learnt.AtMs), span(f.learnt.AtMs-f.heal.AtMs)))
	}
	return said
}

func tellHolder(e Evidence, f *facts) []string {
	h := f.holder()
	if len(f.reigns) > 0 && (h == nil || h.end == nil) {
		return tellSilence(e, f)
	}
	if h == nil {
		return nil
	}
	m := f.margin()
	if h.end == nil {
		if m.negative() {
			return []string{fmt.Sprintf("It still believed at %s that the lock was its own, %s after its node was gone.", at(h.endLo), span(-m.hi))}
		}
		if h.endLo > h.start {
			return []string{fmt.Sprintf("It believed until %s at least.", at(h.endLo))}
		}
		return nil
	}
	if h.end.What == Released {
		return []string{fmt.Sprintf("It kept the lock, and gave it back itself at %s.", at(h.endHi))}
	}
	said := []string{fmt.Sprintf("It believed until %s", at(h.endHi))}
	if why := h.end.Detail; why != "" {
		said[0] += " (" + why + ")"
	}
	said[0] += "."
	switch {
	case m.positive():
		said = append(said, fmt.Sprintf("That was at least %s before its node was deleted.", span(m.lo)))
	case m.negative():
		said = append(said, fmt.Sprintf("By then its node had been gone for at least %s: all that time it believed in a lock that was not its own.",
			span(-m.hi)))
	case f.seen != nil && f.gone != nil:
		said = append(said, fmt.Sprintf("Its node went between %s and %s: too close to say which was first.", at(f.seen.AtMs), at(f.gone.AtMs)))
	}
	return said
}

func tellNode(e Evidence, f *facts) []string {
	var said []string
	switch {
	case f.seen != nil && f.gone != nil:
		said = append(said, fmt.Sprintf("It was last seen at %s and gone by %s.", at(f.seen.AtMs), at(f.gone.AtMs)))
	case f.gone != nil:
		said = append(said, fmt.Sprintf("It was gone by %s.", at(f.gone.AtMs)))
	case f.seen != nil:
		said = append(said, fmt.Sprintf("It was still there at %s.", at(f.seen.AtMs)))
	}
	if h := f.holder(); h != nil && h.end != nil && h.end.What == Released {
		return said // nobody predicted that
	}
	if f.gone != nil && !e.Predicted.IsZero() {
		switch earliest, latest := Ms(e.Predicted.Earliest.Duration()), Ms(e.Predicted.Latest.Duration()); {
		case f.gone.AtMs < earliest:
			said = append(said, fmt.Sprintf("That is earlier than predicted (%s).", e.Predicted))
		case f.gone.AtMs > latest:
			said = append(said, fmt.Sprintf("That is %s later than predicted (%s).", span(f.gone.AtMs-latest), e.Predicted))
		default:
			said = append(said, fmt.Sprintf("That is as predicted (%s).", e.Predicted))
		}
	}
	return said
}

func tellLock(_ Evidence, f *facts) []string {
	h, n := f.holder(), f.next()
	if len(f.reigns) > 0 {
		return tellReigns(f)
	}
	if n == nil {
		return nil
	}
	text := fmt.Sprintf("%s acquired it at %s", sentence(theClient(n.who)), at(n.start))
	if after := f.handover(); after != "" {
		text += ", " + after
	}
	switch {
	case n.token == 0 || h.token == 0:
	case n.token > h.token:
		text += fmt.Sprintf(", with token %s above the holder's %s", hex(n.token), hex(h.token))
	default:
		text += fmt.Sprintf(", with token %s that is not above the holder's %s", hex(n.token), hex(h.token))
	}
	said := []string{text + "."}
	if p := (pair{h, n}); p.overlaps() {
		said = append(said, fmt.Sprintf("The holder believed until %s: for %s there were two owners.", at(h.endLo), span(min(h.endLo, n.endHi)-n.start)))
	}
	return said
}

func tellResource(e Evidence, f *facts) []string {
	if len(f.writes) == 0 && !f.sealed {
		return nil
	}
	attempted, accepted := f.staleWrites()
	if attempted == 0 {
		if f.cut == nil {
			return nil
		}
		if len(f.reigns) > 0 {
			return []string{"No write of a program that did not own the lock arrived, so it was not tried whether one would have been kept out."}
		}
		return []string{"No write with an old token arrived, so it was not tried whether one would have been kept out."}
	}
	var said []string
	for _, w := range f.writes {
		if !w.stale || (accepted > 0 && !w.accepted()) {
			continue
		}
		text := fmt.Sprintf("A write with the old token %s arrived at %s", hex(w.Token), at(w.AtMs))
		if w.usurped != nil {
			text = fmt.Sprintf("A %s arrived at %s", w.name(), at(w.AtMs))
		}
		if f.heal != nil && w.AtMs >= f.heal.AtMs {
			text += fmt.Sprintf(", %s after the heal", span(w.AtMs-f.heal.AtMs))
		}
		if w.usurped != nil {
			text += fmt.Sprintf(", when %s owned the lock.", theClient(w.usurped.by))
		} else {
			text += fmt.Sprintf(", when the resource had already seen %s.", hex(w.mark))
		}
		switch {
		case w.accepted() && e.Parameters.Fenced:
			text += " It was accepted, although the resource is fenced."
		case w.accepted() && w.usurped != nil:
			text += " It was accepted."
		case w.accepted():
			text += " Nothing checked its token, and it was accepted."
		case w.OK != nil:
			text += " It was refused."
		default:
			text += " What became of it is not known."
		}
		said = append(said, text)
		break
	}
	if attempted > 1 {
		said = append(said, fmt.Sprintf("In all, %s arrived and %d were accepted.", count(attempted, "stale write"), accepted))
	}
	return said
}

func tellOwner(_ Evidence, f *facts) []string {
	var said []string
	after := ""
	if f.heal != nil {
		after = " after recovery"
	}
	switch owner := f.ownerAfterRecovery(); {
	case owner == "":
	case owner == OwnerNobody:
		said = append(said, "Nobody owns the lock"+after+".")
	case f.owner.Token != 0:
		said = append(said, fmt.Sprintf("The %s owns the lock%s, with token %s.", owner, after, hex(f.owner.Token)))
	default:
		said = append(said, fmt.Sprintf("The %s owns the lock%s.", owner, after))
	}
	if f.rejoined != nil {
		text := fmt.Sprintf("The holder acquired it again at %s", at(f.rejoined.AtMs))
		if f.rejoined.Token != 0 {
			text += fmt.Sprintf(", with token %s", hex(f.rejoined.Token))
		}
		said = append(said, text+".")
	}
	return said
}
