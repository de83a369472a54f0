package ensemble

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
)

// run3 starts three servers with sessions and limits that are short, and yet long enough for a busy machine.
func run3(t *testing.T) *Ensemble {
	t.Helper()
	return Run(t, Config{Servers: 3})
}

// awaitLeader waits until somebody leads who is not one of these, and returns it.
func awaitLeader(t *testing.T, e *Ensemble, not ...*Server) *Server {
	t.Helper()
	var leader *Server
	require.Eventually(t, func() bool {
		var err error
		leader, err = e.Leader(t.Context())
		for _, s := range not {
			if s == leader {
				return false
			}
		}
		return err == nil
	}, patience, 10*time.Millisecond, "nobody leads")
	return leader
}

// awaitFollower waits until the server follows.
func awaitFollower(t *testing.T, s *Server) {
	t.Helper()
	require.Eventually(t, func() bool {
		mode, err := s.Mode(t.Context())
		return err == nil && mode == "follower"
	}, patience, 10*time.Millisecond, "server %d does not follow", s.number)
}

// connect opens a session with these servers only.
func connect(t *testing.T, servers ...*Server) *session.Session {
	t.Helper()
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Addr())
	}
	c, err := session.Open(within(t, patience), session.Config{Servers: addrs, Timeout: 20 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	live, err := c.Session(within(t, patience))
	require.NoError(t, err)
	return live
}

// others returns the servers that are not these.
func others(e *Ensemble, not ...*Server) []*Server {
	var rest []*Server
	for _, s := range e.servers {
		isOne := false
		for _, n := range not {
			isOne = isOne || n == s
		}
		if !isOne {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestEachNumberOfServers(t *testing.T) {
	installed(t)
	for n := 2; n <= maxServers; n++ {
		began := time.Now()
		e := Run(t, Config{Servers: n, SyncLimit: 10 * time.Second}) // So that no election comes between the questions.
		t.Logf("%d servers served after %v", n, time.Since(began).Round(time.Millisecond))
		require.Len(t, e.Addrs(), n)
		leaders := 0
		for i, s := range e.Servers() {
			require.Equal(t, i+1, s.Number())
			require.True(t, isAlive(s.PID()))
			mode, err := s.Mode(t.Context())
			require.NoError(t, err)
			if mode == "leader" {
				leaders++
				leader, err := e.Leader(t.Context())
				require.NoError(t, err)
				require.Same(t, s, leader)
			} else {
				require.Equal(t, "follower", mode)
			}
		}
		require.Equal(t, 1, leaders)

		// What is written through the first is read through the last.
		first, last := connect(t, e.servers[0]), connect(t, e.servers[n-1])
		_, err := first.Create(t.Context(), "/hello", []byte("world"), session.Persistent, nil)
		require.NoError(t, err)
		require.NoError(t, last.Sync(t.Context(), "/"))
		data, _, err := last.Get(t.Context(), "/hello")
		require.NoError(t, err)
		require.Equal(t, "world", string(data))

		require.NoError(t, e.Stop())
		require.NoDirExists(t, e.dir)
		for _, s := range e.servers {
			require.Zero(t, s.PID())
		}
	}
}

func TestLeaderOfOne(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{})
	leader, err := e.Leader(t.Context())
	require.NoError(t, err)
	require.Same(t, e.servers[0], leader)
	require.NoError(t, leader.Kill())
	_, err = e.Leader(t.Context())
	require.ErrorIs(t, err, ErrNoLeader)
	require.ErrorContains(t, err, "server 1: ")
}

func TestLeaderKilledAndPaused(t *testing.T) {
	t.Parallel()
	e := run3(t)
	first := awaitLeader(t, e)
	require.NoError(t, first.Kill())
	second := awaitLeader(t, e, first)
	require.NoError(t, first.Restart(within(t, patience)))
	awaitFollower(t, first)

	require.NoError(t, second.Pause())
	third := awaitLeader(t, e, second)
	require.NotSame(t, second, third)
	require.NoError(t, second.Resume())
	awaitFollower(t, second)
	require.Same(t, third, awaitLeader(t, e))
}

func TestStopOneAndRestart(t *testing.T) {
	t.Parallel()
	e := run3(t)
	s := others(e, awaitLeader(t, e))[0]
	addr, pid, done := s.Addr(), s.PID(), s.Done()
	require.NoError(t, s.Stop())
	requireClosed(t, done)
	require.False(t, isAlive(pid))
	require.ErrorIs(t, s.Stop(), ErrNotRunning)
	require.ErrorIs(t, s.Kill(), ErrNotRunning)
	require.ErrorIs(t, s.Pause(), ErrNotRunning)
	require.Len(t, e.Servers(), 3)

	require.NoError(t, s.Restart(within(t, patience)))
	require.Equal(t, addr, s.Addr())
	awaitFollower(t, s)
}

// Without a quorum nobody leads and no server can be brought back alone; several can, and then all that was written is there.
func TestWithoutAQuorum(t *testing.T) {
	t.Parallel()
	e := run3(t)
	live := connect(t, e.servers...)
	_, err := live.Create(t.Context(), "/kept", nil, session.Persistent, nil)
	require.NoError(t, err)
	for _, s := range e.servers {
		require.NoError(t, s.Kill())
	}
	_, err = e.Leader(t.Context())
	require.ErrorIs(t, err, ErrNoLeader)
	ctx, cancel := context.WithCancelCause(t.Context())
	alone := make(chan error, 1)
	go func() { alone <- e.servers[0].Restart(ctx) }()
	require.Eventually(t, func() bool {
		srvr, err := e.servers[0].ask(t.Context(), "srvr")
		return err == nil && modeOf(srvr) == ""
	}, patience, 10*time.Millisecond, "it answers, and does not serve")
	_, err = e.servers[0].Mode(t.Context())
	require.ErrorContains(t, err, "does not serve")
	cancel(errors.New("not alone"))
	require.ErrorContains(t, <-alone, "not alone")
	require.Zero(t, e.servers[0].PID())

	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { errs[i] = e.servers[i].Restart(within(t, patience)) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	stat, err := connect(t, e.servers[0]).Exists(t.Context(), "/kept")
	require.NoError(t, err)
	require.NotNil(t, stat)
}

// Stop does not wait for a server that cannot come back.
func TestStopEndsARestart(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{Servers: 2})
	for _, s := range e.servers {
		require.NoError(t, s.Kill())
	}
	alone := make(chan error, 1)
	go func() { alone <- e.servers[0].Restart(t.Context()) }()
	require.Eventually(t, func() bool { _, err := e.servers[0].ask(t.Context(), "srvr"); return err == nil }, patience, 10*time.Millisecond)
	require.NoError(t, e.Stop())
	require.ErrorIs(t, <-alone, ErrStopped)
	require.NoDirExists(t, e.dir)
	require.Zero(t, e.servers[0].PID())
}

func TestPortOfAPeerTaken(t *testing.T) {
	installed(t)
	for name, place := range map[string]int{"client": 1, "quorum, of one who leads": 7, "quorum, of one who follows": 3, "election": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			port := l.Addr().(*net.TCPAddr).Port
			e, err := start(within(t, patience), Config{Servers: 3}, taken(port, place))
			require.NoError(t, err)
			t.Cleanup(func() { _ = e.Stop() })
			for _, s := range e.servers {
				require.NotContains(t, []int{s.ports.client, s.ports.quorum, s.ports.election}, port)
			}
		})
	}
}

// One member dies, the others wait for it: nothing of them may be left.
func TestOneMemberDies(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	_, err := Start(within(t, patience), Config{Servers: 3, Installation: fakeJava(t, `case $PWD in */2) echo out of luck; exit 7;; esac; exec sleep 600`)})
	require.ErrorIs(t, err, ErrExited)
	require.ErrorContains(t, err, "server 2: exit status 7")
	require.ErrorContains(t, err, "out of luck")
	requireEmpty(t, tmp)
	require.Empty(t, processesThatName(t, tmp))
}

// A parent that is killed takes all servers along, and the next start removes their data.
func TestParentOfSeveralKilled(t *testing.T) {
	installed(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	parent, _, dir := helper(t, "servers")
	if _, err := os.Stat("/proc/self/cmdline"); err == nil {
		require.Len(t, processesThatName(t, dir), 3)
	}
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	require.Eventually(t, func() bool { return len(processesThatName(t, dir)) == 0 }, patience, 5*time.Millisecond)
	require.NotZero(t, Run(t, Config{}).servers[0].PID())
	require.NoDirExists(t, dir)
	require.Equal(t, tmp, filepath.Dir(dir))
}
