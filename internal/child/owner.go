package child

import (
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
	"strconv"
)

// An Owner is a process, in a way that a later one with the same number is not mistaken for it. What outlives a process, as directories and containers do,
// is marked with its owner, so that a later process can tell what a dead one left behind from what a living one uses.
// It is a value, safe for concurrent use. The zero Owner is nobody.
type Owner struct {
	host  string // The space in which process numbers mean the same: containers may share a directory or an engine, but not their numbers.
	pid   int
	start int64 // In a unit of the system's own, 0 where it cannot be known.
}

// Self is the Owner that this process is.
func Self() Owner {
	o := Owner{host: hostID(), pid: os.Getpid()}
	o.start, _ = Alive(o.pid)
	return o
}

// hostID names the space in which process numbers mean the same.
func hostID() string {
	h := fnv.New32a()
	name, _ := os.Hostname()
	pids, _ := os.Readlink("/proc/self/ns/pid")
	fmt.Fprintf(h, "%s\x00%s", name, pids)
	return fmt.Sprintf("%08x", h.Sum32())
}

// String returns the owner as a mark, of letters, digits and dashes.
func (o Owner) String() string { return fmt.Sprintf("%s-%d-%d", o.host, o.pid, o.start) }

var ownerText = regexp.MustCompile(`^([0-9a-f]{8})-([0-9]+)-([0-9]+)$`)

// ParseOwner reads a mark back. It reports false for one that is not ours.
func ParseOwner(mark string) (Owner, bool) {
	m := ownerText.FindStringSubmatch(mark)
	if m == nil {
		return Owner{}, false
	}
	pid, err := strconv.Atoi(m[2])
	if err != nil {
		return Owner{}, false
	}
	start, err := strconv.ParseInt(m[3], 10, 64)
	return Owner{host: m[1], pid: pid, start: start}, err == nil
}

// IsDead reports whether the process is surely no more: there is none with its number, or it is another one. Of other hosts it knows nothing, and reports false.
func (o Owner) IsDead() bool {
	if o.host != hostID() {
		return false
	}
	start, alive := Alive(o.pid)
	return !alive || o.start != 0 && start != 0 && start != o.start
}
