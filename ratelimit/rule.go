package ratelimit

// A rule is a limit in whole numbers, and the pure function that decides by it: the state of a key, the time and a question, to an answer and the next state. The scripts in
// Redis are the same function in Lua, and are tested against this one. Times are in microseconds since 1970.
type rule interface {
	// step answers a question. The state that it returns is to be stored if the answer says so.
	step(s state, now int64, q question) (answer, state)
	// read parses the text of a state, which is what Redis stores.
	read(text string) (state, error)
	// text is the inverse of read.
	text(s state) string
	// burst is the most that can be admitted at once.
	burst() int64
	// most is the most that is admitted at the times t with a <= t <= a+length, whatever a.
	most(length int64) int64
	// share is what one of n servers may do by itself and by its own clock, which may run too fast by one part in [rates], so that all together do no more than the rule allows; ok
	// is false if that is nothing, or cannot be counted exactly.
	share(n int64) (_ rule, ok bool)
	// spent is a state in which nothing is admitted at the time at, and whatever may be admitted later has come since.
	spent(at int64) state

	script() *script
	// parameters are the script's first arguments.
	parameters() []any
}

// A question asks to admit, and to lend.
type question struct {
	direct int64    // to be admitted now, all or nothing
	lend   int64    // may be lent on top of that, as many of them as there are
	hold   int64    // how long what is lent is counted as used by nobody yet; 0 lends for good
	id     string   // names what is lent, when hold is set
	ended  []string // what was lent before, and is used up
}

// An answer is a decision. Its times are relative to the time of the decision, and 0 where there is nothing to wait for.
type answer struct {
	ok    bool  // direct is admitted
	lent  int64 // on top of that
	left  int64 // could be admitted now
	retry int64 // until the question, or if it was answered with yes a question for one, can be answered with yes: no sooner, and perhaps later
	reset int64 // until the key is as if it had never been used
	life  int64 // for how long what is lent may be used, 0 if the rule does not care

	store  bool  // the state has changed
	expiry int64 // when the state may be forgotten, in milliseconds since 1970
}

// A state is what is known of a key that was used. The zero state is a key that was not.
type state struct {
	known bool
	at    int64 // when a bucket lacks nothing; of a window, the number of the newest cell
	used  int64 // of a bucket, what it lacks at that time none the less, which comes within a microsecond; of a window, what was admitted in the newest cell
	cells []cell
	loans []loan // by expiry
}

// A cell is a stretch of time in which something was admitted.
type cell struct {
	age  int64 // in cells, from the newest one; ascending in a list
	used int64
}

// A loan is what a server holds and may use until its expiry, or not.
type loan struct {
	id     string
	size   int64
	expiry int64
}

func outstanding(loans []loan) (sum int64) {
	for _, l := range loans {
		sum += l.size
	}
	return sum
}

// lend adds a loan behind those that expire no later. A question that comes a second time, because its first answer was lost on the way, finds its loan and adds none.
func lend(loans []loan, l loan) []loan {
	i := len(loans)
	for i > 0 && loans[i-1].expiry > l.expiry {
		i--
	}
	next := make([]loan, 0, len(loans)+1)
	return append(append(append(next, loans[:i]...), l), loans[i:]...)
}

// settled divides the loans at a time into those that have expired, the sum of those that are used up, and those that are still out.
func settled(loans []loan, now int64, ended []string) (expired []loan, used int64, out []loan) {
next:
	for _, l := range loans {
		if l.expiry <= now {
			expired = append(expired, l)
			continue
		}
		for _, id := range ended {
			if id == l.id {
				used += l.size
				continue next
			}
		}
		out = append(out, l)
	}
	return expired, used, out
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
