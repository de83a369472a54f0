package ensemble

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/child"
)

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	installed(t)
	e, err := Start(within(t, patience), Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Stop() })

	require.Len(t, e.Addrs(), 1)
	require.Equal(t, e.Addrs()[0], e.ConnectString())
	require.Regexp(t, `^127\.0\.0\.1:\d+$`, e.ConnectString())
	require.Regexp(t, `^\d+\.\d+\.\d+$`, e.Version())
	t.Logf("ran on ZooKeeper %s, %s", e.Version(), e.inst.Home) // For whoever asks what a run was on.
	require.True(t, isAlive(e.servers[0].PID()))
	require.NotEmpty(t, e.servers[0].Log())
	mode, err := e.servers[0].Mode(t.Context())
	require.NoError(t, err)
	require.Equal(t, "standalone", mode)

	for _, word := range []string{"srvr", "ruok", "mntr", "cons", "dump", "conf", "stat", "wchs", "wchp", "envi", "isro"} {
		_, err := FourLetter(t.Context(), e.ConnectString(), word)
		if word == "wchp" && err != nil { // Without watches its answer is empty.
			require.ErrorContains(t, err, "empty answer")
			continue
		}
		require.NoError(t, err)
	}
	_, err = FourLetter(t.Context(), e.ConnectString(), "dirs")
	require.ErrorIs(t, err, ErrNotWhitelisted)

	pid, dir, done := e.servers[0].PID(), e.dir, e.servers[0].Done()
	require.DirExists(t, dir)
	require.NoError(t, e.Stop())
	requireClosed(t, done)
	require.False(t, isAlive(pid))
	require.NoDirExists(t, dir)
	require.Zero(t, e.servers[0].PID())
	require.NotEmpty(t, e.servers[0].Log(), "the log can be read when all is over")

	require.NoError(t, e.Stop(), "stopping twice is fine")
	require.ErrorIs(t, e.servers[0].Restart(t.Context()), ErrStopped)
	require.ErrorIs(t, e.servers[0].Pause(), ErrNotRunning)
	require.ErrorIs(t, e.servers[0].Resume(), ErrNotRunning)
	require.ErrorIs(t, e.servers[0].Kill(), ErrNotRunning)
	_, err = e.servers[0].Mode(t.Context())
	require.Error(t, err)
}

func TestSettingsReachTheServer(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{Tick: 100 * time.Millisecond, MinSession: 300 * time.Millisecond, MaxSession: 5 * time.Second})
	conf, err := FourLetter(t.Context(), e.ConnectString(), "conf")
	require.NoError(t, err)
	for _, line := range []string{"tickTime=100", "minSessionTimeout=300", "maxSessionTimeout=5000", "maxClientCnxns=0"} {
		require.Contains(t, conf, line+"\n")
	}
	require.Equal(t, 300*time.Millisecond, openSession(t, e.ConnectString(), time.Millisecond))
	require.Equal(t, 5*time.Second, openSession(t, e.ConnectString(), time.Hour))
	require.Equal(t, time.Second, openSession(t, e.ConnectString(), time.Second))
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	installed(t)
	type result struct {
		e   *Ensemble
		err error
	}
	results := make(chan result, 2)
	for range 2 {
		go func() {
			e, err := Start(t.Context(), Config{})
			results <- result{e, err}
		}()
	}
	a, b := <-results, <-results
	for _, r := range []result{a, b} {
		require.NoError(t, r.err)
		t.Cleanup(func() { _ = r.e.Stop() })
	}
	require.NotEqual(t, a.e.ConnectString(), b.e.ConnectString())
	require.NotEqual(t, a.e.servers[0].PID(), b.e.servers[0].PID())

	require.NoError(t, a.e.Stop())
	mode, err := b.e.servers[0].Mode(t.Context())
	require.NoError(t, err, "stopping one does nothing to the other")
	require.Equal(t, "standalone", mode)
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{})
	openSession(t, e.ConnectString(), time.Second)
	before, addr, pid, done := zxid(t, e), e.ConnectString(), e.servers[0].PID(), e.servers[0].Done()
	require.NotZero(t, before, "the session is a transaction")

	require.NoError(t, e.servers[0].Kill())
	requireClosed(t, done)
	require.False(t, isAlive(pid))
	require.Zero(t, e.servers[0].PID())
	require.ErrorIs(t, e.servers[0].Kill(), ErrNotRunning)
	_, err := e.servers[0].Mode(within(t, patience))
	require.Error(t, err)

	require.NoError(t, e.servers[0].Restart(within(t, patience)))
	require.Equal(t, addr, e.ConnectString())
	require.NotEqual(t, pid, e.servers[0].PID())
	require.GreaterOrEqual(t, zxid(t, e), before, "the data is still there")
	select {
	case <-e.servers[0].Done():
		require.Fail(t, "the channel of the new process is closed")
	default:
	}
}

func TestRestartOfARunningServer(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{})
	openSession(t, e.ConnectString(), time.Second)
	before, pid := zxid(t, e), e.servers[0].PID()
	require.NoError(t, e.servers[0].Pause(), "one that stands still can be restarted too")
	require.NoError(t, e.servers[0].Restart(within(t, patience)))
	require.False(t, isAlive(pid))
	require.GreaterOrEqual(t, zxid(t, e), before)
}

func TestRestartThatFailsCanBeRepeated(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.servers[0].Restart(ctx), context.Canceled)
	require.Zero(t, e.servers[0].PID())
	require.NoError(t, e.servers[0].Restart(within(t, patience)))
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{})
	for range 20 {
		require.NoError(t, e.servers[0].Pause())
		state, err := child.Threads(e.servers[0].PID())
		require.NoError(t, err)
		require.Equal(t, child.StateStopped, state)

		require.NoError(t, e.servers[0].Resume())
		state, err = child.Threads(e.servers[0].PID())
		require.NoError(t, err)
		require.Equal(t, child.StateRunning, state)
	}

	require.NoError(t, e.servers[0].Pause())
	require.NoError(t, e.servers[0].Pause(), "pausing twice is fine")
	_, err := FourLetter(within(t, 300*time.Millisecond), e.ConnectString(), "srvr")
	require.ErrorIs(t, err, context.DeadlineExceeded, "it accepts, and does not answer")
	require.NoError(t, e.servers[0].Resume())
	require.NoError(t, e.servers[0].Resume(), "resuming twice is fine")
	mode, err := e.servers[0].Mode(within(t, patience))
	require.NoError(t, err)
	require.Equal(t, "standalone", mode)
}

func TestKillAndStopOfAPausedServer(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{})
	require.NoError(t, e.servers[0].Pause())
	require.NoError(t, e.servers[0].Kill())
	require.NoError(t, e.servers[0].Restart(within(t, patience)))
	require.NoError(t, e.servers[0].Pause())
	pid, p := e.servers[0].PID(), e.servers[0].current()
	require.NoError(t, e.Stop())
	require.False(t, isAlive(pid))
	require.ErrorContains(t, p.Err(), "exit status 143", "it was let go on to end in order, not killed")
}

func TestDataDirIsKept(t *testing.T) {
	t.Parallel()
	installed(t)
	dir := filepath.Join(t.TempDir(), `a b=c#d!e:f\g[*]`) // Characters that mean something to Java's properties, or to a glob.
	e, err := Start(within(t, patience), Config{DataDir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Stop() })
	openSession(t, e.ConnectString(), time.Second)
	before := zxid(t, e)
	require.NoError(t, e.Stop())
	require.DirExists(t, filepath.Join(dir, "1", "data", "version-2"))

	again := Run(t, Config{DataDir: dir})
	require.GreaterOrEqual(t, zxid(t, again), before)
}

func TestDataDirWithAnyCharacter(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8") // Java takes the encoding of file names from the locale.
	e := Run(t, Config{DataDir: filepath.Join(t.TempDir(), "Übung ☃ 𝄞")})
	require.NotZero(t, e.servers[0].PID())
}

func TestInstallationAsApachePacksIt(t *testing.T) {
	inst := installed(t)
	// A release has all its jars in lib. Here they are links to what is installed; what the manifest of ZooKeeper's jar names comes along.
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "lib"), 0o700))
	for i, jar := range inst.Classpath {
		name := filepath.Base(jar)
		if i == 0 {
			name = "zookeeper-3.8.0.jar"
		}
		require.NoError(t, os.Symlink(jar, filepath.Join(home, "lib", name)))
	}
	t.Setenv("ZOOKEEPER_HOME", home)
	found, err := Find()
	require.NoError(t, err)
	require.Equal(t, home, found.Home)
	require.Equal(t, "3.8.0", found.Version)
	require.NotZero(t, Run(t, Config{}).servers[0].PID())
}
