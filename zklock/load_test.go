package zklock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/partition"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// A load is the players and the referee of the random stories, on a real ensemble and in real time, and one client more, "A", that the test itself plays.
type load struct {
	*plot
	servers *ensemble.Ensemble
	net     *partition.Network // The ways of A to each server.
	a       *player
	tooLong context.CancelCauseFunc
}

// newLoad lets that many clients, and A, compete for one lock.
func newLoad(t *testing.T, clients int, heedless bool) *load {
	t.Helper()
	zk := ensemble.Run(t, ensemble.Config{Servers: 3, Tick: tick})
	s := newStageOn(t, zk)
	s.mkdir()
	l := &load{servers: zk, net: partition.Run(t, nil), plot: &plot{
		virtual: &virtual{stage: s}, seed: uint64(time.Now().UnixNano()), heedless: heedless, brisk: 4,
		r: newReferee(nil), resource: new(fence.Memory[[]fence.Token]), stop: make(chan struct{}), acknowledged: make(map[fence.Token]int),
	}}
	if heedless {
		l.resource = new(unfenced)
	}
	l.bound, l.tooLong = context.WithCancelCause(context.WithoutCancel(t.Context())) // Which ends before the players are done.
	var ways []string
	for i, addr := range zk.Addrs() {
		link, err := l.net.Link(t.Context(), fmt.Sprintf("A-zk%d", i+1), addr)
		require.NoError(t, err)
		ways = append(ways, link.Addr())
	}
	l.a = &player{p: l.plot, who: "A", m: s.mutex(s.open("", func(cfg *session.Config) { cfg.Servers = ways })), rnd: l.random()}
	for i := range clients {
		x := &player{p: l.plot, who: fmt.Sprintf("%c", 'B'+i), m: s.mutex(s.open("")), rnd: l.random()}
		l.wg.Go(x.run)
	}
	t.Cleanup(l.finish) // Before the clients are closed, also when the test has failed half-way.
	return l
}

// finish ends the faults, lets everybody have the lock once more, and waits until all have had it.
func (l *load) finish() {
	select {
	case <-l.stop:
		return
	default:
		close(l.stop)
	}
	late := time.AfterFunc(2*patience, func() { l.tooLong(errTooLong) })
	defer late.Stop()
	l.wg.Wait()
}

// goesOn waits until the lock has been granted that many times more. That nobody gets it is what a stuck lock looks like.
func (l *load) goesOn(grants int) {
	l.t.Helper()
	granted := func() int {
		l.r.mu.Lock()
		defer l.r.mu.Unlock()
		return l.r.told["grant"]
	}
	before := granted()
	l.eventually(func() bool { return granted() >= before+grants }, "the lock is stuck")
}

// leader waits until somebody leads who is not that one.
func (l *load) leader(not *ensemble.Server) *ensemble.Server {
	l.t.Helper()
	var leader *ensemble.Server
	l.eventually(func() bool {
		var err error
		leader, err = l.servers.Leader(l.ctx())
		return err == nil && leader != not
	}, "nobody leads")
	return leader
}

// cutHolderOff has A take the lock, cuts it off from all servers until another has the lock and has written, and lets it write then, as one does who has not looked.
func (l *load) cutHolderOff() {
	l.t.Helper()
	h, err := l.a.m.Lock(l.bound)
	for errors.Is(err, zklock.ErrLost) { // A session may end while the servers do.
		h, err = l.a.m.Lock(l.bound)
	}
	require.NoError(l.t, err)
	c := &claim{who: "A", path: h.Path(), token: h.Token(), believes: func() bool { return l.heedless || h.Err() == nil }}
	l.r.granted(c)
	l.a.write(c, true)
	for _, link := range l.net.Links() {
		link.MustCut(l.t, partition.Drop, partition.Both)
	}
	l.r.note("A is cut off")
	l.eventually(func() bool {
		history := l.resource.Peek(ledger).Value
		return len(history) > 0 && c.token.Less(history[len(history)-1])
	}, "nobody else writes")
	l.a.tell(h)
	for range 10 { // Half of its writes it does after a look.
		l.a.write(c, false)
	}
	require.NoError(l.t, l.net.Heal(l.ctx()))
	require.ErrorIs(l.t, h.Unlock(l.ctx()), zklock.ErrLost)
	l.r.note("A is back")
}

// Eight clients and one more compete for a lock while its servers are killed, stopped and restarted, and a holder is cut off. Nobody believes in a lock that another has, the resource
// takes no stale write, and when all is well again everybody gets the lock, and nothing is left.
func TestLoadOnThreeServers(t *testing.T) {
	l := newLoad(t, 8, false)
	began := time.Now()
	l.goesOn(10)

	killed := l.leader(nil)
	l.r.note("%s leads, and is killed", killed.Name())
	require.NoError(t, killed.Kill())
	l.leader(killed)
	l.goesOn(10)
	require.NoError(t, killed.Restart(l.ctx()))
	l.goesOn(5)

	paused := l.leader(nil)
	l.r.note("%s leads, and stands still", paused.Name())
	require.NoError(t, paused.Pause())
	time.Sleep(10 * time.Second)
	l.leader(paused)
	require.NoError(t, paused.Resume())
	l.r.note("%s goes on", paused.Name())
	l.goesOn(10)

	for _, s := range l.servers.Servers() {
		l.r.note("%s is restarted", s.Name())
		require.NoError(t, s.Restart(l.ctx()))
		l.goesOn(5)
	}
	for range 3 {
		l.cutHolderOff()
	}
	l.finish()
	l.eventually(func() bool { return len(l.children()) == 0 }, "nodes are left in the lock's directory")
	l.judge()
	require.Empty(t, l.r.verdict())

	writes := 0
	for _, n := range l.acknowledged {
		writes += n
	}
	require.NotZero(t, writes)
	require.NotZero(t, l.r.told["stale write refused"], "no stale write was tried")
	t.Logf("ran on ZooKeeper %s, for %v: %d writes acknowledged, none stale, none lost; %v", l.servers.Version(), time.Since(began).Round(time.Second), writes, l.r.told)
}

// The control: who believes until he unlocks, and writes to what looks at no token, is caught when he is cut off.
func TestLoadWithoutBelief(t *testing.T) {
	l := newLoad(t, 3, true)
	l.cutHolderOff()
	l.finish()
	l.judge()
	wrong := func(what string) bool {
		return slices.ContainsFunc(l.r.wrong, func(s string) bool { return strings.HasPrefix(s, what) })
	}
	require.True(t, wrong("two owners: A with"), "%v", l.r.wrong)
	require.True(t, wrong("stale write"), "%v", l.r.wrong)
}
