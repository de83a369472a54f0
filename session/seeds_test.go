package session_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
)

// seedsVariable says how many random stories are told, or which ones: 5000, or 17-17.
const seedsVariable = "ZKKIT_SEEDS"

func seeds(t *testing.T, usual uint64) (first, last uint64) {
	t.Helper()
	from, to, ranged := strings.Cut(os.Getenv(seedsVariable), "-")
	if from == "" {
		return 1, usual
	}
	n, err := strconv.ParseUint(from, 10, 64)
	require.NoError(t, err, seedsVariable)
	if !ranged {
		return 1, n
	}
	last, err = strconv.ParseUint(to, 10, 64)
	require.NoError(t, err, seedsVariable)
	return n, last
}

// play tells the story of a seed, and returns what was wrong and what happened. What happens at one instant of virtual time comes in an order that no seed
// decides, and so does how long a client waits before it dials again.
func play(t *testing.T, seed uint64, enter func(p *plot) (leave func())) (p *plot) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p = newPlot(t, seed)
		leave := enter(p)
		p.rage()
		p.calm()
		leave()
		p.look()
	})
	return p
}

// One client that wants to hold a znode, and a minute of faults or two. Whatever happens, it never believes in what the servers have given up, nothing that is lost comes back, nothing
// is executed in another session; and when the faults end, it holds a znode again, and Close leaves nothing.
func TestRandomStories(t *testing.T) {
	first, last := seeds(t, 500)
	var mu sync.Mutex // guards told
	told := make(map[string]int)
	began := time.Now()
	t.Run("all", func(t *testing.T) {
		lanes := uint64(runtime.GOMAXPROCS(0))
		for lane := range lanes {
			t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
				t.Parallel()
				for seed := first + lane; seed <= last; seed += lanes {
					p := play(t, seed, careful(session.RenewByWrites))
					if t.Failed() || len(p.wrong) > 0 {
						require.Failf(t, "a story went wrong", "%s\n\nagain: %s=%d-%d go test -count=20 -run '^TestRandomStories$' ./session", p, seedsVariable, seed, seed)
					}
					mu.Lock()
					for what, n := range p.told {
						told[what] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d stories in %v: %v", last-first+1, time.Since(began), told)
	if t.Failed() || last-first < 100 {
		return
	}
	for _, what := range append(faultNames(),
		"held", "released", "lost: session: the local deadline passed", "lost: session: expired by the server", "expired by a leader out of reach",
	) {
		require.NotZero(t, told[what], "%s never happened", what)
	}
}

// The controls: those who count on less are caught.
func TestRandomStoriesCatch(t *testing.T) {
	for name, c := range map[string]struct {
		enter func(p *plot) (leave func())
		want  string
	}{
		"who counts on pings":                {careful(session.RenewByPings), "believes"},
		"who waits to be told, as is usual":  {stock, "believes"},
		"who replays, as go-zookeeper does":  {stock, "another session"},
		"who believes in a lost lease again": {forgetful, "un-lost"},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(100) {
				for _, wrong := range play(t, seed+1, c.enter).wrong {
					if strings.Contains(wrong, c.want) {
						t.Logf("seed %d: %s", seed+1, wrong)
						return
					}
				}
			}
			require.Fail(t, "nothing was seen")
		})
	}
}

// String tells the story, for whoever has to find out what went wrong.
func (p *plot) String() string {
	return fmt.Sprintf("seed %d: session %v, tick %v\n%s\n\nwrong:\n%s", p.seed, p.timeout, p.tick, strings.Join(p.trace, "\n"), strings.Join(p.wrong, "\n"))
}
