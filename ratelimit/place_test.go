package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSlotIsThatOfRedis(t *testing.T) {
	require.Equal(t, 12739, slot("123456789"), "the check value of CRC-16/XMODEM, 0x31c3")
	require.Equal(t, 12182, slot("foo"))
	require.Equal(t, 5061, slot("bar"))
}

// Each part of a hot key lies in a stretch of slots of its own, and is found again.
func TestPartsOfAKeyAreApart(t *testing.T) {
	for _, parts := range []int{2, 3, 8, 16} {
		for k := range 50 {
			key := fmt.Sprintf("user-%d", k)
			for i := range parts {
				tag := part(key, i, parts)
				require.Equal(t, i, slot(tag)*parts/slots, tag)
				require.Equal(t, tag, part(key, i, parts))
			}
		}
	}
}

func TestPartsAreTheLimit(t *testing.T) {
	for _, l := range []Limit{
		{Max: 100, Per: 60e9}, {Max: 103, Per: 60e9, Kind: FixedWindow{}}, {Max: 7, Per: 60e9, Kind: Bucket{Burst: 50}}, {Max: 1000, Per: 1e9, Kind: Bucket{}},
	} {
		whole, err := l.rule()
		require.NoError(t, err)
		rules, err := l.divide(8)
		require.NoError(t, err)
		burst, most := int64(0), int64(0)
		for i, r := range rules {
			burst += r.burst()
			most += r.most(90_000_000)
			require.LessOrEqual(t, r.burst(), rules[0].burst())
			require.GreaterOrEqual(t, r.burst(), rules[len(rules)-1].burst(), "%d", i)
		}
		require.Equal(t, whole.burst(), burst, l)
		require.LessOrEqual(t, most, whole.most(90_000_000), l)
	}
	_, err := Limit{Max: 3, Per: 60e9}.divide(4)
	require.ErrorIs(t, err, ErrBadConfig)
}

func TestPace(t *testing.T) {
	const life = 1_000_000
	var p pace
	now := start
	require.Zero(t, p.next(now, life, 50), "nothing is known yet")
	for range 5 { // One a second is not worth borrowing for.
		now += 1_000_000
		p.used++
		require.Zero(t, p.next(now, life, 50))
	}
	var sizes []int64
	for range 8 { // All that was there is used up in a millisecond.
		now += 1000
		p.used += p.size + 1
		sizes = append(sizes, p.next(now, life, 50))
	}
	require.Equal(t, []int64{1, 3, 7, 15, 31, 50, 50, 50}, sizes, "at most twice as many each time")
	require.True(t, p.full)
	now += 1_000_000
	p.used += 20
	require.EqualValues(t, 10, p.next(now, life, 50), "half a life's worth at the rate of the last second")
	now += 10_000_000
	require.Zero(t, p.next(now, life, 50))
}

func TestPurse(t *testing.T) {
	var p purse
	require.False(t, p.take(1, 1))
	p.add(batch{id: "b", left: 3, deadline: 20})
	p.add(batch{id: "a", left: 2, deadline: 10})
	require.True(t, p.take(9, 3), "what expires first is used first")
	require.EqualValues(t, 2, p.left())
	require.Equal(t, []string{"a"}, p.settle())
	require.Nil(t, p.settle())
	require.False(t, p.take(19, 3), "all or nothing")
	require.EqualValues(t, 2, p.left())
	require.False(t, p.take(20, 1), "it is expired at its deadline")
	require.Equal(t, []string{"b"}, p.settle())
}

// What one clock calls life another one, that is slower by almost as much as is allowed for, calls less than hold; and so the other way round.
func TestHoldOutlastsLife(t *testing.T) {
	for _, life := range []int64{1, 63, 64, 1000, 1_000_000, 3_600_000_000} {
		require.GreaterOrEqual(t, float64(hold(life)), float64(life)*(1+1.0/rates))
		require.LessOrEqual(t, float64(within(life))*(1+1.0/rates), float64(life))
	}
}

// A server that has no room for the states of more keys denies those that it knows nothing of, and those that it knows go on.
func TestSharesAreBounded(t *testing.T) {
	r, err := Limit{Max: 20, Per: time.Second, Kind: Bucket{}}.rule()
	require.NoError(t, err)
	s := newShares(r, 0)
	s.room = 3
	now := start
	for i := range 3 {
		require.True(t, s.decideLocked(now, fmt.Sprint(i), 1, 2, 0).OK)
	}
	require.False(t, s.decideLocked(now, "more", 1, 2, 0).OK)
	require.True(t, s.decideLocked(now, "1", 1, 2, 0).OK)
	now += 2 * sweepEvery
	require.True(t, s.decideLocked(now, "more", 1, 2, 0).OK, "the others are as new by now, and forgotten")
	require.Len(t, s.keys, 1)
}

func TestDenyCacheIsBounded(t *testing.T) {
	d, c := newDenyCache(), startClock()
	for i := range 100_000 {
		d.learn(fmt.Sprint(i), 1, c.now(), &answer{retry: 3_600_000_000})
	}
	all := 0
	for i := range d.shards {
		all += len(d.shards[i].keys)
	}
	require.LessOrEqual(t, all, len(d.shards)*maxDenials)
	require.Greater(t, all, len(d.shards)*maxDenials/2)
}

// What was said of fewer says more, for as long as it holds.
func TestDenialOfFewerIsKept(t *testing.T) {
	d, c := newDenyCache(), startClock()
	now := c.now()
	d.learn("a", 5, now, &answer{retry: 1_000_000_000})
	_, refused := d.refuses(c, "a", 4)
	require.False(t, refused)
	_, refused = d.refuses(c, "a", 5)
	require.True(t, refused)
	d.learn("a", 1, now, &answer{retry: 500_000_000})
	_, refused = d.refuses(c, "a", 1)
	require.True(t, refused)
	d.learn("a", 5, now, &answer{retry: 2_000_000_000})
	_, refused = d.refuses(c, "a", 1)
	require.True(t, refused, "a denial of five says nothing of one")
}

func TestClockGoesOn(t *testing.T) {
	c := startClock()
	before := c.now()
	time.Sleep(2 * time.Millisecond)
	require.GreaterOrEqual(t, c.now(), before+2000)
	require.InDelta(t, time.Now().UnixMicro(), c.now(), 1e6)
	require.InDelta(t, c.now(), c.of(time.Now()), 1e6)
	c.gap.Add(int64(time.Hour)) // As if the time of day had been set: it is looked at anew, and nothing else.
	require.InDelta(t, time.Now().UnixMicro(), c.now(), 1e6)
	c.suspended -= time.Hour // As if the machine had been suspended for an hour.
	c.gap.Add(-int64(time.Hour))
	require.GreaterOrEqual(t, c.now(), before+3_600_000_000)
}
