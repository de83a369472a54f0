package ensemble

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
)

// The leader is isolated from its followers while its clients still reach it. It serves them until it notices; the others elect another, which gives every session a
// whole timeout from then on; and when all is healed the old one follows.
func TestLeaderIsolated(t *testing.T) {
	t.Parallel()
	namespaces(t)
	const syncLimit, timeout = 3 * time.Second, 4 * time.Second
	e := Run(t, Config{Servers: 3, Namespaces: true, SyncLimit: syncLimit})
	old := awaitLeader(t, e)
	rest := others(e, old)
	t.Logf("ran on ZooKeeper %s; %s leads", e.Version(), old.Name())

	observer := connect(t, rest...)
	reader := connect(t, old)
	c, err := session.Open(within(t, patience), session.Config{Servers: []string{old.Addr()}, Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	holder, err := c.Session(within(t, patience))
	require.NoError(t, err)
	require.Equal(t, timeout, holder.Timeout())
	made, err := holder.CreateProtected(t.Context(), "/", "n-", nil, nil)
	require.NoError(t, err)
	require.NoError(t, observer.Sync(t.Context(), "/"))
	stat, gone, err := observer.ExistsW(t.Context(), made.Path)
	require.NoError(t, err)
	require.NotNil(t, stat)

	require.NoError(t, e.Isolate(t.Context(), old))
	cut := time.Now()
	_, err = reader.Exists(within(t, patience), made.Path)
	require.NoError(t, err, "a leader that does not know yet answers")
	written := make(chan error, 1)
	ctx, giveUp := context.WithCancelCause(t.Context())
	defer giveUp(nil)
	go func() {
		_, err := holder.Create(ctx, "/through-the-old-leader", nil, session.Persistent, nil)
		written <- err
	}()

	next := awaitLeader(t, e, old)
	elected := time.Since(cut)
	require.Eventually(t, func() bool { srvr, err := old.ask(t.Context(), "srvr"); return err == nil && modeOf(srvr) == "" }, patience, 10*time.Millisecond, "the old one serves on")
	_, err = connect(t, next).Create(within(t, patience), "/meanwhile", nil, session.Persistent, nil)
	require.NoError(t, err, "the majority goes on")

	// The new leader expires the holder's session, by a clock that began when it took over.
	var deleted time.Duration
	for deleted == 0 {
		select {
		case ev := <-gone.C:
			t.Logf("the observer hears %v", ev)
		case <-time.After(50 * time.Millisecond): // Its server was without a leader too.
		case <-t.Context().Done():
			require.NoError(t, t.Context().Err())
		}
		stat, err := observer.Exists(within(t, patience), made.Path)
		require.NoError(t, err)
		if stat == nil {
			deleted = time.Since(cut)
		}
	}
	t.Logf("after the cut: another leads at %v, the holder's node is gone at %v; syncLimit %v, session %v, tick %v",
		elected.Round(time.Millisecond), deleted.Round(time.Millisecond), syncLimit, timeout, e.cfg.Tick)
	stat, err = observer.Exists(within(t, patience), "/through-the-old-leader")
	require.NoError(t, err)
	require.Nil(t, stat)
	giveUp(errors.New("enough"))
	require.Error(t, <-written)

	require.NoError(t, e.Heal(t.Context()))
	awaitFollower(t, old)

	// Cut off from this machine, it does not hear of it, but is asked how it is all the same.
	require.NoError(t, e.Cut(t.Context(), []*Site{old.Site()}, []*Site{e.Here()}))
	for range 20 {
		_, err = FourLetter(within(t, 20*time.Millisecond), old.Addr(), "srvr")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	mode, err := old.Mode(within(t, patience))
	require.NoError(t, err)
	require.Equal(t, "follower", mode)
	require.NoError(t, e.Heal(t.Context()))
	stat, err = connect(t, old).Exists(t.Context(), "/meanwhile")
	require.NoError(t, err)
	require.NotNil(t, stat)
}

// A minority of five is isolated, the leader with it, and a client that reaches only them; the control is a client on the other side.
func TestMinorityIsolated(t *testing.T) {
	t.Parallel()
	namespaces(t)
	e := Run(t, Config{Servers: 5, Namespaces: true})
	old := awaitLeader(t, e)
	minority := []*Server{old, others(e, old)[0]}
	majority := others(e, minority...)
	client, err := e.Client(t.Context(), "client")
	require.NoError(t, err)
	dial := func(servers []*Server) *session.Session {
		var addrs []string
		for _, s := range servers {
			addrs = append(addrs, s.Addr())
		}
		c, err := session.Open(within(t, patience), session.Config{Servers: addrs, Timeout: 20 * time.Second, Dial: client.DialContext})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		live, err := c.Session(within(t, patience))
		require.NoError(t, err)
		return live
	}
	few, many := dial(minority), dial(majority)
	require.NoError(t, e.Isolate(t.Context(), minority...))
	next := awaitLeader(t, e, minority...)
	require.Contains(t, majority, next)
	_, err = many.Create(within(t, patience), "/many", nil, session.Persistent, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = few.Create(ctx, "/few", nil, session.Persistent, nil)
	require.Error(t, err)
	stat, err := many.Exists(within(t, patience), "/few")
	require.NoError(t, err)
	require.Nil(t, stat)

	// Killed and brought back behind the cut, a server of the majority finds its place.
	s := others(e, append(minority, next)...)[0]
	require.NoError(t, s.Kill())
	require.NoError(t, s.Restart(within(t, patience)))

	require.NoError(t, e.Heal(t.Context()))
	for _, s := range minority {
		awaitFollower(t, s)
	}
	require.True(t, device(e.fabric.device))
	require.NoError(t, e.Stop())
	require.False(t, device(e.fabric.device))
	require.NoDirExists(t, e.dir)
}
