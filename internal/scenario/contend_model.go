package scenario

import "math"

// contendAttempts is how many writes an update takes that tries again at once, on average, among so many writers who all do nothing else: the model beside the measured curve.
//
// An attempt fails if anybody else's update is written between its reading and its writing. Let that take one unit of time. All of W writers try all the time, one attempt a unit each, and a share p of the attempts
// succeeds. So the others write (W-1)p updates a unit, at times that are as good as random to this one, and it succeeds if none falls into its unit:
//
//	p = exp(-(W-1)p), so p = ω(W-1)/(W-1), where ω is Lambert's function: ω(x)·exp(ω(x)) = x
//
// and an update takes 1/p attempts. For 8, 32 and 128 writers that is 4.6, 12 and 36: nearly all of the work is in vain.
func contendAttempts(writers int) float64 {
	others := float64(writers - 1)
	if others < 1 {
		return 1
	}
	return others / lambert(others)
}

// lambert solves ω·exp(ω) = x for x above 0, by Newton's method.
func lambert(x float64) float64 {
	w := math.Log1p(x)
	for range 50 {
		e := math.Exp(w)
		step := (w*e - x) / (e * (w + 1))
		w -= step
		if math.Abs(step) < 1e-12 {
			break
		}
	}
	return w
}

// contendConflict is the chance that an update among those that come at random, so many per second for each record, meets another one: with a window of that many seconds between reading and writing.
func contendConflict(perSecond, window float64) float64 { return 1 - math.Exp(-perSecond*window) }
