package shard

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A member's node is named _c_<UUID>-member-<session timeout in milliseconds>-<10 digits>. So whoever lists the directory knows how long each of those that are there may take to notice that
// its session is over. Whatever else is in the directory counts as a member, of which nothing is known.
const memberMark = "-member-"

// nodeName returns what a node's name has before the digits, and after the UUID.
func nodeName(timeout time.Duration) string {
	return fmt.Sprintf("%s%d-", strings.TrimPrefix(memberMark, "-"), timeout.Milliseconds())
}

// timeoutOf returns the session timeout of a member, 0 if its name does not tell.
func timeoutOf(name string) time.Duration {
	_, rest, ok := strings.Cut(name, memberMark)
	ms, _, more := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if !ok || !more || err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

// grace returns for how long one who comes does not count: until those that were there before have seen it, or have lost their sessions. Clocks differ by less than one part in 64.
func grace(names []string, own time.Duration) time.Duration {
	most := own
	for _, name := range names {
		most = max(most, timeoutOf(name))
	}
	return most + most/64
}

// sequence returns the number that the servers gave a node, -1 if it has none.
func sequence(name string) int64 {
	digits := name[max(0, len(name)-10):]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || len(digits) < 10 {
		return -1
	}
	return n
}

// order returns the names, oldest first; those without a number come first, by name.
func order(names []string) []string {
	sorted := slices.Clone(names)
	slices.SortFunc(sorted, func(a, b string) int { return cmp.Or(cmp.Compare(sequence(a), sequence(b)), cmp.Compare(a, b)) })
	return sorted
}
