package ratelimit

import (
	"fmt"
	"testing"

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
