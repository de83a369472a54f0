package fencetest_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
)

// Guards that are right in their own way.
func TestGoodGuardsConform(t *testing.T) {
	for name, g := range map[string]*mutant{
		"no mutation":          {},
		"loses answers":        {loses: 9},
		"loses many answers":   {loses: 3},
		"loses every other":    {loses: 2},
		"refuses and says why": {older: func(a, b fence.Token) bool { return a.Compare(b) < 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			o := fencetest.Options{Rounds: 6}
			if g.loses > 0 { // The scenarios want answers.
				require.NoError(t, onlyHistories(fencetest.Check(t.Context(), fencetest.Tokens(g), o)))
				return
			}
			require.NoError(t, fencetest.Check(t.Context(), fencetest.Tokens(g), o))
		})
	}
}

const (
	histories = "the history of many writers is linearizable"
	onTheWay  = "writes on their way are seen by the next holder or refused"
)

// onlyHistories leaves of the errors those of the concurrent checks.
func onlyHistories(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var left []error
	for _, e := range joined.Unwrap() {
		if strings.Contains(e.Error(), histories) || strings.Contains(e.Error(), onTheWay) {
			left = append(left, e)
		}
	}
	return errors.Join(left...)
}

// The controls: each must be caught, each time, and by the check that is there for it.
func TestBadGuardsAreCaught(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func() *mutant
		by   string // The check that finds it.
		want string // What it says.
	}{
		{"no fence", func() *mutant { return &mutant{unfenced: true} }, "an older token is refused after any act of the newer holder", "was accepted"},
		{"no fence, by the history", func() *mutant { return &mutant{unfenced: true} }, histories, "an older token was accepted after a newer one"},
		{"no fence, by writes on their way", func() *mutant { return &mutant{unfenced: true} }, onTheWay, ""},
		{"compare and effect are two steps", func() *mutant { return &mutant{torn: true} }, onTheWay, "was changed by an earlier one"},
		{"forgets its mark with the value", func() *mutant { return &mutant{forgets: true} }, "the mark outlives the value", "was accepted"},
		{"seal does nothing", func() *mutant { return &mutant{sealless: true} }, "a seal shuts out the earlier holder before the first write", "was accepted"},
		{"read does not seal", func() *mutant { return &mutant{readsUnsealed: true} }, "a read shuts out the earlier holder", "was accepted"},
		{"read compares and does not move the mark", func() *mutant { return &mutant{readsStale: true} }, "a read shuts out the earlier holder", "was accepted"},
		{"takes no token for one", func() *mutant { return &mutant{zero: true} }, "no token is refused", "was accepted"},
		{"signed", func() *mutant { return &mutant{older: signed} }, ladder, "was not accepted"},
		{"floats", func() *mutant { return &mutant{older: floats} }, ladder, "was accepted"},
		{"strings", func() *mutant { return &mutant{older: texts} }, ladder, "was not accepted"},
		{"32 bits", func() *mutant { return &mutant{older: short} }, ladder, ""},
		{"no generation", func() *mutant { return &mutant{older: func(a, b fence.Token) bool { return a.ID < b.ID }} }, ladder, "was not accepted"},
		{"generation last", func() *mutant { return &mutant{older: generationLast} }, ladder, "was not accepted"},
		{"signed generation", func() *mutant { return &mutant{older: signedGeneration} }, ladder, "was not accepted"},
		{"refuses equal tokens", func() *mutant { return &mutant{older: func(a, b fence.Token) bool { return a.Compare(b) <= 0 }} }, "an equal token is accepted again and again", "was not accepted"},
		{"one mark for all", func() *mutant { return &mutant{shared: true} }, "resources are apart", "was not accepted"},
		{"names are cut off", func() *mutant { return &mutant{shortNames: true} }, "resources are apart", ""},
		{"refuses what it has done", func() *mutant { return &mutant{appliesAnyway: true} }, "an older token is refused after any act of the newer holder", "read late, want"},
		{"refuses, and forgets the newer mark", func() *mutant { return &mutant{marksAnyway: true} }, "an older token is refused after any act of the newer holder", "was accepted"},
		{"refuses without the tokens", func() *mutant { return &mutant{bare: true} }, "an older token is refused after any act of the newer holder", "no *fence.StaleError"},
		{"names a token that it never saw", func() *mutant { return &mutant{wrongMax: true} }, "an older token is refused after any act of the newer holder", "was refused with Have"},
		{"does not hear that ctx has ended", func() *mutant { return &mutant{deaf: true} }, "a context that has ended lets nothing happen", "returned no error"},
		{"does not know what it did not do", func() *mutant { return &mutant{hesitates: true} }, "a context that has ended lets nothing happen", "unknown"},
		{"refuses the newest now and then", func() *mutant { return &mutant{moody: true} }, histories, "refused, and nobody had come"},
		{"reads from a cache", func() *mutant { return &mutant{cached: true} }, histories, "not linearizable"},
		{"what it lost comes later, unfenced", func() *mutant { return &mutant{loses: 3, late: true} }, histories, "not linearizable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := fencetest.Options{Rounds: 6, Decide: 10 * time.Second}
			err := fencetest.Check(t.Context(), fencetest.Tokens(c.bad()), o)
			require.Error(t, err)
			found := ""
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				if strings.Contains(e.Error(), c.by) {
					found = e.Error()
				}
			}
			require.NotEmpty(t, found, "found by others only: %v", err)
			require.Contains(t, found, c.want)
			require.NotContains(t, found, "no verdict")
		})
	}
}

const ladder = "tokens are ordered over their whole range"

func signed(a, b fence.Token) bool {
	return a.Generation < b.Generation || a.Generation == b.Generation && int64(a.ID) < int64(b.ID)
}

func signedGeneration(a, b fence.Token) bool {
	return int32(a.Generation) < int32(b.Generation) || a.Generation == b.Generation && a.ID < b.ID
}

func floats(a, b fence.Token) bool {
	return a.Generation < b.Generation || a.Generation == b.Generation && float64(a.ID) < float64(b.ID)
}

func texts(a, b fence.Token) bool {
	return a.Generation < b.Generation || a.Generation == b.Generation && strconv.FormatUint(a.ID, 10) < strconv.FormatUint(b.ID, 10)
}

func short(a, b fence.Token) bool {
	return a.Generation < b.Generation || a.Generation == b.Generation && uint32(a.ID) < uint32(b.ID)
}

func generationLast(a, b fence.Token) bool {
	return a.ID < b.ID || a.ID == b.ID && a.Generation < b.Generation
}

// A subject whose tokens do not rise is no lock.
func TestTokensThatDoNotRiseAreCaught(t *testing.T) {
	err := fencetest.Check(t.Context(), flat{fencetest.Tokens(new(mutant))}, fencetest.Options{})
	require.ErrorContains(t, err, "the subject handed out token 0x1 after 0x1")
}

type flat struct{ fencetest.TokenSubject }

func (s flat) Holder(_ context.Context, resource string) (fencetest.Holder, error) {
	return s.At(resource, fence.Token{ID: 1}), nil
}

// Nothing is played when the time is over, and that is no success.
func TestCheckWithoutTimeIsNoSuccess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := fencetest.Check(ctx, fencetest.Tokens(new(mutant)), fencetest.Options{})
	require.ErrorContains(t, err, "not played")
	require.ErrorIs(t, err, context.Canceled)
}
