package cas

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJudge(t *testing.T) {
	const me, op = 1, 9
	at := func(count int64, e envelope) state {
		return state{envelope: e, version: Version{Birth: 5, Count: count}}
	}
	base := at(17, envelope{number: 20, floor: 3, traces: []trace{{2, 1, 20}, {me, 8, 19}}})
	for name, c := range map[string]struct {
		now  state
		want verdict
	}{
		"nothing has happened":                             {base, open},
		"it is the newest write":                           {at(18, envelope{number: 21, traces: []trace{{me, op, 21}, {2, 1, 20}}}), applied},
		"others have written since":                        {at(20, envelope{number: 23, traces: []trace{{3, 1, 23}, {2, 2, 22}, {me, op, 21}}}), applied},
		"another one was faster":                           {at(18, envelope{number: 21, traces: []trace{{3, 1, 21}, {2, 1, 20}, {me, 8, 19}}}), refused},
		"another one was faster, and my old trace is gone": {at(18, envelope{number: 21, floor: 19, traces: []trace{{3, 1, 21}, {2, 1, 20}}}), refused},
		"the one before it is just not pushed out":         {at(30, envelope{number: 33, floor: 20, traces: []trace{{4, 1, 33}, {3, 1, 21}}}), refused},
		"it may be what was pushed out":                    {at(30, envelope{number: 33, floor: 21, traces: []trace{{4, 1, 33}, {3, 1, 32}}}), lost},
		"only a lock took precedence":                      {at(18, envelope{number: 20, traces: base.traces, lock: "/l"}), refused},
		"another node": {
			state{envelope: envelope{number: 25, traces: []trace{{me, op, 21}}}, version: Version{Birth: 6, Count: 18}}, lost,
		},
		"somebody has emptied it by hand":                          {at(18, envelope{}), lost},
		"the same 32 bits after going round":                       {at(17, envelope{number: 20 + 1<<32, traces: []trace{{2, 5, 20 + 1<<32}}}), lost},
		"the same 32 bits after going round, with the trace of it": {at(17, envelope{number: 20 + 1<<32, traces: []trace{{2, 5, 20 + 1<<32}, {me, op, 21}}}), applied},
	} {
		require.Equal(t, c.want, c.now.judge(&base, me, op), name)
	}
}

func TestTraces(t *testing.T) {
	var e envelope
	for client := range uint64(5) {
		e = e.after(client+1, 1, nil, 3)
	}
	require.Equal(t, []trace{{5, 1, 5}, {4, 1, 4}, {3, 1, 3}}, e.traces)
	require.EqualValues(t, 2, e.floor)
	e = e.after(3, 2, nil, 3)
	require.Equal(t, []trace{{3, 2, 6}, {5, 1, 5}, {4, 1, 4}}, e.traces, "one trace for each client")
	require.EqualValues(t, 2, e.floor, "none was pushed out")
	e = e.after(9, 1, nil, 1)
	require.Equal(t, []trace{{9, 1, 7}}, e.traces, "one who keeps fewer traces pushes out the others")
	require.EqualValues(t, 6, e.floor)
	l := e.locked("/l")
	require.Equal(t, "/l", l.lock)
	require.Equal(t, e.traces, l.traces)
	require.Empty(t, l.after(9, 2, nil, 3).lock, "a write gives precedence back")
}

// Nobody is ever told something wrong, whoever loses a reply, however long he does not look, and with however few traces; and with enough traces everybody is told something.
func TestJudgeNeverGuesses(t *testing.T) {
	seeds := 2000
	if n, err := strconv.Atoi(os.Getenv("ZKKIT_SEEDS")); err == nil {
		seeds = 10 * n
	}
	told := map[verdict]int{}
	for seed := range seeds {
		playJudge(t, uint64(seed), told)
	}
	for _, v := range []verdict{applied, refused, open, lost} {
		require.NotZero(t, told[v], "never came up: %v", told)
	}
}

// playJudge lets clients write one node by the rules of a lane. Some of the writes reach the node late, some never, and their clients look at some time.
func playJudge(t *testing.T, seed uint64, told map[verdict]int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 0))
	type writer struct {
		id, op   uint64
		base     *state // of the write that is under way, nil if none is
		room     int
		pending  bool // it may still arrive
		happened bool
	}
	now := state{version: Version{Birth: 1}}
	writers := make([]*writer, 2+rnd.IntN(6))
	room := 1 + rnd.IntN(10)
	enough := true
	for i := range writers {
		writers[i] = &writer{id: uint64(i + 1), room: room}
		if rnd.IntN(10) == 0 {
			writers[i].room = 1 + rnd.IntN(10) // one who is configured otherwise
		}
		enough = enough && writers[i].room >= len(writers)
	}
	var abandoned []writer // writes that nobody waits for any more, and that may still arrive
	arrive := func(w *writer) {
		w.pending = false
		if now.version == w.base.version && now.number == w.base.number {
			next := now.after(w.id, w.op, nil, w.room)
			now = state{envelope: next, version: Version{Birth: now.version.Birth, Count: now.version.Count + 1}}
			w.happened = true
		}
	}
	for range 60 {
		w := writers[rnd.IntN(len(writers))]
		switch {
		case len(abandoned) > 0 && rnd.IntN(5) == 0:
			arrive(&abandoned[0])
			abandoned = abandoned[1:]
		case w.base != nil && rnd.IntN(20) == 0: // its callers do not wait
			if w.pending {
				abandoned = append(abandoned, *w)
			}
			w.base = nil
		case rnd.IntN(20) == 0: // a lock comes or goes
			now.lock = map[bool]string{true: "/l", false: ""}[now.lock == ""]
			now.version.Count++
		case w.base == nil:
			w.op++
			base := now
			w.base, w.pending, w.happened = &base, true, false
		case w.pending && rnd.IntN(2) == 0:
			arrive(w)
		case w.pending && rnd.IntN(4) == 0:
			w.pending = false // lost on its way
		default:
			v := now.judge(w.base, w.id, w.op)
			told[v]++
			story := fmt.Sprintf("seed %d: client %d, operation %d", seed, w.id, w.op)
			switch v {
			case applied:
				require.True(t, w.happened, story)
			case refused:
				require.False(t, w.happened, story)
				if w.pending { // nor later on
					arrive(w)
					require.False(t, w.happened, story)
				}
			case open:
				require.False(t, w.happened, story)
				if rnd.IntN(2) == 0 {
					w.pending = true // it is sent again
				}
				continue
			default:
				require.False(t, enough, story)
			}
			w.base = nil
		}
	}
}
