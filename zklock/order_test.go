package zklock

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	uuid  = "1f0c9e4a-5b6d-4c3e-8f7a-0123456789ab"
	uuid2 = "a10c9e4a-5b6d-4c3e-8f7a-0123456789ab"
	hex32 = "1f0c9e4a5b6d4c3e8f7a0123456789ab"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		what, name string
		seq        int64
		ok         bool
	}{
		{"Curator and this package", "_c_" + uuid + "-lock-0000000042", 42, true},
		{"Curator without protection", "lock-0000000042", 42, true},
		{"go-zookeeper", "_c_" + hex32 + "-lock-0000000042", 42, true},
		{"kazoo", hex32 + "__lock__0000000042", 42, true},
		{"kazoo's reader", hex32 + "__rlock__0000000042", 42, true},
		{"the first", "_c_" + uuid + "-lock-0000000000", 0, true},
		{"the greatest number there is", "_c_" + uuid + "-lock-2147483647", math.MaxInt32, true},
		{"the number after that", "_c_" + uuid + "-lock--2147483648", math.MinInt32, true},
		{"below zero, as the server pads it", "_c_" + uuid + "-lock--000000005", -5, true},
		{"below zero in kazoo's form", hex32 + "__lock__-000000005", -5, true},
		{"the last mark counts", "lock-1-lock-0000000042", 42, true},

		{"Curator's reader", "_c_" + uuid + "__READ__0000000042", 0, false},
		{"Curator's writer", "_c_" + uuid + "__WRIT__0000000042", 0, false},
		{"Curator's semaphore", "_c_" + uuid + "-lease-0000000042", 0, false},
		{"Curator's latch", "_c_" + uuid + "-latch-0000000042", 0, false},
		{"no number", "_c_" + uuid + "-lock-", 0, false},
		{"not a number", "_c_" + uuid + "-lock-00000000x2", 0, false},
		{"more than a number", "_c_" + uuid + "-lock-0000000042.bak", 0, false},
		{"beyond what a server counts", "_c_" + uuid + "-lock-4294967296", 0, false},
		{"a number and no mark", "0000000042", 0, false},
		{"somebody's notes", "README", 0, false},
		{"nothing", "", 0, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			got, ok := parse(c.name)
			require.Equal(t, c.ok, ok)
			if ok {
				require.Equal(t, contender{c.name, c.seq}, got)
			}
		})
	}
}

func TestFindPlace(t *testing.T) {
	const me = "_c_" + uuid + "-lock-0000000005"
	numbers := func(all []contender) (seqs []int64) {
		for _, c := range all {
			seqs = append(seqs, c.seq)
		}
		return seqs
	}
	for _, c := range []struct {
		what     string
		children []string
		listed   bool
		ahead    []int64
		foreign  int
		unsafe   string
	}{
		{what: "alone", children: []string{me}, listed: true},
		{what: "an empty directory"},
		{what: "not there any more", children: []string{"lock-0000000003", "lock-0000000009"}, ahead: []int64{3}},
		{what: "the first of several", children: []string{"lock-0000000007", me, "lock-0000000006"}, listed: true},
		{
			what:     "all kinds of names, by number and not by name",
			children: []string{"_c_" + uuid2 + "-lock-0000000001", hex32 + "__lock__0000000004", me, "_c_" + hex32 + "-lock-0000000003", "0__rlock__0000000002"},
			listed:   true, ahead: []int64{1, 2, 3, 4},
		},
		{
			what:     "a name that sorts after mine with a lower number, one that sorts before with a higher",
			children: []string{me, "zzz-lock-0000000002", "!-lock-0000000008"},
			listed:   true, ahead: []int64{2},
		},
		{what: "a number that is not padded", children: []string{me, "lock-10", "lock-4"}, listed: true, ahead: []int64{4}},
		{
			what:     "children that take no part",
			children: []string{"!", me, "notes", "_c_" + uuid2 + "-lease-0000000001", "lock-0000000001"},
			listed:   true, ahead: []int64{1}, foreign: 3,
		},
		{what: "my number twice", children: []string{me, "lock-0000000005"}, listed: true, unsafe: "lock-0000000005"},
		{what: "below zero", children: []string{me, "lock--000000001"}, listed: true, ahead: []int64{-1}, unsafe: "lock--000000001"},
		{what: "near the end", children: []string{me, "lock-2147483640"}, listed: true, unsafe: "lock-2147483640"},
		{what: "the last that is trusted", children: []string{me, fmt.Sprintf("lock-%d", lastSafe)}, listed: true},
		{what: "the first that is not", children: []string{me, fmt.Sprintf("lock-%d", lastSafe+1)}, listed: true, unsafe: fmt.Sprintf("lock-%d", lastSafe+1)},
	} {
		t.Run(c.what, func(t *testing.T) {
			given := slices.Clone(c.children)
			p := findPlace(c.children, me)
			require.Equal(t, c.listed, p.listed)
			require.Equal(t, c.ahead, numbers(p.ahead))
			require.Len(t, p.foreign, c.foreign)
			if c.unsafe == "" {
				require.Nil(t, p.unsafe)
			} else {
				require.NotNil(t, p.unsafe)
				require.Equal(t, c.unsafe, p.unsafe.name)
			}
			require.Equal(t, given, c.children, "the caller's list is not touched")
		})
	}
	t.Run("my own number near the end", func(t *testing.T) {
		p := findPlace([]string{"lock-2147483647"}, "lock-2147483647")
		require.True(t, p.listed)
		require.NotNil(t, p.unsafe)
	})
}

// What findPlace says is what one finds who asks each other child: is your number below mine?
func TestFindPlaceAgreesWithANaiveSearch(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	prefixes := []string{"_c_" + uuid + "-lock-", "_c_" + uuid2 + "-lock-", "_c_" + hex32 + "-lock-", hex32 + "__lock__", hex32 + "__rlock__", "lock-", "~lock-"}
	strangers := []string{"notes", "", "lock-", "_c_" + uuid + "-lease-0000000001", "lock-12x"}
	for range 3000 {
		n := rnd.IntN(12)
		base := rnd.Int64N(lastSafe - 1000)
		var children, foreign []string
		byNumber := map[int64]string{}
		for len(byNumber) < n {
			seq := base + rnd.Int64N(1000)
			if byNumber[seq] == "" {
				byNumber[seq] = fmt.Sprintf("%s%010d", prefixes[rnd.IntN(len(prefixes))], seq)
				children = append(children, byNumber[seq])
			}
		}
		for range rnd.IntN(3) {
			foreign = append(foreign, strangers[rnd.IntN(len(strangers))])
		}
		children = append(children, foreign...)
		rnd.Shuffle(len(children), func(i, j int) { children[i], children[j] = children[j], children[i] })

		mine := base + rnd.Int64N(1000)
		me, listed := byNumber[mine], true
		if me == "" {
			me, listed = fmt.Sprintf("_c_%s-lock-%010d", uuid, mine), false
		}
		var want []string
		for seq := base; seq < mine; seq++ {
			if name := byNumber[seq]; name != "" {
				want = append(want, name)
			}
		}

		p := findPlace(children, me)
		var got []string
		for _, c := range p.ahead {
			got = append(got, c.name)
		}
		require.Equal(t, want, got, "me %s among %s", me, strings.Join(children, " "))
		require.Equal(t, listed, p.listed)
		require.ElementsMatch(t, foreign, p.foreign)
		require.Nil(t, p.unsafe)
	}
}

// Two contenders that see the same children never both find that it is their turn, whatever the numbers are.
func TestAtMostOneIsFirst(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	numbers := []int64{math.MinInt32, -1, 0, 1, 2, 9, 10, 11, 99, 100, lastSafe, lastSafe + 1, math.MaxInt32}
	for range 3000 {
		var children []string
		for i := range 1 + rnd.IntN(5) {
			children = append(children, fmt.Sprintf("%d-lock-%010d", i, numbers[rnd.IntN(len(numbers))]))
		}
		first := 0
		for _, me := range children {
			if p := findPlace(children, me); p.unsafe == nil && len(p.ahead) == 0 {
				first++
			}
		}
		require.LessOrEqual(t, first, 1, "%v", children)
	}
}
