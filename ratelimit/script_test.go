package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zkkit/zkkit/internal/stores"
)

// toldTime begins a script that is told what time it is. Everything after that is the script itself.
const toldTime = "local now = tonumber(table.remove(ARGV, 1))\n"

// open returns a client that is closed when the test ends.
func open(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// onEach plays on an embedded server, and on a real one.
func onEach(t *testing.T, play func(t *testing.T, c *redis.Client)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) { play(t, open(t, miniredis.RunT(t).Addr())) })
	t.Run("redis", func(t *testing.T) { play(t, open(t, stores.RunRedis(t, stores.RedisConfig{}).Addrs()[0])) })
}

// limits draws a limit of any kind, small ones and odd ones more often than a reasonable person would.
func limits(t *rapid.T) Limit {
	l := Limit{
		Max: rapid.OneOf(rapid.Int64Range(1, 12), rapid.Int64Range(1, 1_000_000)).Draw(t, "max"),
		Per: time.Duration(rapid.OneOf(rapid.Int64Range(1, 300), rapid.Int64Range(1, 100_000_000), rapid.Just[int64](60_000_000)).Draw(t, "per_us")) * time.Microsecond,
	}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		l.Kind = Bucket{Burst: rapid.Int64Range(0, 40).Draw(t, "burst")}
	case 1:
		l.Kind = FixedWindow{}
	}
	return l
}

// questions draws a question that the limiter could put: about loans that exist, and about some that do not any more.
func questions(t *rapid.T, r rule, s state, serial *int) question {
	most := min(r.burst(), 60)
	q := question{direct: rapid.Int64Range(0, most).Draw(t, "direct"), lend: rapid.Int64Range(0, most).Draw(t, "lend")}
	if q.direct+q.lend == 0 {
		q.lend = 1 // Nobody asks for nothing.
	}
	if rapid.Bool().Draw(t, "held") {
		q.hold = rapid.Int64Range(1, 90_000_000).Draw(t, "hold")
		*serial++
		q.id = fmt.Sprintf("a%d", *serial)
		if n := len(s.loans); n > 0 && rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
			q.id = s.loans[rapid.IntRange(0, n-1).Draw(t, "same")].id
		}
	}
	for _, l := range s.loans {
		if rapid.IntRange(0, 3).Draw(t, "ended") == 0 {
			q.ended = append(q.ended, l.id)
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
		q.ended = append(q.ended, "zz")
	}
	return q
}

// later draws how time goes on, which it sometimes does backwards.
func later(t *rapid.T, r rule) int64 {
	steps := []*rapid.Generator[int64]{rapid.Int64Range(0, 50), rapid.Int64Range(0, 3_000_000), rapid.Int64Range(-500_000, 0), rapid.Int64Range(0, 200_000_000)}
	if w, ok := r.(*window); ok {
		steps = append(steps, rapid.Int64Range(0, 3*w.width))
	}
	return rapid.OneOf(steps...).Draw(t, "later_us")
}

// The scripts and the function in Go must give the same answers and leave the same states, for anything that can be asked.
func TestScriptsAreTheFunction(t *testing.T) {
	onEach(t, func(t *testing.T, c *redis.Client) {
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			limit := limits(t)
			r, err := limit.rule()
			if err != nil {
				t.Skip("not a limit")
			}
			run++
			key := fmt.Sprintf("{%d}", run)
			told := newScript(toldTime + r.script().text[len(serverTime):])
			now := time.Now().Add(1000 * time.Hour).UnixMicro() // So that nothing expires meanwhile.
			var s state
			serial := 0
			for range rapid.IntRange(1, 25).Draw(t, "questions") {
				now += later(t, r)
				q := questions(t, r, s, &serial)
				args := append([]any{now}, newCommand(t.Context(), place{tag: key, room: &room{script: r.script(), parameters: r.parameters()}}, q, false).Args()[4:]...)
				got, err := c.Eval(t.Context(), told.text, []string{key}, args...).Int64Slice()
				require.NoError(t, err)

				a, next := r.step(s, now, q)
				ok := int64(0)
				if a.ok {
					ok = 1
				}
				require.Equal(t, []int64{ok, a.lent, a.left, a.retry, a.reset, a.life}, got, "%v of %v in %q", q, limit, r.text(s))
				if a.store {
					s = next
				}
				stored, err := c.Get(t.Context(), key).Result()
				if !s.known {
					require.ErrorIs(t, err, redis.Nil, "nothing is written for one who is refused")
					continue
				}
				require.NoError(t, err)
				require.Equal(t, r.text(s), stored, "after %v of %v", q, limit)
				back, err := r.read(stored)
				require.NoError(t, err)
				require.Equal(t, r.text(s), r.text(back))
				if a.store {
					ttl, err := c.PTTL(t.Context(), key).Result()
					require.NoError(t, err)
					require.InDelta(t, a.expiry-time.Now().UnixMilli(), ttl.Milliseconds(), 2000)
				}
			}
		})
	})
}

// A state that has expired is as good as none: Redis may forget it then.
func TestStateMayBeForgottenWhenItExpires(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, err := limits(t).rule()
		if err != nil {
			t.Skip("not a limit")
		}
		now := int64(1_700_000_000_000_000)
		var s state
		var expiry int64
		serial := 0
		for range rapid.IntRange(1, 10).Draw(t, "questions") {
			now += later(t, r)
			a, next := r.step(s, now, questions(t, r, s, &serial))
			if a.store {
				s, expiry = next, a.expiry
			}
		}
		if !s.known {
			return
		}
		now = max(now, expiry*1000) + rapid.Int64Range(0, 100).Draw(t, "after_us")
		q := questions(t, r, state{}, &serial)
		kept, _ := r.step(s, now, q)
		fresh, _ := r.step(state{}, now, q)
		require.Equal(t, fresh, kept)
	})
}

// What is answered must come true: whoever asks the same before the time that he was told is refused, and whoever asks then is admitted, if nothing is lent.
func TestRetryIsWhenItIsAdmitted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, err := limits(t).rule()
		if err != nil {
			t.Skip("not a limit")
		}
		now := int64(1_700_000_000_000_000)
		var s state
		serial := 0
		for range rapid.IntRange(1, 10).Draw(t, "questions") {
			now += max(0, later(t, r))
			q := questions(t, r, s, &serial)
			a, next := r.step(s, now, q)
			if a.store {
				s = next
			}
			again := question{direct: 1}
			if !a.ok {
				again.direct = max(q.direct, 1)
			}
			if a.retry > 0 {
				early, _ := r.step(s, now+rapid.Int64Range(0, a.retry-1).Draw(t, "early_us"), again)
				require.False(t, early.ok, "%v in %q was told %d", again, r.text(s), a.retry)
				for _, l := range s.loans { // Even if all that is lent is used up at once.
					again.ended = append(again.ended, l.id)
				}
				early, used := r.step(s, now, again)
				require.False(t, early.ok)
				if early.store {
					early, _ = r.step(used, now+a.retry-1, again)
					require.False(t, early.ok, "%v in %q was told %d", again, r.text(s), a.retry)
				}
			}
			if len(s.loans) == 0 {
				due, _ := r.step(s, now+a.retry, again)
				require.True(t, due.ok, "%v in %q was told %d", again, r.text(s), a.retry)
			}
		}
	})
}
