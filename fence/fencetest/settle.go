package fencetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/zkkit/zkkit/fence"
)

// settle turns what callers were told into what can be searched for an order in reasonable time. Each operation of which it cannot be told whether it happened doubles what
// there is to try, and so does each that could be anywhere among the others. It only says what follows from the rest of the history.
//
//   - Of those who were refused by the same token, the one that returned first says when that had come at the latest; all of them say that nothing newer
//     had come when they were called. Where they were not told by which token, only the former is known, by their own.
//   - An unknown write of which the value was read was applied, before the end of the read. If it was not read, nothing depends on it.
//   - An unknown delete matters only if somebody read that there is no value.
//   - What is unknown did not happen after something that was accepted with a newer token.
//   - What failed was not applied.
//
// What any of them may have done besides is to move the mark, and that is in the history as a seal of its own, see presented.
func settle(ops []op) ([]op, error) {
	seen, told, own := map[string]int64{}, map[fence.Token]int64{}, map[fence.Token]int64{} // When a value was first read, a token first named, a holder first refused.
	for _, o := range ops {
		switch {
		case o.kind == read && o.outcome == done:
			seen[o.value] = min(o.ret, orMax(seen, o.value))
		case o.outcome == stale && o.max.IsZero():
			own[o.token] = min(o.ret, orMax(own, o.token))
		case o.outcome == stale:
			told[o.max] = min(o.ret, orMax(told, o.max))
		}
	}
	var settled []op
	for _, o := range ops {
		_, wasRead := seen[o.value]
		_, wasNone := seen[none]
		switch {
		case o.outcome == failed:
			continue
		case o.outcome == stale && !o.max.IsZero() && o.ret != told[o.max], o.outcome == stale && o.max.IsZero() && o.ret != own[o.token]:
			continue
		case o.outcome == unknown && o.kind == write && wasRead:
			o.outcome, o.ret = done, seen[o.value]
		case o.outcome == unknown && o.kind == erase && wasNone:
		case o.outcome == unknown:
			continue
		}
		settled = append(settled, o)
	}
	settled = append(settled, presented(ops, settled, told, len(own) > 0)...)
	if err := bound(settled, ops); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(settled, func(o op) bool { return o.call > o.ret }), nil // There is no time left for it.
}

// bound narrows the time in which an operation can have happened. None is left for some of which that is unknown.
func bound(settled, ops []op) error {
	for i := range settled {
		o := &settled[i]
		for _, other := range settled {
			if o.outcome == unknown && other.outcome == done && o.token.Less(other.token) {
				o.ret = min(o.ret, other.ret)
			}
		}
		for _, other := range ops {
			if o.outcome == stale || other.outcome != stale || other.max.IsZero() || !other.max.Less(o.token) || other.call <= o.call {
				continue
			}
			if o.outcome == done && other.call > o.ret {
				return fmt.Errorf("refused by a token when a newer one had been accepted:\n\t%v\n\t%v", *o, other)
			}
			o.call = other.call
		}
	}
	return nil
}

func orMax[K comparable](m map[K]int64, k K) int64 {
	if n, ok := m[k]; ok {
		return n
	}
	return math.MaxInt64
}

// presented returns what operations have done besides what they were told, where they were not accepted: moved the mark up to their own token, before a newer one came or
// before their effect. A guard that first seals and then writes, because its database cannot do both at once, does that, and it harms nobody who is not older. It matters
// only where somebody was told of that token, at told, or untold, of none.
func presented(ops, settled []op, told map[fence.Token]int64, untold bool) []op {
	accepted := map[fence.Token]bool{}
	for _, o := range settled {
		if o.outcome == done {
			accepted[o.token] = true
		}
	}
	byToken := map[fence.Token][]op{}
	for _, o := range slices.SortedFunc(slices.Values(ops), func(a, b op) int { return cmp.Compare(a.call, b.call) }) {
		byToken[o.token] = append(byToken[o.token], o)
	}
	var all []op
	for t, these := range byToken {
		_, named := told[t]
		if !named && !untold {
			continue
		}
		ret := orMax(told, t)
		var may []op
		for _, o := range these {
			if o.outcome == done {
				break
			}
			may = append(may, op{kind: seal, token: t, call: o.call, ret: min(o.ret, ret), outcome: unknown})
			if o.outcome != failed { // What is unknown may have done it at any later time; what was refused came too late for a second try.
				break
			}
		}
		if named && len(may) == 1 && !accepted[t] { // Nobody else can have been it.
			may[0].outcome = done
		}
		all = append(all, may...)
	}
	return all
}
