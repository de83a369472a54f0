package scenario

import (
	"cmp"
	"slices"
	"time"
)

// An admission is when a request was admitted: at some time from one to the other, by the clock of the machine. Nobody but the server that decides knows it more exactly.
type admission struct{ From, Until time.Duration }

// A fullest is the period in which most was admitted.
type fullest struct {
	n           int64
	from, until time.Duration
}

// most returns the period of a length that most admissions are certainly in, both ends included, of those that lie within two times. An admission that may have been before or after the
// period is not in it.
func most(all []admission, length time.Duration, after, before time.Duration) (best fullest) {
	var within []admission
	for _, a := range all {
		if a.From >= after && a.Until <= before {
			within = append(within, a)
		}
	}
	begins, ends := make([]time.Duration, 0, len(within)), make([]time.Duration, 0, len(within))
	for _, a := range within {
		if a.Until-a.From <= length { // Else it is in none.
			begins, ends = append(begins, a.From), append(ends, a.Until)
		}
	}
	slices.Sort(begins)
	slices.Sort(ends)
	for i, from := range begins {
		if i > 0 && begins[i-1] == from {
			continue
		}
		// Those that end in time, less those that began before: what began before ended in time too, as it takes no longer than the period.
		in, _ := slices.BinarySearchFunc(ends, from+length, func(e, t time.Duration) int { return cmp.Or(cmp.Compare(e, t), -1) })
		if n := int64(in - i); n > best.n {
			best = fullest{n, from, from + length}
		}
	}
	return best
}
