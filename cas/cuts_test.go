package cas_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/cas"
	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
)

// While the links of all clients are cut at random, on a real ZooKeeper, no update is lost and none is there twice, and the history of every node is that of a counter on which things happen one after the
// other, each between its call and its return. The control forgets what it has sent when it does not hear of it, and counts too much.
//
// With ZKKIT_REQUIRE=local it is 40,000 updates, and 20,000 where the race detector watches; ZKKIT_UPDATES=100000 says another number.
func TestLinksAreCut(t *testing.T) {
	zk := ensemble.Run(t, ensemble.Config{})
	updates := 5_000
	if required("local") && !testing.Short() {
		updates = 40_000
		if raced {
			updates = 20_000
		}
	}
	if n, err := strconv.Atoi(os.Getenv("ZKKIT_UPDATES")); err == nil {
		updates = n
	}
	c := newCutting(t, zk, "/whole", func(client *session.Client) cas.Register { return cas.ZooKeeper(client, nil) })
	c.run(updates)
	got := c.balance()
	t.Logf("ran on ZooKeeper %s, %d updates in %v: %d cuts, %d outcomes resolved by reading, %d sessions lost, %d combined at most; %+v",
		zk.Version(), updates, c.took.Round(time.Second), c.cuts, c.resolved.Load(), c.expired.Load(), c.most.Load(), got)
	require.Zero(t, got)
	require.NotZero(t, c.resolved.Load(), "no reply was lost: this run shows nothing")
	c.requireLinearizable()

	c = newCutting(t, zk, "/control", func(client *session.Client) cas.Register { return naive{cas.ZooKeeper(client, nil)} })
	for n := 0; n < 20 && c.balance().doubled == 0; n++ {
		c.run(5_000) // For some seconds: in less, hardly anything is cut.
	}
	t.Logf("the control: %+v", c.balance())
	require.NotZero(t, c.balance().doubled, "the control has doubled nothing: these cuts show nothing")
	require.Zero(t, c.balance().lost)
}

// A cutting is clients of one server, each behind a link that is cut, and what they were told.
type cutting struct {
	t      *testing.T
	net    *partition.Network
	stores []*cas.Store
	check  *cas.Store // behind no link
	paths  []string
	began  time.Time
	took   time.Duration
	cuts   int

	resolved, expired, most atomic.Int64

	mu      sync.Mutex // guards below
	history map[string][]porcupine.Operation
	told    map[string]int
	unknown int
}

func newCutting(t *testing.T, zk *ensemble.Ensemble, dir string, register func(*session.Client) cas.Register) *cutting {
	t.Helper()
	c := &cutting{t: t, net: partition.Run(t, nil), began: time.Now(), history: map[string][]porcupine.Operation{}, told: map[string]int{}}
	open := func(addr string) *session.Client {
		client, err := session.Open(t.Context(), session.Config{Servers: []string{addr}, Timeout: time.Second, OnState: func(ch session.Change) {
			if ch.To == session.Lost && !errors.Is(ch.Err, session.ErrClosed) {
				c.expired.Add(1)
			}
		}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		return client
	}
	for i := range 5 {
		link, err := c.net.Link(t.Context(), fmt.Sprintf("client-%d", i), zk.Addrs()[0])
		require.NoError(t, err)
		c.stores = append(c.stores, newStore(t, register(open(link.Addr())), cas.Config{Attempts: 1 << 20, Alone: i == 0, Backoff: cas.Backoff(max(0, i-2))}))
	}
	c.check = newStore(t, cas.ZooKeeper(open(zk.Addrs()[0]), nil), cas.Config{})
	for i := range 16 {
		c.paths = append(c.paths, fmt.Sprintf("%s/%d", dir, i))
	}
	return c
}

// run does that many updates, and some readings.
func (c *cutting) run(updates int) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Minute)
	defer cancel()
	cutting, stop := context.WithCancel(ctx)
	var cutters, workers sync.WaitGroup
	for i, link := range c.net.Links() {
		cutters.Go(func() { c.cut(cutting, link, rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))) })
	}
	var left atomic.Int64
	left.Store(int64(updates))
	for i, s := range c.stores {
		for j := range 24 {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(j)))
			workers.Go(func() {
				for left.Add(-1) >= 0 {
					c.update(ctx, s, i*24+j, c.paths[rnd.IntN(len(c.paths))])
				}
			})
		}
	}
	workers.Wait()
	stop()
	cutters.Wait()
	require.NoError(c.t, c.net.Heal(ctx))
	c.took += time.Since(start)
}

// cut cuts a link now and then: mostly for less than a session, sometimes for more.
func (c *cutting) cut(ctx context.Context, link *partition.Link, rnd *rand.Rand) {
	for pause(ctx, time.Duration(100+rnd.IntN(900))*time.Millisecond) {
		kind := partition.Kinds()[rnd.IntN(len(partition.Kinds()))]
		direction := partition.Both
		if kind.OneWay() {
			direction = []partition.Direction{partition.Both, partition.ToServer, partition.FromServer}[rnd.IntN(3)]
		}
		cut, err := link.Cut(context.WithoutCancel(ctx), kind, direction)
		if err != nil {
			c.t.Error(err)
			return
		}
		length := 20 + rnd.IntN(300)
		if rnd.IntN(10) == 0 {
			length = 1500
		}
		pause(ctx, time.Duration(length)*time.Millisecond)
		if err := cut.Heal(context.WithoutCancel(ctx)); err != nil {
			c.t.Error(err)
		}
		c.mu.Lock()
		c.cuts++
		c.mu.Unlock()
	}
}

// pause reports whether ctx has not ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// update adds 1, and notes what it was told.
func (c *cutting) update(ctx context.Context, s *cas.Store, client int, path string) {
	call := time.Since(c.began)
	v, stats, err := cas.Update(ctx, s, path, add(1))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.unknown++
		c.t.Log(err)
		return
	}
	c.told[path]++
	c.resolved.Add(int64(stats.Resolved))
	c.most.Store(max(c.most.Load(), int64(stats.Combined)))
	c.history[path] = append(c.history[path], porcupine.Operation{ClientId: client, Input: 1, Output: v, Call: call.Nanoseconds(), Return: time.Since(c.began).Nanoseconds()})
}

// balance compares what is in the nodes with what the clients were told.
func (c *cutting) balance() balance {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := balance{unknown: c.unknown}
	for _, path := range c.paths {
		n := get(c.t, c.check, path)
		b.lost += max(0, c.told[path]-n)
		b.doubled += max(0, n-c.told[path])
	}
	return b
}

// counting is a counter: adding returns what it has then.
var counting = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		next := state.(int) + input.(int)
		return next == output.(int), next
	},
}

func (c *cutting) requireLinearizable() {
	c.t.Helper()
	for _, path := range c.paths {
		history := c.history[path]
		require.NotEmpty(c.t, history)
		require.Equal(c.t, porcupine.Ok, porcupine.CheckOperationsTimeout(counting, history, time.Minute), path)
		if len(history) > 1 { // The checker notices if two are told the same.
			bad := slices.Clone(history)
			bad[0].Output = bad[1].Output
			require.Equal(c.t, porcupine.Illegal, porcupine.CheckOperationsTimeout(counting, bad, time.Minute), path)
		}
	}
}
