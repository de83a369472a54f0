package zktest_test

import "slices"

// What mutants are made of.

// forEach alters one answer after the other.
func forEach(alter func(p *peer, a *answer)) func(*peer, []answer) []answer {
	return func(p *peer, answers []answer) []answer {
		for i := range answers {
			alter(p, &answers[i])
		}
		return answers
	}
}

// each is forEach for what remembers nothing.
func each(alter func(p *peer, a *answer)) func() func(*peer, []answer) []answer {
	return func() func(*peer, []answer) []answer { return forEach(alter) }
}

// recode replies with another error, or none.
func recode(from, to int64) func() func(*peer, []answer) []answer {
	return each(func(_ *peer, a *answer) {
		if a.what == reply && a.failed() == from {
			a.get("err").num = to
		}
	})
}

// notDenied lets one operation pass where an ACL denies it.
func notDenied(op int32) func() func(*peer, []answer) []answer {
	return each(func(_ *peer, a *answer) {
		if a.call != nil && a.call.op == op && a.failed() == codeNoAuth {
			a.get("err").num = 0
		}
	})
}

// onEvent does something to the tenth event, and to no other.
func onEvent(do func(answers []answer, i int) []answer) func(*peer, []answer) []answer {
	n := 0
	return func(_ *peer, answers []answer) []answer {
		for i := range answers {
			if answers[i].what != event {
				continue
			}
			if n++; n == 10 {
				return do(answers, i)
			}
		}
		return answers
	}
}

func drop(answers []answer, i int) []answer  { return slices.Delete(answers, i, i+1) }
func twice(answers []answer, i int) []answer { return slices.Insert(answers, i, answers[i]) }

// swap exchanges the first two neighbours of these sorts that differ, and no others.
func swap(first, second string) func(*peer, []answer) []answer {
	done := false
	return func(_ *peer, answers []answer) []answer {
		for i := 0; i+1 < len(answers) && !done; i++ {
			a, b := answers[i], answers[i+1]
			if a.what == first && b.what == second && a.String() != b.String() {
				answers[i], answers[i+1], done = b, a, true
			}
		}
		return answers
	}
}

// beforeReplyTo drops the event that comes right before the reply to that operation.
func beforeReplyTo(op int32) func(*peer, []answer) []answer {
	return func(_ *peer, answers []answer) []answer {
		for i := 1; i < len(answers); i++ {
			if c := answers[i].call; c != nil && c.op == op && answers[i-1].what == event {
				return drop(answers, i-1)
			}
		}
		return answers
	}
}
