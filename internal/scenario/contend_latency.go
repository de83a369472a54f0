package scenario

import (
	"math"
	"slices"
	"time"
)

// contendTimes counts lengths of time in classes that are 2% wide, so that those of many processes can be added up.
type contendTimes map[int]int64

const contendWidth = 1.02

func (t contendTimes) add(d time.Duration) {
	t[int(math.Round(math.Log(float64(max(d, 1)))/math.Log(contendWidth)))]++
}

func (t contendTimes) merge(more contendTimes) {
	for class, n := range more {
		t[class] += n
	}
}

// quantile returns the length that this share of all are not above, in milliseconds. There must be some.
func (t contendTimes) quantile(q float64) float64 {
	var total int64
	classes := make([]int, 0, len(t))
	for class, n := range t {
		total += n
		classes = append(classes, class)
	}
	slices.Sort(classes)
	var seen int64
	for _, class := range classes {
		if seen += t[class]; float64(seen) >= q*float64(total) {
			return math.Pow(contendWidth, float64(class)) / 1e6
		}
	}
	return 0
}
