package scenario

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
)

func TestSeries(t *testing.T) {
	// The machine slows down by ten in the last turns: a ratio does not see it.
	s := series{{2 * time.Millisecond, 4 * time.Millisecond}, {20 * time.Millisecond, 40 * time.Millisecond}, {20 * time.Millisecond, 60 * time.Millisecond}}
	require.InDelta(t, 50, s.rate(0), 1e-6)
	require.InDelta(t, 25, s.rate(1), 1e-6)
	require.InDelta(t, 2, s.ratio(0, 1), 1e-6)
	require.InDelta(t, 0.5, s.ratio(1, 0), 1e-6)
}

func TestTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []int
		subjects := make([]measured, 3)
		for i := range subjects {
			subjects[i] = func() (time.Duration, error) {
				order = append(order, i)
				took := time.NewTimer(10 * time.Second)
				<-took.C
				return time.Duration(i), nil
			}
		}
		s, err := takeTurns(t.Context(), 30*time.Second, 60*time.Second, subjects)
		require.NoError(t, err)
		require.Equal(t, series{{0, 1, 2}, {0, 1, 2}}, s, "the first turn is not counted")
		require.Equal(t, []int{0, 1, 2, 1, 2, 0, 2, 0, 1}, order)

		broken := errors.New("broken")
		_, err = takeTurns(t.Context(), 0, time.Hour, []measured{func() (time.Duration, error) { return 0, broken }})
		require.ErrorIs(t, err, broken)
		ctx, cancel := context.WithCancel(t.Context())
		_, err = takeTurns(ctx, 0, time.Hour, []measured{func() (time.Duration, error) { cancel(); return 1, nil }})
		require.ErrorIs(t, err, context.Canceled)
	})
}

// A server that says yes and does nothing, or forgets to delete, is caught.
func TestCheckExecuted(t *testing.T) {
	honest := executed{engine: "local", acked: 7, stat: zk.Stat{Cversion: 14}}
	require.True(t, checkExecuted([]executed{honest, {engine: "local", acked: 1 << 31}}).OK, "the counter has gone round")
	for name, e := range map[string]executed{
		"nothing done": {engine: "embedded", acked: 7},
		"one lost":     {engine: "embedded", acked: 7, stat: zk.Stat{Cversion: 12}},
		"one left":     {engine: "embedded", acked: 7, stat: zk.Stat{Cversion: 14, NumChildren: 1}},
	} {
		c := checkExecuted([]executed{honest, e})
		require.False(t, c.OK, name)
		verdict, reasons := Conclude([]Check{c})
		require.Equal(t, Violated, verdict)
		require.Contains(t, reasons[0], "on embedded")
	}
	require.False(t, measuredCheck(4).OK)
	require.True(t, measuredCheck(5).OK)
}
