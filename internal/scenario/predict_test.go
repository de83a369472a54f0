package scenario_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/scenario"
)

// terms are the parameters that a prediction rests on.
func terms(kind scenario.Kind, direction scenario.Direction, session, tick time.Duration) scenario.Parameters {
	return scenario.Parameters{Kind: kind, Direction: direction, SessionNegotiated: scenario.Millis(session), Tick: scenario.Millis(tick)}
}

func TestPredict(t *testing.T) {
	const session, tick = 3 * time.Second, 200 * time.Millisecond
	whole := scenario.Window{Earliest: scenario.Millis(2 * time.Second), Latest: scenario.Millis(3200 * time.Millisecond)}
	for _, kind := range []scenario.Kind{scenario.KindDrop, scenario.KindJam, scenario.KindRefuse, scenario.KindReset} {
		require.Equal(t, whole, scenario.Predict(terms(kind, scenario.DirectionBoth, session, tick)), kind)
		require.Equal(t, whole, scenario.Predict(terms(kind, scenario.DirectionToServer, session, tick)), kind)
	}
	back := scenario.Predict(terms(scenario.KindDrop, scenario.DirectionFromServer, session, tick))
	require.Equal(t, scenario.Window{Earliest: scenario.Millis(2 * time.Second), Latest: scenario.Millis(5200 * time.Millisecond)}, back)
	require.Equal(t, whole, scenario.Predict(terms(scenario.KindReset, scenario.DirectionFromServer, session, tick)), "a reset has no direction")
	require.Equal(t, scenario.Millis(4500*time.Millisecond), scenario.Predict(terms(scenario.KindDrop, scenario.DirectionBoth, session, 0)).Latest, "unknown tick")
	require.True(t, scenario.Predict(terms(scenario.KindNone, "", session, tick)).IsZero())
	require.True(t, scenario.Predict(terms(scenario.KindDrop, scenario.DirectionBoth, 0, tick)).IsZero())
	require.Equal(t, "+2.000s..+3.200s", whole.String())
	deposed := terms(scenario.KindDrop, scenario.DirectionBoth, session, tick)
	deposed.Where, deposed.SyncLimit = scenario.WhereLeader, scenario.Millis(2*time.Second)
	require.Equal(t, "+4.900s..+7.200s", scenario.Predict(deposed).String(), "a new leader gives every session its whole timeout")
	_, why := scenario.Conclusive(4*time.Second, deposed)
	require.Equal(t, "a cut of 4s cannot expire a session of 3s: cut for more than 7.2s (--for session+5s)", why)
	for _, where := range []scenario.Where{scenario.WhereFollower, scenario.WhereMinority} {
		p := terms(scenario.KindDrop, scenario.DirectionBoth, session, tick)
		p.Where = where
		require.Equal(t, "+1.900s..+3.200s", scenario.Predict(p).String(), "a follower reports each half tick")
		_, why := scenario.Conclusive(4*time.Second, p)
		require.Empty(t, why)
		p.Direction = scenario.DirectionFromServer
		_, why = scenario.Conclusive(9*time.Second, p)
		require.Contains(t, why, "it is not known")
	}
}

func TestConclusive(t *testing.T) {
	const s, tick = time.Second, 200 * time.Millisecond
	for _, c := range []struct {
		length, session time.Duration
		kind            scenario.Kind
		direction       scenario.Direction
		why             string
	}{
		{3 * s, 2 * s, scenario.KindDrop, scenario.DirectionBoth, ""},
		{1 * s, 30 * s, scenario.KindDrop, scenario.DirectionBoth, "a cut of 1s cannot expire a session of 30s: cut for more than 30.2s (--for session+1s)"},
		{2200 * time.Millisecond, 2 * s, scenario.KindReset, scenario.DirectionBoth,
			"a cut of 2.2s cannot be relied on to expire a session of 2s: cut for more than 2.2s (--for session+1s)"},
		{3 * s, 2 * s, scenario.KindJam, scenario.DirectionFromServer,
			"a cut of 3s cannot be relied on to expire a session of 2s while the server still hears the client: cut for more than 3.533s (--for session+2s)"},
		{5 * s, 2 * s, scenario.KindJam, scenario.DirectionFromServer, ""},
		{0, 2 * s, scenario.KindNone, "", ""},
		{9 * s, 2 * s, "pause", scenario.DirectionBoth, `it is not known when a fault of kind "pause" expires a session`},
		{9 * s, 2 * s, scenario.KindDrop, "sideways", `it is not known when a cut in direction "sideways" expires a session`},
		{9 * s, 0, scenario.KindDrop, scenario.DirectionBoth, "the session timeout that the server gave is not known"},
	} {
		ok, why := scenario.Conclusive(c.length, terms(c.kind, c.direction, c.session, tick))
		require.Equal(t, c.why, why)
		require.Equal(t, c.why == "", ok)
	}
}

// What Conclusive suggests is conclusive.
func TestConclusiveSuggestion(t *testing.T) {
	for _, session := range []time.Duration{900 * time.Millisecond, 2 * time.Second, 30 * time.Second} {
		for _, tick := range []time.Duration{0, 200 * time.Millisecond, time.Second} {
			for _, direction := range []scenario.Direction{scenario.DirectionBoth, scenario.DirectionFromServer} {
				need := scenario.Predict(terms(scenario.KindDrop, direction, session, tick)).Latest.Duration()
				beyond := (need - session).Truncate(time.Second) + time.Second
				ok, why := scenario.Conclusive(session+beyond, terms(scenario.KindDrop, direction, session, tick))
				require.True(t, ok, why)
				_, why = scenario.Conclusive(time.Millisecond, terms(scenario.KindDrop, direction, session, tick))
				require.Contains(t, why, "(--for session+"+beyond.String()+")")
			}
		}
	}
}

func TestMillis(t *testing.T) {
	for text, want := range map[string]time.Duration{"2000": 2 * time.Second, "0.25": 250 * time.Microsecond, "1333.333": 1333333 * time.Microsecond} {
		var m scenario.Millis
		require.NoError(t, json.Unmarshal([]byte(text), &m))
		require.Equal(t, want, m.Duration())
		out, err := json.Marshal(m)
		require.NoError(t, err)
		require.Equal(t, text, string(out))
	}
	for _, text := range []string{`"2s"`, "1e300", "true"} {
		m := scenario.Millis(7)
		require.Error(t, json.Unmarshal([]byte(text), &m), text)
		require.Equal(t, scenario.Millis(7), m)
	}
	require.Equal(t, 1270.412, scenario.Ms(1270412345*time.Nanosecond)) //nolint:testifylint // rounding to the microsecond is exact
	require.Equal(t, "2.2s", scenario.Millis(2200*time.Millisecond).String())
}
