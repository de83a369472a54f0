package fencetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/zkkit/zkkit/fence"
)

// A state is all that a guard knows about one resource, and how far the history is explained.
type state struct {
	mark              fence.Token
	value             string
	accepted, refused int // How many were, of those that were told so, and of those that were told by which token.
}

// A move is an operation with what has to be explained before the mark can be moved up to its token, because it can never be explained afterwards: what was accepted with
// older tokens, and what was refused by them. The search finds the same orders without it, and takes for ever to give up the others.
type move struct {
	op
	accepted, refused int
}

// after is what a guard is: it returns the states in which the operation can have left the resource when the caller was told this, none if it cannot have been told this.
func after(s state, o move) []state {
	older := o.token.Less(s.mark)
	if o.outcome == stale {
		if !older || !o.max.IsZero() && o.max != s.mark {
			return nil
		}
		if !o.max.IsZero() {
			s.refused++
		}
		return []state{s}
	}
	next := s
	next.mark = o.token
	switch o.kind {
	case write:
		next.value = o.value
	case erase:
		next.value = none
	default: // The others only move the mark.
	}
	possible := !older && s.accepted >= o.accepted && s.refused >= o.refused
	switch {
	case o.outcome == unknown && possible:
		return []state{s, next}
	case o.outcome == unknown:
		return []state{s}
	case !possible, o.kind == read && o.value != s.value:
		return nil
	}
	next.accepted++
	return []state{next}
}

// model is after in the words of porcupine.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{value: none}} },
		Step: func(s, in, _ any) []any {
			var all []any
			for _, next := range after(s.(state), in.(move)) {
				all = append(all, next)
			}
			return all
		},
	}
	return m.ToModel()
}

// linearizable returns nil if there is an order of the operations, each at one moment between its call and its return, in which a guard answers like that.
func linearizable(ops []op, within time.Duration) error {
	ops, err := settle(ops)
	if err != nil {
		return err
	}
	slices.SortFunc(ops, func(a, b op) int { return cmp.Compare(a.call, b.call) })
	all := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		m := move{op: o}
		for _, other := range ops {
			if other.outcome == done && other.token.Less(o.token) {
				m.accepted++
			}
			if !other.max.IsZero() && other.max.Less(o.token) {
				m.refused++
			}
		}
		all[i] = porcupine.Operation{ClientId: i, Input: m, Call: o.call, Return: o.ret}
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
