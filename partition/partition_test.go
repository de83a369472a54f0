package partition

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	require.Equal(t, []Kind{Drop, Jam, Refuse, Reset}, Kinds())
	for _, k := range Kinds() {
		parsed, err := ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, parsed)
		require.NotEmpty(t, k.About())
		require.Equal(t, k == Drop || k == Jam, k.OneWay())
	}
	for _, d := range Directions() {
		parsed, err := ParseDirection(d.String())
		require.NoError(t, err)
		require.Equal(t, d, parsed)
	}
	_, err := ParseKind("Drop")
	require.EqualError(t, err, `partition: unknown kind "Drop": want one of drop, jam, refuse, reset`)
	require.ErrorIs(t, err, ErrUnknownName)
	_, err = ParseDirection("up")
	require.EqualError(t, err, `partition: unknown direction "up": want one of both, to-server, from-server`)
	require.ErrorIs(t, err, ErrUnknownName)
	require.Equal(t, "Kind(9) Direction(9)", fmt.Sprint(Kind(9), Direction(9)))
	require.Empty(t, Kind(9).About())

	type both struct {
		Kind      Kind
		Direction Direction
	}
	b, err := json.Marshal(both{Jam, FromServer})
	require.NoError(t, err)
	require.JSONEq(t, `{"Kind":"jam","Direction":"from-server"}`, string(b))
	var back both
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, both{Jam, FromServer}, back)
	require.ErrorIs(t, json.Unmarshal([]byte(`{"Kind":"x"}`), &back), ErrUnknownName)
	require.ErrorIs(t, json.Unmarshal([]byte(`{"Direction":"x"}`), &back), ErrUnknownName)
	require.Equal(t, both{Jam, FromServer}, back)
}

func TestLinkRefuses(t *testing.T) {
	n := Run(t, map[string]string{"b": "127.0.0.1:1", "a": "localhost:1"})
	for _, bad := range []struct{ name, upstream string }{
		{"", "127.0.0.1:1"},
		{"a/b", "127.0.0.1:1"},
		{"x", ""},
		{"x", "127.0.0.1"},
		{"x", ":1"},
		{"x", "127.0.0.1:0"},
		{"x", "127.0.0.1:http"},
		{"x", "127.0.0.1:65536"},
	} {
		_, err := n.Link(t.Context(), bad.name, bad.upstream)
		require.ErrorIs(t, err, ErrBadLink, "%v", bad)
	}
	_, err := n.Link(t.Context(), "a", "127.0.0.1:2")
	require.ErrorIs(t, err, ErrLinkExists)
	require.ErrorContains(t, err, "a")

	links := n.Links()
	require.Len(t, links, 2)
	require.Equal(t, []string{"a", "b"}, []string{links[0].Name(), links[1].Name()})
	require.Equal(t, "localhost:1", links[0].Upstream())
	require.NotEqual(t, links[0].Addr(), links[1].Addr())
	require.Empty(t, n.Caveats())
	require.Panics(t, func() { n.MustLink("c") })

	elsewhere, err := New(t.Context(), Config{Listen: "192.0.2.1"}) // an address that is nobody's
	require.NoError(t, err)
	_, err = elsewhere.Link(t.Context(), "x", "127.0.0.1:1")
	require.ErrorContains(t, err, "partition: making the link x: ")
	_, exists := elsewhere.Lookup("x")
	require.False(t, exists)
	require.NoError(t, elsewhere.Close())
}

func TestCutRefuses(t *testing.T) {
	n, link, s := newLink(t)
	for _, k := range []Kind{Refuse, Reset} {
		for _, d := range []Direction{ToServer, FromServer} {
			_, err := link.Cut(t.Context(), k, d)
			var wrong *DirectionError
			require.ErrorAs(t, err, &wrong)
			require.ErrorIs(t, err, ErrDirection)
			require.Equal(t, DirectionError{k, d}, *wrong)
		}
	}
	_, err := link.Cut(t.Context(), Drop, Direction(9))
	require.ErrorIs(t, err, ErrDirection)
	_, err = link.Cut(t.Context(), 0, Both)
	require.ErrorIs(t, err, ErrUnknownName)

	gone, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("the reason")
	cancel(reason)
	_, err = link.Cut(gone, Drop, Both)
	require.ErrorIs(t, err, reason)
	works(t, link, s)

	cut := link.MustCut(t, Drop, ToServer)
	for _, k := range Kinds() {
		_, err = link.Cut(t.Context(), k, Both)
		var already *AlreadyCutError
		require.ErrorAs(t, err, &already)
		require.ErrorIs(t, err, ErrAlreadyCut)
		require.Equal(t, AlreadyCutError{"link", Drop, ToServer, cut.Started()}, *already)
	}
	require.NoError(t, cut.Heal(gone), "in process, healing works for whoever is in a hurry")
	require.NoError(t, cut.Heal(t.Context()))
	healed := cut.Healed()

	second := link.MustCut(t, Jam, Both)
	require.NoError(t, cut.Heal(t.Context()), "healing an old cut again does not heal the new one")
	require.Equal(t, healed, cut.Healed())
	_, err = link.Cut(t.Context(), Jam, Both)
	require.ErrorIs(t, err, ErrAlreadyCut)
	require.Equal(t, link, second.Link())
	require.Equal(t, Jam, second.Kind())
	require.Equal(t, Both, second.Direction())

	require.NoError(t, n.Close())
	require.False(t, second.Healed().IsZero(), "closing heals")
	require.NoError(t, second.Heal(t.Context()))
	require.NoError(t, n.Heal(t.Context()))
	require.NoError(t, n.Close())
	_, err = link.Cut(t.Context(), Drop, Both)
	require.ErrorIs(t, err, ErrClosed)
	_, err = n.Link(t.Context(), "another", s.addr())
	require.ErrorIs(t, err, ErrClosed)
}

func TestHealAll(t *testing.T) {
	s := newServer(t)
	n := Run(t, map[string]string{"a": s.addr(), "b": s.addr(), "c": s.addr(), "d": s.addr(), "e": s.addr()})
	for i, k := range Kinds() {
		n.Links()[i].MustCut(t, k, Both)
	}
	require.NoError(t, n.Heal(t.Context()))
	for _, l := range n.Links() {
		works(t, l, s)
	}
	require.NoError(t, n.Heal(t.Context()))
	require.Len(t, n.Timeline().Events(), 8)
}

// TestConcurrentUse has many cut and heal one link, of whom one at a time succeeds, while it is used and at last closed.
func TestConcurrentUse(t *testing.T) {
	n, link, s := newLink(t)
	flood(t, link, s)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				cut, err := link.Cut(t.Context(), Kinds()[(i+j)%len(Kinds())], Both)
				if err != nil {
					if !errors.Is(err, ErrAlreadyCut) && !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					continue
				}
				_, _ = link.Traffic()
				if err := cut.Heal(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if i == 0 {
				if err := n.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, err := link.Cut(t.Context(), Drop, Both)
	require.ErrorIs(t, err, ErrClosed)
	count, _ := link.Connections()
	require.Zero(t, count)
}

// A fakeTB is a test that may fail.
type fakeTB struct {
	cleanups []func()
	logs     []string
	fatal    string
}

func (f *fakeTB) Helper()                 {}
func (f *fakeTB) Logf(s string, a ...any) { f.logs = append(f.logs, fmt.Sprintf(s, a...)) }
func (f *fakeTB) Cleanup(fn func())       { f.cleanups = append(f.cleanups, fn) }
func (f *fakeTB) Fatalf(s string, a ...any) {
	f.fatal = fmt.Sprintf(s, a...)
	panic(f)
}

// fails runs fn and returns the message with which it ended the test.
func (f *fakeTB) fails(t *testing.T, fn func()) string {
	t.Helper()
	func() {
		defer func() { require.Equal(t, any(f), recover()) }()
		fn()
	}()
	return f.fatal
}

func TestRun(t *testing.T) {
	tb := new(fakeTB)
	addr := echo(t)
	n := Run(tb, map[string]string{"a": addr, "b": addr})
	link := n.MustLink("a")
	cut := link.MustCut(tb, Jam, Both)
	client := dial(t, link.Addr())
	client.send("hello")
	require.Contains(t, tb.fails(t, func() { link.MustCut(tb, Drop, Both) }), "already cut (jam, both)")
	cut.MustHeal(tb)
	client.hears("hello")
	link.MustCut(tb, Drop, Both)
	for _, fn := range tb.cleanups {
		fn()
	}
	require.NoError(t, client.ends())
	require.Len(t, tb.logs, 4)
	require.Contains(t, tb.logs[0], "+0.000000s a: cut (jam both)")
	require.Contains(t, tb.logs[3], "a: heal (drop both after ")

	tb = new(fakeTB)
	require.Contains(t, tb.fails(t, func() { Run(tb, map[string]string{"a": "nowhere"}) }), "no host:port")
	for _, fn := range tb.cleanups {
		fn()
	}
}

func TestTurn(t *testing.T) {
	turns := make(turn, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, turns.take(ctx), "a free turn is taken at once")
	require.ErrorIs(t, turns.take(ctx), context.Canceled)
	short, done := context.WithTimeoutCause(t.Context(), time.Millisecond, ErrClosed)
	defer done()
	require.ErrorIs(t, turns.take(short), ErrClosed)
	turns.pass()
	require.NoError(t, turns.take(short))
}

func TestTrafficString(t *testing.T) {
	require.Equal(t, "forwarded 2 B to the server and 4 B from it, offered 1 B and 3 B, 5 opened, 6 closed",
		Traffic{Flow{1, 2}, Flow{3, 4}, 5, 6}.String())
	require.Equal(t, Traffic{Flow{1, 2}, Flow{3, 4}, 5, 6}, Traffic{Flow{11, 12}, Flow{13, 14}, 15, 16}.Sub(Traffic{Flow{10, 10}, Flow{10, 10}, 10, 10}))
}
