package ensemble

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/child"
	"github.com/zkkit/zkkit/partition"
)

func TestConfigThatCannotBe(t *testing.T) {
	for name, c := range map[string]Config{
		"too many servers":      {Servers: 6},
		"two planes":            {Servers: 3, Namespaces: true, Network: &partition.Network{}},
		"negative initLimit":    {InitLimit: -time.Second},
		"syncLimit of no unit":  {SyncLimit: 5},
		"negative servers":      {Servers: -1},
		"negative tick":         {Tick: -time.Second},
		"tick below 1ms":        {Tick: time.Microsecond},
		"tick of a fraction":    {Tick: 1500 * time.Microsecond},
		"negative session":      {MinSession: -time.Second},
		"sessions upside down":  {MinSession: 2 * time.Second, MaxSession: time.Second},
		"installation of nil":   {Installation: &Installation{}},
		"installation, no java": {Installation: &Installation{Classpath: []string{"a.jar"}}},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Start(t.Context(), c)
			require.ErrorIs(t, err, ErrConfig)
			require.Nil(t, e)
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	c, err := Config{}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, 1, c.Servers)
	require.Equal(t, 200*time.Millisecond, c.Tick)
	require.Equal(t, 400*time.Millisecond, c.MinSession)
	require.Equal(t, 40*time.Second, c.MaxSession)

	c, err = Config{Tick: 10 * time.Second}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, 200*time.Second, c.MaxSession)

	c, err = Config{MinSession: time.Hour}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, time.Hour, c.MaxSession)
}

// taken returns free ports, but the first time this one at that place.
func taken(port, place int) func(int) ([]int, error) {
	first := true
	return func(n int) ([]int, error) {
		ports, err := child.FreePorts(n)
		if first && err == nil {
			ports[place] = port
		}
		first = false
		return ports, err
	}
}

func TestPortTakenByAListener(t *testing.T) {
	t.Parallel()
	installed(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port

	e, err := start(within(t, patience), Config{}, taken(port, 0))
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Stop() })
	require.NotEqual(t, port, e.servers[0].ports.client)
	require.Contains(t, e.servers[0].Log(), "BindException", "the log shows the lost race")
}

// The dangerous case: something that answers like a ZooKeeper has the port.
func TestPortTakenByAnotherZooKeeper(t *testing.T) {
	t.Parallel()
	other := Run(t, Config{})
	e, err := start(within(t, patience), Config{}, taken(other.servers[0].ports.client, 0))
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Stop() })
	require.NotEqual(t, other.servers[0].ports, e.servers[0].ports)
	require.NotEqual(t, other.servers[0].PID(), e.servers[0].PID())
	_, err = other.servers[0].Mode(t.Context())
	require.NoError(t, err)
}

func TestPortTakenAlways(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	tries := 0
	_, err := start(t.Context(), Config{Installation: fakeJava(t, "echo java.net.BindException: Die Adresse wird schon verwendet; exit 1")},
		func(n int) ([]int, error) { tries++; return child.FreePorts(n) })
	require.ErrorIs(t, err, errPortTaken)
	require.ErrorIs(t, err, ErrExited)
	require.Equal(t, portAttempts, tries)
	requireEmpty(t, tmp)
}

// A server that says nothing when it ends is believed to have lost its port when another process has it.
func TestPortTakenAndNothingSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	pick, tries := taken(l.Addr().(*net.TCPAddr).Port, 0), 0
	_, err = start(t.Context(), Config{Installation: fakeJava(t, "exit 1")}, func(n int) ([]int, error) { tries++; return pick(n) })
	require.ErrorIs(t, err, ErrExited)
	require.NotErrorIs(t, err, errPortTaken, "the second port was free")
	require.Equal(t, 2, tries)
}

func TestNoPort(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	none := errors.New("none left")
	_, err := start(t.Context(), Config{Installation: fakeJava(t, "exit 1")}, func(int) ([]int, error) { return nil, none })
	require.ErrorIs(t, err, none)
	requireEmpty(t, tmp)
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), dirKind)
	}
}

func TestBrokenJavaPath(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	inst := &Installation{Classpath: []string{"zookeeper.jar"}, Java: "/nowhere/bin/java"}
	_, err := Start(t.Context(), Config{Installation: inst})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "/nowhere/bin/java")
	requireEmpty(t, tmp)
}

func TestServerThatDies(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	_, err := Start(t.Context(), Config{Installation: fakeJava(t, "seq 1 100; echo out of luck >&2; exit 7")})
	require.ErrorIs(t, err, ErrExited)
	require.NotErrorIs(t, err, errPortTaken)
	exit, ok := errors.AsType[*ExitError](err)
	require.True(t, ok)
	lines := strings.Split(exit.Log, "\n")
	require.Len(t, lines, exitLogLines)
	require.Equal(t, "out of luck", lines[exitLogLines-1])
	require.ErrorContains(t, err, "out of luck")
	status, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok)
	require.Equal(t, 7, status.ExitCode())
	requireEmpty(t, tmp)

	_, err = Start(t.Context(), Config{Installation: fakeJava(t, "exit 7")})
	require.ErrorContains(t, err, "it wrote nothing")
}

func TestBrokenFlag(t *testing.T) {
	t.Parallel()
	installed(t)
	_, err := Start(within(t, patience), Config{JVMFlags: []string{"-XX:NoSuchFlag"}})
	require.ErrorIs(t, err, ErrExited)
	require.ErrorContains(t, err, "NoSuchFlag")
}

func TestDataDirThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Start(t.Context(), Config{DataDir: file, Installation: fakeJava(t, "exit 7")})
	require.ErrorContains(t, err, "data directory")
}

func TestDataOfAnotherSize(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"1", "2", "3"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, n, "data", "version-2"), 0o700))
	}
	_, err := Start(t.Context(), Config{Servers: 5, DataDir: dir, Installation: fakeJava(t, "exit 7")})
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, "5 servers on the data of 3")
	require.DirExists(t, filepath.Join(dir, "3"))
	_, err = Start(t.Context(), Config{Servers: 3, DataDir: dir, Installation: fakeJava(t, "exit 7")})
	require.ErrorIs(t, err, ErrExited)
}
