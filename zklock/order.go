package zklock

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// marks are what stands before a contender's number: in Curator's InterProcessMutex and this package, in kazoo's Lock, and in kazoo's reader lock.
var marks = []string{"lock-", "__lock__", "__rlock__"}

// lastSafe is the greatest number that order is trusted up to. Near 2^31-1 the servers' counter sticks, and numbers that were asked for together go on below zero.
const lastSafe = math.MaxInt32 - 1000

// contender is a node that takes part in a lock.
type contender struct {
	name string
	seq  int64
}

// parse reads a child's name. A child without a number after one of the marks takes no part.
func parse(name string) (contender, bool) {
	for _, mark := range marks {
		i := strings.LastIndex(name, mark)
		if i < 0 {
			continue
		}
		seq, err := strconv.ParseInt(name[i+len(mark):], 10, 32)
		return contender{name, seq}, err == nil
	}
	return contender{}, false
}

// place is where a contender stands.
type place struct {
	listed  bool
	ahead   []contender // in the order of the queue; empty for the one whose turn it is
	foreign []string    // children that take no part
	unsafe  *contender  // one whose number cannot be trusted
}

// findPlace says where the child named me stands among children. Order is by number alone, as Curator and kazoo have it, and never by the name.
// It is a pure function.
func findPlace(children []string, me string) place {
	var p place
	mine, _ := parse(me)
	all := make([]contender, 0, len(children))
	for _, name := range children {
		c, ok := parse(name)
		if !ok {
			p.foreign = append(p.foreign, name)
			continue
		}
		if c.seq < 0 || c.seq > lastSafe || c.seq == mine.seq && c.name != me {
			p.unsafe = &c
		}
		if c.name == me {
			p.listed = true
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b contender) int { return cmp.Compare(a.seq, b.seq) })
	for _, c := range all {
		if c.seq < mine.seq {
			p.ahead = append(p.ahead, c)
		}
	}
	return p
}
