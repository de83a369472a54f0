package fencetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
)

// Histories written by hand, with the checker's answer.
func TestVerdict(t *testing.T) {
	const forever = math.MaxInt64
	six, seven, eight := fence.Token{ID: 6}, fence.Token{ID: 7}, fence.Token{ID: 8}
	for _, c := range []struct {
		name string
		ops  []op
		want string // Empty when the history is right.
	}{
		{"ok nothing", nil, ""},
		{"ok one after the other", []op{
			{write, six, "a", 0, 1, done, fence.Token{}}, {seal, seven, "", 2, 3, done, fence.Token{}},
			{write, six, "b", 4, 5, stale, seven}, {read, seven, "a", 6, 7, done, fence.Token{}},
		}, ""},
		{"ok at the same time, either way", []op{
			{write, six, "a", 0, 9, done, fence.Token{}}, {seal, seven, "", 0, 9, done, fence.Token{}}, {read, seven, "a", 10, 11, done, fence.Token{}},
		}, ""},
		{"ok unknown and applied", []op{{write, six, "a", 0, forever, unknown, fence.Token{}}, {read, six, "a", 2, 3, done, fence.Token{}}}, ""},
		{"ok unknown and not applied", []op{{write, six, "a", 0, forever, unknown, fence.Token{}}, {read, six, none, 2, 3, done, fence.Token{}}}, ""},
		{"ok unknown and applied later", []op{
			{write, six, "a", 0, forever, unknown, fence.Token{}}, {read, six, none, 2, 3, done, fence.Token{}}, {read, six, "a", 4, 5, done, fence.Token{}},
		}, ""},
		{"ok unknown, and its mark moved", []op{
			{write, seven, "a", 0, forever, unknown, fence.Token{}}, {write, six, "b", 2, 3, stale, seven}, {read, seven, none, 4, 5, done, fence.Token{}},
		}, ""},
		{"ok refused, and its mark had moved", []op{
			{write, seven, "a", 0, 9, stale, eight}, {write, six, "b", 1, 2, stale, seven}, {seal, eight, "", 3, 4, done, fence.Token{}},
		}, ""},
		{"ok failed, and its mark moved", []op{{write, seven, "a", 0, 1, failed, fence.Token{}}, {write, six, "b", 2, 3, stale, seven}}, ""},
		{"ok a deleted value", []op{
			{write, six, "a", 0, 1, done, fence.Token{}}, {erase, six, "", 2, forever, unknown, fence.Token{}}, {read, six, "a", 3, 4, done, fence.Token{}},
			{read, six, none, 5, 6, done, fence.Token{}},
		}, ""},

		{"bad stale write accepted", []op{{seal, seven, "", 0, 1, done, fence.Token{}}, {write, six, "a", 2, 3, done, fence.Token{}}}, "older token was accepted"},
		{"bad refused and applied", []op{
			{seal, seven, "", 0, 1, done, fence.Token{}}, {write, six, "a", 2, 3, stale, seven}, {read, seven, "a", 4, 5, done, fence.Token{}},
		}, "refused, and yet applied"},
		{"bad failed and applied", []op{{write, six, "a", 2, 3, failed, fence.Token{}}, {read, seven, "a", 4, 5, done, fence.Token{}}}, "failed, and yet applied"},
		{"bad out of thin air", []op{{read, six, "a", 0, 1, done, fence.Token{}}}, "nobody wrote"},
		{"bad read before it was written", []op{{read, six, "a", 0, 1, done, fence.Token{}}, {write, six, "a", 2, 3, done, fence.Token{}}}, "before it was written"},
		{"bad refused for no reason", []op{{write, six, "a", 0, 1, stale, seven}}, "refused, and nobody"},
		{"bad refused before there was a reason", []op{{write, six, "a", 0, 1, stale, seven}, {seal, seven, "", 2, 3, done, fence.Token{}}}, "refused, and nobody"},
		{"bad refused by the wrong one", []op{
			{seal, seven, "", 0, 1, done, fence.Token{}}, {seal, eight, "", 2, 3, done, fence.Token{}}, {write, six, "a", 4, 5, stale, seven},
		}, "when a newer one had been accepted"},
		{"bad lost", []op{{write, six, "a", 0, 1, done, fence.Token{}}, {read, six, none, 2, 3, done, fence.Token{}}}, "not linearizable"},
		{"bad changed after the seal", []op{
			{write, six, "a", 0, 9, done, fence.Token{}}, {seal, seven, "", 1, 2, done, fence.Token{}}, {read, seven, none, 3, 4, done, fence.Token{}},
			{read, seven, "a", 10, 11, done, fence.Token{}},
		}, "not linearizable"},
		{"bad unknown, and applied after the seal", []op{
			{write, six, "a", 0, forever, unknown, fence.Token{}}, {seal, seven, "", 1, 2, done, fence.Token{}}, {read, seven, none, 3, 4, done, fence.Token{}},
			{read, seven, "a", 10, 11, done, fence.Token{}},
		}, "not linearizable"},
		{"bad back again", []op{
			{write, six, "a", 0, 1, done, fence.Token{}}, {write, six, "b", 2, 3, done, fence.Token{}}, {read, seven, "b", 4, 5, done, fence.Token{}},
			{read, seven, "a", 6, 7, done, fence.Token{}},
		}, "not linearizable"},
		{"bad hold ignored", []op{{hold, seven, "", 0, 1, done, fence.Token{}}, {write, six, "a", 2, 3, done, fence.Token{}}}, "older token was accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history{options: Options{Decide: time.Minute}, ops: c.ops}
			if err := h.verdict(); c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

// What settle leaves out and narrows must change no verdict. Small random histories, of which most are wrong in some way, are judged by trying everything too.
func TestVerdictAgreesWithTryingEverything(t *testing.T) {
	right, wrong := 0, 0
	for seed := range uint64(10000) {
		ops := randomHistory(rand.New(rand.NewPCG(seed, 0)))
		h := history{options: Options{Decide: time.Minute}, ops: ops}
		err := h.verdict()
		if possible := tryEverything(ops); possible != (err == nil) {
			lines := []string{}
			for _, o := range ops {
				lines = append(lines, fmt.Sprintf("%d %d %v", o.call, o.ret, o))
			}
			t.Fatalf("seed %d: possible %v, and the verdict is: %v\n%s", seed, possible, err, strings.Join(lines, "\n"))
		}
		if err == nil {
			right++
		} else {
			wrong++
		}
	}
	t.Logf("%d right, %d wrong", right, wrong)
	require.Greater(t, right, 1000)
	require.Greater(t, wrong, 1000)
}

// randomHistory lets two or three holders use a guard, at the same time, and then changes a thing or two.
func randomHistory(rng *rand.Rand) []op {
	var ops []op
	ids := rng.Perm(5)[:2+rng.IntN(2)]
	for _, id := range ids {
		now := int64(rng.IntN(10))
		for i := range 1 + rng.IntN(3) {
			o := op{kind: []kind{seal, read, write, write, erase}[rng.IntN(5)], token: fence.Token{ID: uint64(id + 1)}, outcome: done}
			o.value = fmt.Sprintf("%d-%d", id, i)
			o.call = now
			o.ret = now + int64(rng.IntN(8))
			now = o.ret + 1 + int64(rng.IntN(4))
			ops = append(ops, o)
		}
	}
	// The guard takes them at some moment of each.
	at := make([]int64, len(ops))
	order := make([]int, len(ops))
	for i, o := range ops {
		at[i], order[i] = o.call+rng.Int64N(o.ret-o.call+1), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(at[a] - at[b]) })
	mark, value := fence.Token{}, none
	for _, i := range order {
		o := &ops[i]
		if rng.IntN(5) == 0 {
			o.outcome = []outcome{unknown, unknown, failed}[rng.IntN(3)]
		}
		switch applied := o.outcome == done || o.outcome == unknown && rng.IntN(2) == 0; {
		case o.outcome == failed:
		case o.token.Less(mark):
			if o.outcome == done {
				o.outcome, o.max = stale, mark
			}
		case applied || rng.IntN(3) == 0:
			mark = o.token
			switch {
			case !applied:
			case o.kind == write:
				value = o.value
			case o.kind == erase:
				value = none
			}
		}
		if o.kind == read {
			o.value = value
		}
		if o.outcome == unknown {
			o.ret = math.MaxInt64
		}
	}
	for range rng.IntN(8) { // What a guard might do wrong.
		o, other := &ops[rng.IntN(len(ops))], ops[rng.IntN(len(ops))]
		switch rng.IntN(4) {
		case 0:
			if o.kind == read && (other.kind == write || other.kind == read) {
				o.value = other.value
			}
		case 1:
			if o.outcome == stale {
				o.outcome, o.max = done, fence.Token{}
			}
		case 2:
			if o.outcome == stale && o.token.Less(other.token) {
				o.max = other.token
			}
		case 3:
			if o.outcome == done && o.token.Less(other.token) {
				o.outcome, o.max = stale, other.token
			}
		}
	}
	if rng.IntN(4) == 0 { // A guard that does not tell by which token.
		for i := range ops {
			ops[i].max = fence.Token{}
		}
	}
	return ops
}

// tryEverything is the meaning of a history, without any shortcut: each operation may first move the mark up to its token, and then is accepted, refused, or, if that is unknown, neither.
func tryEverything(ops []op) bool {
	type node struct {
		presented, finished uint32
		mark                fence.Token
		value               string
	}
	visited := map[node]bool{}
	var visit func(n node) bool
	visit = func(n node) bool {
		if visited[n] {
			return false
		}
		visited[n] = true
		complete := true
		deadline := int64(math.MaxInt64) // Nobody who was called after this one ended can go first.
		for i, o := range ops {
			if n.finished&(1<<i) == 0 && o.outcome != unknown {
				complete = false
				deadline = min(deadline, o.ret)
			}
		}
		if complete {
			return true
		}
		for i, o := range ops {
			if n.finished&(1<<i) != 0 || o.call > deadline {
				continue
			}
			older := o.token.Less(n.mark)
			if n.presented&(1<<i) == 0 && !older {
				next := n
				next.presented |= 1 << i
				next.mark = o.token
				if visit(next) {
					return true
				}
			}
			next := n
			next.finished |= 1 << i
			switch {
			case o.outcome == failed:
			case o.outcome == stale:
				if !older || !o.max.IsZero() && o.max != n.mark {
					continue
				}
			case older, o.outcome == done && o.kind == read && o.value != n.value:
				continue
			default:
				next.mark = o.token
				switch o.kind {
				case write:
					next.value = o.value
				case erase:
					next.value = none
				default:
				}
			}
			if visit(next) {
				return true
			}
		}
		return false
	}
	return visit(node{value: none})
}
