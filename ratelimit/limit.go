package ratelimit

import (
	"fmt"
	"time"
)

// A Limit is how many requests are admitted of one key, by all servers together. It is a value, safe to copy; the zero Limit is refused.
type Limit struct {
	// Max is how many are admitted per Per: at least 1.
	Max int64
	// Per is the period, above 0, of whole microseconds, and of 71 years at most.
	Per time.Duration
	// Kind says what "per" means, which is most of what limiters differ in: see [Rolling], [Bucket] and [FixedWindow]. Nil means Rolling.
	Kind Kind
}

// A Kind is a meaning of "100 per minute": [Rolling], [Bucket] or [FixedWindow].
type Kind interface {
	// rule returns a limit of so many per so many microseconds in whole numbers, or what is wrong with it.
	rule(count, period int64) (rule, error)
	name() string
}

// Rolling admits no more than Max in any period of length Per, wherever it begins. It is what most people mean, and what few limiters do.
//
// It counts by cells of a sixty-fourth of Per, and forgets a cell as a whole, never too early. So Max may be used at once, and who uses all of it steadily gets 98.5 % of Max
// per Per. The state of a key grows with the number of cells in which something was admitted, to some 300 bytes.
type Rolling struct{}

// Bucket is a token bucket: Burst may be admitted at once, and the bucket fills again at the rate of Max per Per. In a period of length Per it admits up to Burst + Max,
// which is the price of never making a steady caller wait. A Bucket of Burst 50 and 50 per minute admits at most 100 in any minute.
type Bucket struct {
	// Burst is the size of the bucket. 0 means Max.
	Burst int64
}

// FixedWindow admits Max in each window of length Per, by Redis's clock: with Per a minute, in each minute of the day. In a period of length Per that lies across an edge it
// admits up to twice Max.
type FixedWindow struct{}

func (Rolling) name() string     { return "rolling" }
func (FixedWindow) name() string { return "fixed window" }
func (b Bucket) name() string {
	if b.Burst == 0 {
		return "bucket"
	}
	return fmt.Sprintf("bucket of %d", b.Burst)
}

// String returns the limit in a few words, as in "100 per 1m0s, rolling".
func (l Limit) String() string { return fmt.Sprintf("%d per %v, %s", l.Max, l.Per, l.kind().name()) }

// Validate returns nil for a limit that can be kept, and else a [*LimitError] that says what is wrong with it. [New] does the same.
func (l Limit) Validate() error {
	_, err := l.rule()
	return err
}

func (l Limit) kind() Kind {
	if l.Kind == nil {
		return Rolling{}
	}
	return l.Kind
}

// exact is the range in which all sums that a script makes are exact: Lua has no integers but those that a double holds, below 2^53.
const exact = int64(1) << 51

// rule returns the limit in whole numbers.
func (l Limit) rule() (rule, error) {
	switch {
	case l.Max < 1:
		return nil, l.wrong("Max", "at least 1")
	case l.Per <= 0:
		return nil, l.wrong("Per", "above 0")
	case l.Per%time.Microsecond != 0:
		return nil, l.wrong("Per", "of whole microseconds")
	case l.Max > exact:
		return nil, l.wrong("Max", "at most 2^51")
	case l.Per.Microseconds() > exact:
		return nil, l.wrong("Per", "at most 2^51 microseconds")
	}
	r, err := l.kind().rule(l.Max, l.Per.Microseconds())
	if err != nil {
		return nil, l.wrong("Kind", err.Error())
	}
	return r, nil
}

func (l Limit) wrong(field, want string) error {
	return &LimitError{Limit: l, Field: field, Want: want}
}

func (Rolling) rule(count, period int64) (rule, error) {
	return rolling(count, period), nil
}

func (FixedWindow) rule(count, period int64) (rule, error) {
	return &window{max: count, width: period}, nil
}

func (b Bucket) rule(count, period int64) (rule, error) {
	burst := b.Burst
	switch {
	case burst < 0:
		return nil, fmt.Errorf("a Burst of at least 1, or 0 for Max")
	case burst == 0:
		burst = count
	}
	return newBucket(burst, count, period)
}
