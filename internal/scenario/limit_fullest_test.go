package scenario

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The fullest period is what looking at all periods finds.
func TestFullestPeriod(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		length := time.Duration(1 + rng.IntN(50))
		after, before := time.Duration(rng.IntN(30)), time.Duration(60+rng.IntN(60))
		var all []admission
		for range rng.IntN(40) {
			from := time.Duration(rng.IntN(100))
			all = append(all, admission{from, from + time.Duration(rng.IntN(8))})
		}
		want := int64(0)
		for from := range time.Duration(120) {
			n := int64(0)
			for _, a := range all {
				if a.From >= after && a.Until <= before && a.From >= from && a.Until <= from+length {
					n++
				}
			}
			want = max(want, n)
		}
		require.Equal(t, want, most(all, length, after, before).n)
	}
	best := most([]admission{{0, 0}, {10, 12}, {20, 20}}, 10, 0, 100)
	require.Equal(t, fullest{2, 10, 20}, best, "both ends are included")
	require.Zero(t, most(nil, 10, 0, 100))
}
