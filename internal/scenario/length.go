package scenario

import (
	"strings"
	"time"
)

// A Length is how long a fault lasts: a duration, or a duration beyond the session that the server gives. It is a value; the zero Length lasts no time.
type Length struct {
	OfSession bool
	Plus      time.Duration
}

// ParseLength reads "3s", "session" or "session+1s". What is not above 0 is refused with a *UsageError.
func ParseLength(s string) (Length, error) {
	rest, ofSession := strings.CutPrefix(s, "session")
	l := Length{OfSession: ofSession}
	if ofSession && rest == "" {
		return l, nil
	}
	if ofSession {
		var plus bool
		if rest, plus = strings.CutPrefix(rest, "+"); !plus {
			return l, usage("--for %q: want a duration such as 3s, or session+1s", s)
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return l, usage("--for %q: want a duration such as 3s, or session+1s", s)
	}
	if d <= 0 {
		return l, usage("--for %s: a fault lasts longer than 0, for example 3s or session+1s", s)
	}
	l.Plus = d
	return l, nil
}

// Of returns the length for a session timeout.
func (l Length) Of(session time.Duration) time.Duration {
	if l.OfSession {
		return session + l.Plus
	}
	return l.Plus
}

// String returns what ParseLength reads.
func (l Length) String() string {
	switch {
	case !l.OfSession:
		return l.Plus.String()
	case l.Plus == 0:
		return "session"
	}
	return "session+" + l.Plus.String()
}
