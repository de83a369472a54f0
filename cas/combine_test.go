package cas_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
)

// Those that come while a write is under way share the next one.
func TestUpdatesAreCombined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{})
		open := m.hold()
		first := later(t.Context(), s, "/a", add(1))
		synctest.Wait()
		var rest []<-chan result[int]
		for range 9 {
			rest = append(rest, later(t.Context(), s, "/a", add(1)))
			synctest.Wait() // so that their order is known
		}
		open()
		got := receive(t, first)
		require.NoError(t, got.err)
		require.Equal(t, 1, got.v)
		for i, ch := range rest {
			got := receive(t, ch)
			require.NoError(t, got.err)
			require.Equal(t, i+2, got.v, "each has the value that it made itself")
			require.Equal(t, 9, got.stats.Combined)
			require.Equal(t, 1, got.stats.Attempts)
		}
		writes := m.count()
		require.Equal(t, 2, writes)
		require.Equal(t, 10, get(t, s, "/a"))
	})
}

func TestUpdatesAreNotCombinedWhereNobodyWantsThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{Alone: true})
		open := m.hold()
		var all []<-chan result[int]
		for range 5 {
			all = append(all, later(t.Context(), s, "/a", add(1)))
			synctest.Wait()
		}
		open()
		for i, ch := range all {
			got := receive(t, ch)
			require.NoError(t, got.err)
			require.Equal(t, i+1, got.v, "in the order in which they came")
			require.Equal(t, 1, got.stats.Combined)
		}
		writes := m.count()
		require.Equal(t, 5, writes)
	})
}

// Whatever a function does, that is its own caller's affair: nothing of it is written, and those that shared the write with it do not notice.
func TestFunctionsDoNotAffectEachOther(t *testing.T) {
	own, limit := errors.New("own"), 1000
	for name, c := range map[string]struct {
		f       func(string) (string, error)
		matches []error
		says    string
	}{
		"an error":                {func(v string) (string, error) { return v + "!", own }, []error{own}, "own"},
		"a panic":                 {func(string) (string, error) { panic("no") }, []error{cas.ErrPanicked}, "panicked: no"},
		"a panic with an error":   {func(string) (string, error) { panic(own) }, []error{cas.ErrPanicked, own}, "panicked: own"},
		"the end of a goroutine":  {func(string) (string, error) { runtime.Goexit(); return "", nil }, []error{cas.ErrPanicked}, "ended its goroutine"},
		"too large a value":       {func(v string) (string, error) { return v + strings.Repeat("x", limit), nil }, []error{cas.ErrTooLarge}, "at most 1000"},
		"a codec that panics":     {func(string) (string, error) { return "panic", nil }, []error{cas.ErrPanicked}, "panicked: codec"},
		"a codec with an error":   {func(string) (string, error) { return "error", nil }, nil, "codec: no"},
		"a function of the value": {func(v string) (string, error) { return "", fmt.Errorf("saw %q", v) }, nil, `saw "1"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				s := newStore(t, m, cas.Config{MaxValue: limit})
				update := func(f func(string) (string, error)) <-chan result[string] {
					done := make(chan result[string], 1)
					go func() {
						v, stats, err := cas.Update(t.Context(), s, "/a", f, cas.Codec[string](touchy{}))
						done <- result[string]{v, stats, err}
					}()
					synctest.Wait()
					return done
				}
				open := m.hold()
				first := update(func(v string) (string, error) { return v, nil })
				before := update(func(v string) (string, error) { return v + "1", nil })
				bad := update(c.f)
				after := update(func(v string) (string, error) { return v + "2", nil })
				open()
				require.NoError(t, receive(t, first).err)
				got := receive(t, before)
				require.NoError(t, got.err)
				require.Equal(t, "1", got.v)
				require.Equal(t, 2, got.stats.Combined)
				got = receive(t, after)
				require.NoError(t, got.err)
				require.Equal(t, "12", got.v)
				got = receive(t, bad)
				require.Error(t, got.err)
				require.Empty(t, got.v)
				for _, want := range c.matches {
					require.ErrorIs(t, got.err, want)
				}
				require.ErrorContains(t, got.err, c.says)
				require.NotErrorIs(t, got.err, cas.ErrUnknown)
				writes := m.count()
				require.Equal(t, 2, writes)

				got = receive(t, update(c.f)) // And alone.
				require.Error(t, got.err)
				v, err := cas.Get(t.Context(), s, "/a", cas.Codec[string](touchy{}))
				require.NoError(t, err)
				require.Equal(t, "12", v)
				writes = m.count()
				require.Equal(t, 2, writes, "nothing to write")
			})
		})
	}
}

// touchy is a codec that does not like all values.
type touchy struct{}

func (touchy) Encode(v string) ([]byte, error) {
	switch v {
	case "panic":
		panic("codec")
	case "error":
		return nil, errors.New("codec: no")
	}
	return []byte(v), nil
}

func (touchy) Decode(data []byte) (string, error) { return string(data), nil }

// What a function refuses is compared with the newest value before its caller is told: it may have seen an older one.
func TestRefusalsAreFresh(t *testing.T) {
	m := newMemory()
	s := newStore(t, m, cas.Config{})
	empty := errors.New("empty")
	_, _, err := cas.Update(t.Context(), s, "/a", func(int) (int, error) { return 0, empty })
	require.ErrorIs(t, err, empty)
	require.Equal(t, 1, m.fresh)
}

// A function that does not return keeps nobody waiting but its caller, and of him nothing is written. When it returns after all, it is too late.
func TestOneFunctionDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{})
		open := m.hold()
		first := later(t.Context(), s, "/a", add(1))
		synctest.Wait()
		release := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		stuck := later(ctx, s, "/a", func(v int) (int, error) { <-release; return v + 1000, nil })
		synctest.Wait()
		var rest []<-chan result[int]
		for range 3 {
			rest = append(rest, later(t.Context(), s, "/a", add(1)))
		}
		synctest.Wait()
		began := time.Now()
		open()
		require.NoError(t, receive(t, first).err)
		for _, ch := range rest {
			require.NoError(t, receive(t, ch).err)
		}
		require.Less(t, time.Since(began), time.Second)
		select {
		case got := <-stuck:
			require.Fail(t, "it returned", "%+v", got)
		default:
		}
		got := receive(t, stuck)
		require.ErrorIs(t, got.err, context.DeadlineExceeded)
		require.NotErrorIs(t, got.err, cas.ErrUnknown)
		v, _, err := cas.Update(t.Context(), s, "/a", add(1))
		require.NoError(t, err)
		require.Equal(t, 5, v)
		close(release)
		synctest.Wait()
		require.Equal(t, 5, get(t, s, "/a"))
	})
}

// A slow function is waited for in the end, and then it is applied.
func TestSlowFunctionsGetTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
					_, _, err := cas.Update(t.Context(), s, "/a", add(1))
					require.NoError(t, err)
				}
			})
		}
		for range 3 {
			_, _, err := cas.Update(t.Context(), s, "/a", func(v int) (int, error) { time.Sleep(300 * time.Millisecond); return v + 1_000_000, nil })
			require.NoError(t, err)
		}
		close(stop)
		wg.Wait()
		require.Equal(t, 3, get(t, s, "/a")/1_000_000)
	})
}

// One function alone may take all the time that its caller has.
func TestOneSlowFunctionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := newStore(t, newMemory(), cas.Config{})
		_, _, err := cas.Update(t.Context(), s, "/a", func(v int) (int, error) { calls++; time.Sleep(time.Hour); return v, nil })
		require.NoError(t, err)
		require.Equal(t, 1, calls)
	})
}

// A caller that leaves while its function is being run takes nothing of it along, and the functions after it run on a value without it.
func TestOneLeavesInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, cas.Config{})
		open := m.hold()
		first := later(t.Context(), s, "/a", add(1))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		leaving := later(ctx, s, "/a", func(v int) (int, error) { return v + 1000, nil })
		synctest.Wait()
		calls := 0
		rest := later(t.Context(), s, "/a", func(v int) (int, error) {
			if calls++; calls == 1 {
				cancel()
				time.Sleep(time.Millisecond)
			}
			return v + 1, nil
		})
		synctest.Wait()
		open()
		require.NoError(t, receive(t, first).err)
		require.ErrorIs(t, receive(t, leaving).err, context.Canceled)
		got := receive(t, rest)
		require.NoError(t, got.err)
		require.Equal(t, 2, got.v)
		require.Equal(t, 2, get(t, s, "/a"))
	})
}
