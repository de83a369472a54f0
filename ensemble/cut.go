package ensemble

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Cut cuts the network between each of the one and each of the others, in both directions, until [Ensemble.Heal]. It needs Config.Namespaces.
//
// It blocks until the cut is in force, some milliseconds as a rule. Nothing that is sent once it has returned crosses, over new connections or old ones; nobody is told, so that a dial
// hangs and a connection waits. What was sent before and was not acknowledged is sent again by TCP, at growing intervals, and arrives after a heal. The pairs are
// cut one after another, within a few milliseconds. What is cut already stays so. On failure nothing is cut that was not before, as far as that could be undone: the error says so.
func (e *Ensemble) Cut(ctx context.Context, one, others []*Site) error {
	return e.cut(ctx, append(pairs(one, others), pairs(others, one)...))
}

// CutOneWay is [Ensemble.Cut] for what is sent from one to the others only. What they send arrives. Of a TCP connection neither side gets on, as its acknowledgements are lost too.
func (e *Ensemble) CutOneWay(ctx context.Context, from, to []*Site) error {
	return e.cut(ctx, pairs(from, to))
}

// Isolate cuts these servers off from all the others, in both directions. Those that are isolated together reach each other, and clients reach all. It needs Config.Namespaces.
// It fails with ErrConfig when no server is left on the other side, and else as [Ensemble.Cut] does.
func (e *Ensemble) Isolate(ctx context.Context, servers ...*Server) error {
	var inside, outside []*Site
	for _, s := range e.servers {
		if slices.Contains(servers, s) {
			inside = append(inside, s.site)
		} else {
			outside = append(outside, s.site)
		}
	}
	if len(inside) == 0 || len(outside) == 0 {
		return fmt.Errorf("%w: isolating %d of %d servers: want one on each side at least", ErrConfig, len(inside), len(e.servers))
	}
	return e.Cut(ctx, inside, outside)
}

// Heal undoes all cuts, and blocks until it is done, some milliseconds as a rule. Without a cut it does nothing. On failure some cuts may be left, and Heal can be called again.
func (e *Ensemble) Heal(ctx context.Context) error {
	if e.fabric == nil {
		return nil
	}
	return e.fabric.heal(ctx)
}

func (e *Ensemble) cut(ctx context.Context, rules []rule) error {
	if e.fabric == nil {
		return fmt.Errorf("%w: a cut without Config.Namespaces", ErrConfig)
	}
	return e.fabric.cut(ctx, rules)
}

func pairs(from, to []*Site) []rule {
	var rules []rule
	for _, f := range from {
		for _, t := range to {
			if f != t && f != nil && t != nil {
				rules = append(rules, rule{f.addr, t.addr})
			}
		}
	}
	return rules
}

func (f *fabric) cut(ctx context.Context, rules []rule) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrStopped
	}
	var fresh []rule
	for _, r := range rules {
		if !slices.Contains(f.rules, r) && !slices.Contains(fresh, r) {
			fresh = append(fresh, r)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := f.change("add", fresh...); err != nil {
		return errors.Join(err, f.change("del", f.there(fresh)...))
	}
	f.rules = append(f.rules, fresh...)
	return nil
}

// there returns those of the rules that the router has.
func (f *fabric) there(rules []rule) []rule {
	listed, err := f.ask(f.router, "rule show")
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(rules), func(r rule) bool {
		return !strings.Contains(listed, fmt.Sprintf("from %s to %s blackhole", r.from, r.to))
	})
}

func (f *fabric) heal(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(f.rules) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := f.change("del", f.rules...); err != nil {
		f.rules = f.there(f.rules)
		return err
	}
	f.rules = nil
	return nil
}

// change adds rules or deletes them.
func (f *fabric) change(what string, rules ...rule) error {
	if len(rules) == 0 {
		return nil
	}
	commands := make([]string, len(rules))
	for i, r := range rules {
		commands[i] = fmt.Sprintf("rule %s blackhole from %s to %s pref %d", what, r.from, r.to, firstRule)
	}
	_, err := f.ask(f.router, commands...)
	return err
}
