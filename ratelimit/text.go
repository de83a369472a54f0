package ratelimit

import (
	"fmt"
	"strconv"
	"strings"
)

// The text of a state is what Redis stores and what an operator sees, numbers with a space between them:
//
//	bucket   1700000000123456 2 k3f:20:1700000001123456
//	         when it will have filled up, in microseconds, and what it will lack even then; each loan as id:size:expiry. The first number alone if there is no more.
//	window   1813333 35 2=20 7=11 k3f:20:1700000001123456
//	         the number of the newest cell, and what was admitted in all cells; each of the older ones as age=number; and each loan
//
// A loan is in it from when it is given until it is used up or has expired.

func (b *bucket) text(s state) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%d", s.at)
	if s.used > 0 || len(s.loans) > 0 {
		fmt.Fprintf(&t, " %d", s.used)
	}
	writeLoans(&t, s.loans)
	return t.String()
}

func (w *window) text(s state) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%d %d", s.at, s.used+admitted(s.cells))
	for _, c := range s.cells {
		fmt.Fprintf(&t, " %d=%d", c.age, c.used)
	}
	writeLoans(&t, s.loans)
	return t.String()
}

func admitted(cells []cell) (sum int64) {
	for _, c := range cells {
		sum += c.used
	}
	return sum
}

func writeLoans(t *strings.Builder, loans []loan) {
	for _, l := range loans {
		fmt.Fprintf(t, " %s:%d:%d", l.id, l.size, l.expiry)
	}
}

func (b *bucket) read(text string) (state, error) { return read(text) }

func (w *window) read(text string) (state, error) {
	s, err := read(text)
	s.used -= admitted(s.cells)
	return s, err
}

func read(text string) (state, error) {
	s := state{known: true}
	for i, field := range strings.Fields(text) {
		var err error
		switch id, rest, isLoan := strings.Cut(field, ":"); {
		case i == 0:
			s.at, err = strconv.ParseInt(field, 10, 64)
		case i == 1:
			s.used, err = strconv.ParseInt(field, 10, 64)
		case isLoan:
			l := loan{id: id}
			_, err = fmt.Sscanf(rest, "%d:%d", &l.size, &l.expiry)
			s.loans = append(s.loans, l)
		default:
			var c cell
			_, err = fmt.Sscanf(field, "%d=%d", &c.age, &c.used)
			s.cells = append(s.cells, c)
		}
		if err != nil {
			return state{}, fmt.Errorf("ratelimit: %q is no state of a key: %w", text, err)
		}
	}
	return s, nil
}
