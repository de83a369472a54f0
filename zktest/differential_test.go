package zktest_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
)

const (
	defaultOps  = 5000 // What fits into a second or two. CI asks for 200,000.
	defaultSeed = 1

	minSession = 10 * time.Minute // No session ends by itself.
	maxSession = time.Hour
)

// TestDifferential sends the same random calls to zktest and to a real ZooKeeper, from several sessions, and compares everything that each of their connections
// receives, in its order: headers, zxids, errors, stats, data, watch events. What may differ, and what is not asked, stands in tolerances.
//
// ZKKIT_DIFFERENTIAL_OPS is the number of calls, and ZKKIT_DIFFERENTIAL_SEED makes others. With ZKKIT_DIFFERENTIAL_SUBJECT=real a second real server takes
// the place of zktest: that there is no difference then shows that the calls have answers that are defined.
func TestDifferential(t *testing.T) {
	t.Parallel()
	ops, seed := setting(t, "ZKKIT_DIFFERENTIAL_OPS", defaultOps), setting(t, "ZKKIT_DIFFERENTIAL_SEED", defaultSeed)
	reference, subject := newSide("ZooKeeper", realServer(t)), newSide("zktest", "")
	switch who := os.Getenv("ZKKIT_DIFFERENTIAL_SUBJECT"); who {
	case "":
		subject.addr = untimed(t).Addr()
	case "real":
		subject.name, subject.addr = "a second ZooKeeper", realServer(t)
	default:
		require.Fail(t, "ZKKIT_DIFFERENTIAL_SUBJECT", "%q: want real or nothing", who)
	}
	start := time.Now()
	d, err := newDuel(seed, reference, subject)
	defer d.close()
	if err == nil {
		err = d.run(int(ops))
	}
	require.NoError(t, err, "with ZKKIT_DIFFERENTIAL_SEED=%d", seed)
	t.Logf("seed %d: %d calls and %d events without a difference, in %v; %s", seed, d.calls, d.counts[event], time.Since(start).Round(time.Millisecond), d.summary())
	d.requireCovered(t)
}

// requireCovered fails the test if it was long enough and yet some operation never succeeded, or some error never came.
func (d *duel) requireCovered(t *testing.T) {
	t.Helper()
	if d.calls < 10*defaultOps {
		return
	}
	var missing []string
	for _, want := range []string{
		"create 0", "create -101", "create -102", "create -108", "create -110", "create -114", "create -5", "create -8", "create2 0", "createContainer 0", "createTTL 0",
		"delete 0", "delete -101", "delete -102", "delete -103", "delete -111", "exists 0", "getData 0", "getData -102", "setData 0", "setData -102", "setData -103",
		"getACL 0", "getACL -102", "setACL 0", "setACL -102", "setACL -103", "setACL -114", "getChildren 0", "getChildren2 0", "sync 0", "multi done", "multi rolled back", "multi -5", "multiRead 0",
		"setWatches 0", "setWatches2 0", "addWatch 0", "checkWatches 0", "checkWatches -121", "removeWatches 0", "removeWatches -121", "getEphemerals 0",
		"getAllChildrenNumber 0", "whoAmI 0", "auth 0", "auth -115", "ping 0", "closeSession 0", "reconfig -123", event, opened, closed,
	} {
		if d.counts[want] == 0 {
			missing = append(missing, want)
		}
	}
	require.Empty(t, missing, "never came in %d calls", d.calls)
}

// summary says how often each operation succeeded and failed.
func (d *duel) summary() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(d.counts)) {
		if strings.Contains(name, " ") {
			list = append(list, fmt.Sprintf("%s: %d", name, d.counts[name]))
		}
	}
	return strings.Join(list, ", ")
}

func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 0, 64)
	require.NoError(t, err, name)
	return n
}

// realServer starts a ZooKeeper whose clocks stay out of the comparison: sessions outlive the test, and nothing is reaped. It does not wait for its disk.
func realServer(t *testing.T) string {
	t.Helper()
	flags := append(ensemble.DefaultJVMFlags(), "-Dzookeeper.extendedTypesEnabled=true", "-Dzookeeper.forceSync=no", "-Dznode.container.checkIntervalMs=86400000")
	zk := ensemble.Run(t, ensemble.Config{JVMFlags: flags, Tick: 2 * time.Second, MinSession: minSession, MaxSession: maxSession})
	return zk.Addrs()[0]
}
