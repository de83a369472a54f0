package partition

import (
	"context"
	"maps"
	"slices"
)

// TB is the part of testing.TB that [Run] needs, declared here so that a program which uses this package is not built with package testing.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Run gives a test a network of this process with these links: a map from their names to their servers' addresses. Whatever is wrong
// ends the test. At the test's end the network is healed and closed, and its timeline logged.
func Run(t TB, links map[string]string) *Network {
	t.Helper()
	n, err := New(context.Background(), Config{})
	if err != nil {
		t.Fatalf("partition.Run: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		err := n.Close()
		n.log(t)
		if err != nil {
			t.Fatalf("partition.Run: %v", err)
		}
	})
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if _, err := n.Link(context.Background(), name, links[name]); err != nil {
			t.Fatalf("partition.Run: %v", err)
		}
	}
	return n
}

func (n *Network) log(t TB) {
	t.Helper()
	events := n.Timeline().Events()
	for _, e := range events {
		t.Logf("%+.6fs %s", e.At.Sub(events[0].At).Seconds(), e)
	}
}

// MustLink returns the link of that name. It panics if there is none.
func (n *Network) MustLink(name string) *Link {
	l, ok := n.Lookup(name)
	if !ok {
		panic("partition: there is no link " + name)
	}
	return l
}

// MustCut is [Link.Cut] for a test, which ends if that fails.
func (l *Link) MustCut(t TB, kind Kind, direction Direction) *Cut {
	t.Helper()
	c, err := l.Cut(context.Background(), kind, direction)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// MustHeal is [Cut.Heal] for a test, which ends if that fails.
func (c *Cut) MustHeal(t TB) {
	t.Helper()
	if err := c.Heal(context.Background()); err != nil {
		t.Fatalf("%v", err)
	}
}
