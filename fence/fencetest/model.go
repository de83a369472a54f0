package fencetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/zkkit/zkkit/fence"
)

// A state is all that a guard knows about one resource.
type state struct {
	mark  fence.Token
	value string
}

// after is what a guard is: it returns the states in which the operation can have left the resource when the caller was told this, none if it cannot have been told this.
func after(s state, o op) []state {
	next := state{mark: o.token, value: s.value}
	switch o.kind {
	case write:
		next.value = o.value
	case erase:
		next.value = none
	}
	older := o.token.Less(s.mark)
	switch {
	case o.kind == hold && older:
		return nil
	case o.outcome == stale && older && (o.max.IsZero() || o.max == s.mark):
		return []state{s}
	case o.outcome == stale:
		return nil
	case o.outcome == unknown && older:
		return []state{s}
	case o.outcome == unknown:
		return []state{s, next}
	case older, o.kind == read && o.value != s.value:
		return nil
	}
	return []state{next}
}

// model is after in the words of porcupine.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init:              func() []any { return []any{state{value: none}} },
		DescribeOperation: func(in, _ any) string { return in.(op).String() },
		Step: func(s, in, _ any) []any {
			var all []any
			for _, next := range after(s.(state), in.(op)) {
				all = append(all, next)
			}
			return all
		},
	}
	return m.ToModel()
}

// linearizable returns nil if there is an order of the operations, each at one moment between its call and its return, in which a guard answers like that.
func linearizable(ops []op, within time.Duration) error {
	ops = slices.SortedFunc(slices.Values(ops), func(a, b op) int { return cmp.Compare(a.call, b.call) })
	all := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		all[i] = porcupine.Operation{ClientId: i, Input: o, Call: o.call, Return: o.ret}
	}
	switch result, info := porcupine.CheckOperationsVerbose(model(), all, within); result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("no verdict about a history of %d operations within %v", len(ops), within)
	default:
		return fmt.Errorf("a history of %d operations is not linearizable: %s", len(ops), stuck(ops, info.PartialLinearizations()))
	}
}

// stuck tells where the longest order that can be explained ends: the operation that returned first of those which it leaves out, and what comes before.
func stuck(ops []op, partial [][][]int) string {
	var longest []int
	for _, orders := range partial {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	next := -1
	for i, o := range ops {
		if !slices.Contains(longest, i) && (next < 0 || o.ret < ops[next].ret) {
			next = i
		}
	}
	text := fmt.Sprintf("%d of them can be put in an order, and then this cannot have been:\n\t%v\nbefore it, in that order:", len(longest), ops[next])
	for _, i := range longest[max(0, len(longest)-8):] {
		text += "\n\t" + ops[i].String()
	}
	return text
}
