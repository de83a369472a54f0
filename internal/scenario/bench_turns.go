package scenario

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A turn is the time per operation of each subject, measured one right after the other.
type turn []time.Duration

// series is many turns of the same subjects.
type series []turn

// measured is one subject: it returns the time per operation, of at least one.
type measured func() (time.Duration, error)

// takeTurns measures the subjects in turns, each turn beginning with another one. What is measured until warm is over does not count.
func takeTurns(ctx context.Context, warm, length time.Duration, subjects []measured) (series, error) {
	var s series
	began := time.Now()
	for n := 0; time.Since(began) < warm+length; n++ {
		counts := time.Since(began) >= warm
		took := make(turn, len(subjects))
		for i := range took {
			subject := (i + n) % len(subjects)
			var err error
			if took[subject], err = subjects[subject](); err != nil {
				return s, err
			}
		}
		if err := ctx.Err(); err != nil {
			return s, err
		}
		if counts {
			s = append(s, took)
		}
	}
	return s, nil
}

// rate is the throughput of a subject per second, from the median: a noisy machine has a long tail. The series is not empty.
func (s series) rate(subject int) float64 {
	return roundMs(1 / s.median(func(t turn) float64 { return t[subject].Seconds() }))
}

// ratio is how many times as fast as another a subject is: the median of the turns' ratios, as what was measured at one time shares the machine's
// mood of that time. The series is not empty.
func (s series) ratio(subject, other int) float64 {
	return roundMs(s.median(func(t turn) float64 { return t[other].Seconds() / t[subject].Seconds() }))
}

func (s series) median(of func(turn) float64) float64 {
	all := make([]float64, len(s))
	for i, t := range s {
		all[i] = of(t)
	}
	slices.SortFunc(all, cmp.Compare[float64])
	return all[len(all)/2]
}

// measuredCheck keeps a benchmark of a few turns from being believed.
func measuredCheck(turns int) Check {
	return Check{Name: "measured", Kind: OfEvidence, Want: "every subject is measured at least 5 times", OK: turns >= 5, Got: fmt.Sprintf("at least %d times", turns)}
}

// window runs cycle on all clients for a while, and returns the mean time between two things that they counted. The clients come and go at its ends, so only
// the middle is looked at.
func window(ctx context.Context, clients int, counted *atomic.Int64, cycle func(client int) error) (time.Duration, error) {
	const ramp, length = 30 * time.Millisecond, 120 * time.Millisecond
	stop := make(chan struct{})
	failed := make(chan error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := cycle(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	err := sleep(ctx, ramp)
	began, before := time.Now(), counted.Load()
	// At least one, however slow the machine.
	for err == nil && (time.Since(began) < length || counted.Load() == before) && len(failed) == 0 {
		err = sleep(ctx, max(time.Millisecond, length-time.Since(began)))
	}
	took, n := time.Since(began), counted.Load()-before
	close(stop)
	wg.Wait()
	select {
	case err = <-failed:
	default:
	}
	if err != nil {
		return 0, err
	}
	return took / time.Duration(n), nil
}
