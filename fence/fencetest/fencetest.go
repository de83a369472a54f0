// Package fencetest checks that a guard refuses stale holders, as package [fence] says that it must.
//
// It is to guards what testing/fstest is to file systems. [Check] plays a fixed list of scenarios and a random one with many concurrent holders, and returns what the
// guard did wrong. [Test] does the same as subtests. A guard that is asked with a token becomes a subject with [Tokens]; one that needs none, because it knows its holders in
// another way, implements [Subject] itself.
//
//	func TestConformance(t *testing.T) {
//		fencetest.Test(t, fencetest.Tokens(new(fence.Memory[string])), fencetest.Options{})
//	}
//
// # What is checked
//
//   - An equal token is accepted, again and again. An older one is refused, in every method and after any act of the newer holder, with the tokens in the error. No token at
//     all is refused with [fence.ErrNoToken]. What was refused changed no value, and left no mark above its own token.
//   - Seal and Read shut out earlier holders, before the new one has written anything. Until then an earlier one gets in.
//   - The mark outlives the deletion of the value, and each resource has its own.
//   - Tokens are ordered as [fence.Token.Compare] does it, over their whole range: the generation first, and unsigned.
//   - A context that has ended lets nothing happen.
//   - Writes that are on their way while the next holder seals are either seen by it or refused.
//   - The history of many writers at once, whose tokens arrive in random order, is linearizable: checked with porcupine against a model of a few lines. Outcomes that are
//     unknown ([fence.ErrUnknown]) may have taken effect at any later time, or never.
//
// The checks find a guard that does not compare at all, that compares in one step and writes in another, that forgets its mark with the row, that does not seal on read, that
// takes no token for one, that compares as signed numbers, as floats or as strings, and that refuses a holder its second write: the tests of this package run all of them and
// more as controls.
//
// What a check does by chance can pass by chance. Each error says with which seed it was found; a guard whose races have a window of microseconds needs more rounds.
package fencetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/zkkit/zkkit/fence"
)

// A Subject is a guard under test, with what it takes to be a holder of what it guards.
type Subject interface {
	// Holder returns the next holder of a resource. Its token is greater than those of all holders that it returned for that resource before, and
	// those stay usable: each is now a holder that was paused and has missed that it lost its lock. Holder itself presents no token to the guard.
	//
	// The names of resources are of lower-case letters, digits and hyphens, not longer than 64, and never used by another run. Holder is called for a new name without any
	// preparation, and never twice at once for the same name. It blocks until the holder is one, or ctx ends.
	Holder(ctx context.Context, resource string) (Holder, error)
}

// A Holder is one hold of one resource, and what its owner can do with the one value in it. The methods fail with the guard's own errors; then nothing has changed, except
// after an error that matches [fence.ErrUnknown]. They are called from many goroutines at once.
type Holder interface {
	// Token returns the holder's token, which does not change.
	Token() fence.Token
	// Seal shuts out all earlier holders.
	Seal(ctx context.Context) error
	// Read returns the value and whether there is one, and seals.
	Read(ctx context.Context) (value string, ok bool, err error)
	// Write sets the value. A guard without a seal of its own moves its mark here, as [fence.Mark.Check] does.
	Write(ctx context.Context, value string) error
	// Delete removes the value, if there is one. Deleting nothing is no error.
	Delete(ctx context.Context) error
}

// A TokenSubject can be asked with any token, also with those that no lock would hand out. Checks that need such tokens are left out for other subjects.
type TokenSubject interface {
	Subject
	// At returns the holder with that token, which may be older than others, or no token.
	At(resource string, t fence.Token) Holder
}

// Options say what kind of guard it is, and how much to try. The zero Options are for a guard that compares tokens and answers with [*fence.StaleError].
type Options struct {
	// RefusesEarly says that a holder is refused as soon as Holder has returned the next one, before that one has sealed: the guard
	// knows its holders, as the servers of a lock do.
	RefusesEarly bool
	// Stale reports whether an error says that the holder was refused as stale. Nil asks for a [*fence.StaleError] with the holder's token and the guard's mark.
	Stale func(error) bool
	// Failed reports whether an error that is neither stale nor unknown means that nothing was done, as when a server could not be reached. The concurrent check takes it
	// for what it says. Nil means that no such error is expected, and that any fails the check.
	Failed func(error) bool

	// Writers is how many holders write at once, 64 if zero.
	Writers int
	// Ops is how many operations each of them tries, 6 if zero.
	Ops int
	// Rounds is how often they do it, each time on another resource, 4 if zero.
	Rounds int
	// Handovers is how often a resource with writes on their way changes hands, 32 if zero.
	Handovers int
	// Seed makes the random choices. Zero takes another one each time. What goroutines do in which order is not repeated by it.
	Seed uint64
	// Decide bounds the time in which the checker may decide about one history, one minute if zero. What it could not decide in that time is an error.
	Decide time.Duration
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		n    *int
		zero int
	}{{&o.Writers, 64}, {&o.Ops, 6}, {&o.Rounds, 4}, {&o.Handovers, 32}} {
		if *d.n <= 0 {
			*d.n = d.zero
		}
	}
	for o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if o.Decide <= 0 {
		o.Decide = time.Minute
	}
	return o
}

// Check plays all checks against the subject, one after the other, and blocks until they are done, or soon after ctx has ended. It returns nil if the guard passes all, and
// else an error that joins what each of them found. It leaves marks, and may leave values, under the names of its resources.
func Check(ctx context.Context, s Subject, o Options) error {
	o = o.withDefaults()
	var errs []error
	for _, c := range checks(s, o) {
		if err := c.run(ctx, s, o); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Test is [Check] with a subtest for each check, whose name says what is asked of the guard.
func Test(t *testing.T, s Subject, o Options) {
	t.Helper()
	o = o.withDefaults()
	for _, c := range checks(s, o) {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(t.Context(), s, o); err != nil {
				t.Error(err)
			}
		})
	}
}

// run plays one check, and says in the error which it was.
func (c check) run(ctx context.Context, s Subject, o Options) error {
	if ctx.Err() != nil {
		return fmt.Errorf("fencetest: %s: not played: %w", c.name, context.Cause(ctx))
	}
	if err := c.play(newPlay(ctx, s, o)); err != nil {
		return fmt.Errorf("fencetest: %s (seed %d): %w", c.name, o.Seed, err)
	}
	return nil
}
