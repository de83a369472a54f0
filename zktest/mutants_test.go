package zktest_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/zktest"
)

// A mutant is a server that is wrong in one thing. It is made of zktest and of what it does to the answers before they are compared.
type mutant struct {
	area, wrong string
	// alter returns what the mutant answers instead, on the connection of one client. It is made anew for each run, and may remember.
	alter func() func(p *peer, answers []answer) []answer
}

// within is how many calls may pass until a mutant is caught.
const within = 5000

// TestMutants is the control of the differential test: it must see each of these, and nothing where there is nothing. It needs no ZooKeeper: zktest is
// compared with itself.
func TestMutants(t *testing.T) {
	seed := setting(t, "ZKKIT_DIFFERENTIAL_SEED", defaultSeed)
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, duelWithMutant(t, seed, nil))
	})
	for _, m := range mutants() {
		t.Run(m.area+"/"+m.wrong, func(t *testing.T) {
			t.Parallel()
			err := duelWithMutant(t, seed, m.alter())
			var found *difference
			require.True(t, errors.As(err, &found), "not caught in %d calls: %v", within, err)
			t.Logf("caught at call %d", found.calls)
			if os.Getenv("ZKKIT_DIFFERENTIAL_SHOW") != "" {
				t.Log(found)
			}
		})
	}
}

// duelWithMutant compares zktest with itself, altered.
func duelWithMutant(t *testing.T, seed uint64, alter func(p *peer, answers []answer) []answer) error {
	t.Helper()
	reference, subject := newSide("zktest", untimed(t).Addr()), newSide("mutant", untimed(t).Addr())
	subject.alter = alter
	d, err := newDuel(seed, reference, subject)
	defer d.close()
	if err != nil {
		return err
	}
	return d.run(within)
}

// untimed starts a zktest that is set up as realServer is.
func untimed(t *testing.T) *zktest.Server {
	t.Helper()
	return zktest.RunConfigT(t, zktest.Config{MinSession: minSession, MaxSession: maxSession, ReapEvery: 24 * time.Hour, ExtendedTypes: true})
}
