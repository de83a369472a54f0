package cas_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
)

func TestUpdate(t *testing.T) {
	ctx, m := t.Context(), newMemory()
	s := newStore(t, m, cas.Config{})
	v, stats, err := cas.Update(ctx, s, "/a", add(3))
	require.NoError(t, err)
	require.Equal(t, 3, v, "a node that is not there is the zero value")
	require.Equal(t, 1, stats.Attempts)
	require.Equal(t, 1, stats.Combined)
	require.False(t, stats.Promoted)
	v, _, err = cas.Update(ctx, s, "/a", add(-1))
	require.NoError(t, err)
	require.Equal(t, 2, v)
	require.Equal(t, 2, get(t, s, "/a"))

	type profile struct {
		Name string
		Tags []string
	}
	_, _, err = cas.Update(ctx, s, "/p", func(p profile) (profile, error) { p.Name = "Ada"; p.Tags = append(p.Tags, "x"); return p, nil })
	require.NoError(t, err)
	p, err := cas.Get[profile](ctx, s, "/p")
	require.NoError(t, err)
	require.Equal(t, profile{"Ada", []string{"x"}}, p)

	raw := []byte("abc")
	b, _, err := cas.Update(ctx, s, "/b", func(b []byte) ([]byte, error) {
		require.Nil(t, b)
		return raw, nil
	})
	require.NoError(t, err)
	raw[0], b[1] = 'x', 'x'
	b, err = cas.Get[[]byte](ctx, s, "/b")
	require.NoError(t, err)
	require.Equal(t, "abc", string(b), "what was written is a copy")

	_, _, err = cas.Update(ctx, s, "/c", func(n int) (int, error) { return n + 1, nil }, cas.Codec[int](doubling{}))
	require.NoError(t, err)
	n, err := cas.Get(ctx, s, "/c", cas.Codec[int](doubling{}))
	require.NoError(t, err)
	require.Equal(t, 1, n)

	_, err = cas.Get[int](ctx, s, "/none")
	require.ErrorIs(t, err, cas.ErrAbsent)
}

// doubling is somebody's own codec.
type doubling struct{}

func (doubling) Encode(v int) ([]byte, error) { return json.Marshal(2 * v) }
func (doubling) Decode(data []byte) (int, error) {
	v := 0
	err := json.Unmarshal(data, &v)
	return v / 2, err
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	for name, cfg := range map[string]cas.Config{
		"attempts":  {Attempts: -1},
		"promotion": {Promotion: cas.Promotion{After: -1}},
		"size":      {MaxValue: -1},
		"few":       {Traces: -1},
		"many":      {Traces: cas.MostTraces + 1},
		"backoff":   {Backoff: cas.AtOnce + 1},
	} {
		_, err := cas.NewStoreOn(newMemory(), cfg)
		require.ErrorContains(t, err, "cas: ", name)
	}
	m := newMemory()
	s := newStore(t, m, cas.Config{})
	for _, path := range []string{"", "a", "/", "/a/", "/a//b", "/a/../b", "/."} {
		_, _, err := cas.Update(t.Context(), s, path, add(1))
		require.ErrorContains(t, err, "cas: path", path)
		_, err = cas.Get[int](t.Context(), s, path)
		require.ErrorContains(t, err, "cas: path", path)
	}
	require.Empty(t, m.paths())
}

func TestForeignDataAreLeftAlone(t *testing.T) {
	m := newMemory()
	s := newStore(t, m, cas.Config{})
	m.put("/x", "42")
	_, _, err := cas.Update(t.Context(), s, "/x", add(1))
	require.ErrorIs(t, err, cas.ErrFormat)
	var format *cas.FormatError
	require.ErrorAs(t, err, &format)
	require.Equal(t, "/x", format.Path)
	_, err = cas.Get[int](t.Context(), s, "/x")
	require.ErrorIs(t, err, cas.ErrFormat)
	writes := m.count()
	require.Zero(t, writes)

	m.put("/empty", "") // made by hand
	v, _, err := cas.Update(t.Context(), s, "/empty", add(1))
	require.NoError(t, err)
	require.Equal(t, 1, v)

	_, _, err = cas.Update(t.Context(), s, "/empty", func(v []string) ([]string, error) { return v, nil })
	require.ErrorIs(t, err, cas.ErrFormat, "a value of another type")
}

// An update whose caller does not wait any more is not written; and one whose write is under way may be, and says so.
func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{})
		enough := errors.New("enough")
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(enough)
		_, _, err := cas.Update(ended, s, "/a", add(1))
		require.ErrorIs(t, err, enough)
		require.Empty(t, m.paths())

		open := m.hold()
		first, firstGone := context.WithCancelCause(t.Context())
		second, secondGone := context.WithCancelCause(t.Context())
		one := later(first, s, "/a", add(1)) // is under way
		synctest.Wait()
		two := later(second, s, "/a", add(10)) // waits behind it
		three := later(t.Context(), s, "/a", add(100))
		synctest.Wait()
		secondGone(enough)
		got := receive(t, two)
		require.ErrorIs(t, got.err, enough)
		require.NotErrorIs(t, got.err, cas.ErrUnknown)
		firstGone(enough)
		got = receive(t, one)
		require.ErrorIs(t, got.err, enough)
		require.ErrorIs(t, got.err, cas.ErrUnknown)
		var unknown *cas.UnknownError
		require.ErrorAs(t, got.err, &unknown)
		require.Equal(t, "/a", unknown.Path)
		open()
		got = receive(t, three)
		require.NoError(t, got.err)
		require.Equal(t, 101, got.v, "the first one was written after all, the second one was not")
	})
}

// When nobody waits any more, what is being done ends too.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{})
		open := m.hold()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := cas.Update(ctx, s, "/a", add(1))
		require.ErrorIs(t, err, cas.ErrUnknown)
		open()
		v, _, err := cas.Update(t.Context(), s, "/a", add(1))
		require.NoError(t, err)
		require.Equal(t, 1, v)
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{})
		m.hold()
		one := later(t.Context(), s, "/a", add(1))
		synctest.Wait()
		two := later(t.Context(), s, "/a", add(1))
		synctest.Wait()
		require.NoError(t, s.Close())
		got := receive(t, one)
		require.ErrorIs(t, got.err, cas.ErrUnknown)
		require.ErrorIs(t, got.err, cas.ErrClosed)
		got = receive(t, two)
		require.ErrorIs(t, got.err, cas.ErrClosed)
		require.NotErrorIs(t, got.err, cas.ErrUnknown)
		_, _, err := cas.Update(t.Context(), s, "/a", add(1))
		require.ErrorIs(t, err, cas.ErrClosed)
		require.NoError(t, s.Close())
	})
}

func TestAttemptsAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{Attempts: 5})
		m.fate = func(int, []cas.Write) fate { return isRefused }
		_, stats, err := cas.Update(t.Context(), s, "/a", add(1))
		require.ErrorIs(t, err, cas.ErrContended)
		var contended *cas.ContendedError
		require.ErrorAs(t, err, &contended)
		require.Equal(t, 5, contended.Attempts)
		require.Equal(t, 5, stats.Attempts)
		require.Equal(t, "/a", contended.Path)
		writes := m.count()
		require.Equal(t, 5, writes)
	})
}

// What a server refuses for good is the caller's to know.
func TestServersSayNo(t *testing.T) {
	m := newMemory()
	s := newStore(t, m, cas.Config{})
	m.lose(isNotHeard)
	_, _, err := cas.Update(t.Context(), s, "/a", add(1))
	require.ErrorIs(t, err, errRefusedForGood)
	require.NotErrorIs(t, err, cas.ErrUnknown)
	m.lose(comesLate, isNotHeard)
	_, _, err = cas.Update(t.Context(), s, "/a", add(1))
	require.ErrorIs(t, err, errRefusedForGood)
	require.ErrorIs(t, err, cas.ErrUnknown, "the first try may still arrive")
}
