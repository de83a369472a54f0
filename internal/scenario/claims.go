package scenario

import (
	"strings"
	"time"

	"github.com/zkkit/zkkit/fence"
)

// claimMark begins a line with which a program says what it believes.
const claimMark = "zkctl: "

// reportSlack is how much earlier than it was read a program may have said something. A line that is flushed takes a millisecond; on a machine that is very busy it may take
// a hundred. Nothing is proven by less than this.
const reportSlack = 250 * time.Millisecond

// claims turns what one program says into events. It is not safe for concurrent use.
type claims struct {
	who   string
	open  bool
	told  bool   // of a hold, ever
	token uint64 // of the hold that it told of last, 0 if it did not say
}

// hear returns the events that a line stands for, at most two, and what is wrong with it.
func (c *claims) hear(line string, afterCut bool) (events []Event, wrong string) {
	text, ours := strings.CutPrefix(line, claimMark)
	if !ours {
		return nil, ""
	}
	word, token, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch {
	case word == "held":
		id, ok := claimed(token)
		if !ok {
			return nil, "want \"zkctl: held\", with a token such as 0x1f behind it or none"
		}
		return c.held(id, afterCut), ""
	case word == "released" && token == "":
		if !c.open {
			return nil, ""
		}
		c.open = false
		return []Event{c.event(BeliefEnded, "said that it has stopped using the lock")}, ""
	}
	return nil, "want \"zkctl: held TOKEN\" or \"zkctl: released\""
}

func (c *claims) held(token uint64, afterCut bool) (events []Event) {
	if c.open && (token == 0 || c.token == 0 || token == c.token) {
		return []Event{c.event(StillBelieving, "says that it holds the lock")}
	}
	if c.open {
		events = append(events, c.event(BeliefEnded, "said that it has another hold"))
	}
	what := Acquired
	if c.told && afterCut {
		what = Rejoined
	}
	c.open, c.told, c.token = true, true, token
	return append(events, c.event(what, "says that it holds the lock"))
}

func (c *claims) event(what, detail string) Event {
	return Event{Who: c.who, What: what, Token: c.token, Detail: detail, Figures: map[string]float64{ReportedWithinMs: Ms(reportSlack)}}
}

func claimed(token string) (id uint64, ok bool) {
	token = strings.TrimSpace(token)
	if token == "" {
		return 0, true
	}
	t, err := fence.ParseToken(token)
	return t.ID, err == nil && t.Generation == 0
}
