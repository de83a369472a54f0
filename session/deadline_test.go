package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ensembleModel is a follower that reports to its leader every half tick until its link is cut, and a leader that expires a session one timeout after it last
// heard of it, at the earliest moment that the servers' code allows. All times are exact, so the bound can be tested to the nanosecond.
type ensembleModel struct {
	timeout, tick time.Duration
	phase         time.Duration // of the reports
	cut           time.Duration // of the link between follower and leader
}

// expiry returns when the leader expires a session whose client sent frames at the given times.
func (m ensembleModel) expiry(sends []time.Duration) time.Duration {
	heard := sends[0] // the handshake goes through the leader
	for at := m.phase; at < m.cut; at += m.tick / 2 {
		for _, s := range sends {
			if s <= at && s > at-m.tick/2 {
				heard = max(heard, s) // the report itself arrives later still: taking the send's own time is the worst case
			}
		}
	}
	return heard + m.timeout
}

// run plays a client against the model and returns the latest deadline that it computed from an acknowledged write, and when the leader expired the session.
func (m ensembleModel) run(rng *rand.Rand, bound func(q *touches, at time.Duration) time.Duration) (deadline, expiry time.Duration) {
	var q touches
	q.connected(0)
	sends := []time.Duration{0}
	deadline = m.timeout
	for at := time.Duration(0); at < m.cut+m.timeout; {
		at += 1 + time.Duration(rng.Int64N(int64(m.timeout/3)))
		sends = append(sends, at)
		touch := bound(&q, at)
		if at < m.cut { // the commit came down before the cut: acknowledged
			deadline = max(deadline, touch+m.timeout)
		}
	}
	return deadline, m.expiry(sends)
}

func TestDeadlineIsNeverLaterThanTheLeadersExpiry(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	naiveWrong := 0
	for range 4_000 {
		timeout := time.Duration(1+rng.IntN(20)) * 500 * time.Millisecond
		tick := time.Duration(1 + rng.Int64N(int64(timeout/2)))
		m := ensembleModel{timeout: timeout, tick: tick, phase: time.Duration(rng.Int64N(int64(tick/2) + 1)), cut: time.Duration(rng.Int64N(int64(10 * timeout)))}
		seed := rng.Uint64()

		deadline, expiry := m.run(rand.New(rand.NewPCG(seed, 0)), func(q *touches, at time.Duration) time.Duration { return q.send(at, tick) })
		require.LessOrEqual(t, deadline, expiry, "%+v seed %d", m, seed)

		// The control: counting from when the acknowledged frame was sent.
		deadline, expiry = m.run(rand.New(rand.NewPCG(seed, 0)), func(_ *touches, at time.Duration) time.Duration { return at })
		if deadline > expiry {
			naiveWrong++
		}
	}
	require.Positive(t, naiveWrong, "a model that never catches the naive bound tests nothing")
}

func TestTouchesStayFew(t *testing.T) {
	var q touches
	q.connected(0)
	for at := range 100_000 {
		q.send(time.Duration(at)*time.Microsecond, time.Second)
	}
	require.LessOrEqual(t, len(q.sent), 2*grain)
}

func TestTouchesKeepALazyClientsLastSend(t *testing.T) {
	var q touches
	q.connected(0)
	require.Equal(t, time.Duration(0), q.send(10*time.Second, time.Second))
	require.Equal(t, 10*time.Second, q.send(20*time.Second, time.Second))
	require.Equal(t, 10*time.Second, q.send(20*time.Second+499*time.Millisecond, time.Second), "20 s is not half a tick ago yet")
	require.Equal(t, 20*time.Second, q.send(20*time.Second+500*time.Millisecond, time.Second))
}

func TestState(t *testing.T) {
	v := view{timeout: 6 * time.Second, touched: 10 * time.Second, heard: 12 * time.Second, up: true}
	for _, c := range []struct {
		name    string
		holding bool
		renewal Renewal
		up      bool
		now     time.Duration
		want    State
	}{
		{"idle and answered", false, RenewByWrites, true, 17 * time.Second, Connected},
		{"idle and cut off", false, RenewByWrites, false, 17 * time.Second, Suspended},
		{"idle for a whole timeout", false, RenewByWrites, true, 18 * time.Second, Lost},
		{"holding and proven", true, RenewByWrites, true, 16*time.Second - 1, Connected},
		{"holding, and only pings were answered since", true, RenewByWrites, true, 16 * time.Second, Lost},
		{"holding by pings", true, RenewByPings, true, 16 * time.Second, Connected},
		{"holding by pings for a whole timeout", true, RenewByPings, true, 18 * time.Second, Lost},
	} {
		v.holding, v.renewal, v.up = c.holding, c.renewal, c.up
		require.Equal(t, c.want, v.at(c.now), c.name)
	}
}
