package scenario

// What happens in the rate limit scenario, beside [Cut], [Heal], [Interrupted] and [Note]. Who is the mode, or the harness.
const (
	// Began is the moment from which users make requests. All times are relative to it. Recorded by the harness.
	Began = "began"
	// Flushed is the scripts being forgotten by Redis, Restarting Redis being told to restart, and Restarted its being there again, empty. Recorded by the harness.
	Flushed    = "scripts-flushed"
	Restarting = "restarting"
	Restarted  = "restarted"
	// FullestCalm is the period of the limit in which most was admitted of one user, of those periods that had ended when Redis was told to restart, and FullestEver the same of all. The figures are
	// admitted, from_ms and until_ms; By is how the user behaved.
	FullestCalm = "fullest-calm"
	FullestEver = "fullest-ever"
	// Counted is all that came of one user's requests: the figures attempts, admitted, errors, after_restart and unanswered, the last being decisions of the outage policy. By is how the user behaved, Detail the first error.
	Counted = "counted"
	// RoundTrips is how many round trips some decisions took one caller: the figures decisions and round_trips.
	RoundTrips = "round-trips"
	// Abused is what came of an abuser's attempts: the figures attempts, seconds, calls and intervals.
	Abused = "abused"
	// Speed is one turn of the measurement with many callers at one key, and SpeedFar one over links that make a round trip two milliseconds longer: the figures per_s, p50_ms, p99_ms and errors.
	// Run numbers the turns.
	Speed    = "speed"
	SpeedFar = "speed-far"
)
