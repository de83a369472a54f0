package containers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/internal/docker"
	"github.com/zkkit/zkkit/session"
)

// patience is how long a test waits for what should not take long. It bounds hangs and measures nothing.
const patience = 2 * time.Minute

// The test binary, executed again with this variable set, plays another process: testcontainers-go finds its engine once in each.
const helperEnv = "CONTAINERS_TEST_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "start": // Starts an ensemble and waits to be killed.
		e, err := Start(context.Background(), Config{NoPull: true})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(e.id)
		select {}
	case "run": // Does what a test would on this engine, and says what became of it.
		var r recorder
		Run(&r, Config{})
		fmt.Printf("skipped=%q failed=%q\n", r.skipped, r.failed)
	case "deserted":
		playDeserted()
	}
}

// recorder is a test that only notes what is done to it.
type recorder struct {
	skipped, failed string
	cleanups        []func()
}

func (r *recorder) Helper()                        {}
func (r *recorder) Logf(string, ...any)            {}
func (r *recorder) Cleanup(f func())               { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Skipf(format string, a ...any)  { r.skipped = fmt.Sprintf(format, a...) }
func (r *recorder) Fatalf(format string, a ...any) { r.failed = fmt.Sprintf(format, a...) }

var _ TB = testing.TB(nil)

// helper runs this binary as a process that does what mode says, and returns the process and a reader of what it prints.
func helper(t *testing.T, mode string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), helperEnv+"="+mode), env...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		kill.Stop()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

func line(t *testing.T, s *bufio.Scanner) string {
	t.Helper()
	require.True(t, s.Scan(), "it printed nothing")
	return s.Text()
}

// engineFor skips a test that calls Start itself where Run would.
func engineFor(t *testing.T) *docker.Engine {
	t.Helper()
	e, err := docker.Connect(t.Context())
	if err == nil {
		t.Cleanup(func() { _ = e.Close() })
		_, err = image(t.Context(), e, zooKeeperImage(""), false)
	}
	if (errors.Is(err, ErrNoEngine) || errors.Is(err, ErrNoImage)) && !required("docker") {
		t.Skip(err)
	}
	require.NoError(t, err)
	return e
}

// left returns the names of the containers and networks on the engine that have a label.
func left(t *testing.T, e *docker.Engine, label string) []string {
	t.Helper()
	filter := make(client.Filters).Add("label", label)
	list, err := e.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: filter})
	require.NoError(t, err)
	networks, err := e.NetworkList(t.Context(), client.NetworkListOptions{Filters: filter})
	require.NoError(t, err)
	var names []string
	for _, c := range list.Items {
		names = append(names, strings.Join(c.Names, " "))
	}
	for _, n := range networks.Items {
		names = append(names, n.Name)
	}
	return names
}

// volumes returns the names of the volumes that the containers with a label have.
func volumes(t *testing.T, e *docker.Engine, label string) []string {
	t.Helper()
	list, err := e.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", label)})
	require.NoError(t, err)
	var names []string
	for _, c := range list.Items {
		for _, m := range c.Mounts {
			if m.Name != "" {
				names = append(names, m.Name)
			}
		}
	}
	return names
}

// requireNothing fails if anything of an ensemble is left on the engine, or any of the volumes that it had.
func requireNothing(t *testing.T, e *docker.Engine, id string, volumes []string) {
	t.Helper()
	require.Empty(t, left(t, e, ensembleLabel+"="+id))
	list, err := e.VolumeList(t.Context(), client.VolumeListOptions{})
	require.NoError(t, err)
	for _, v := range list.Items {
		require.NotContains(t, volumes, v.Name)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func leader(t *testing.T, e *Ensemble) *Server {
	t.Helper()
	s, err := e.Leader(within(t))
	require.NoError(t, err)
	return s
}

// other returns a server that is none of those.
func other(e *Ensemble, than ...*Server) *Server {
	for _, s := range e.Servers() {
		found := true
		for _, t := range than {
			found = found && s != t
		}
		if found {
			return s
		}
	}
	return nil
}

// open returns a live session through addrs.
func open(t *testing.T, timeout time.Duration, addrs ...string) *session.Session {
	t.Helper()
	c, err := session.Open(within(t), session.Config{Servers: addrs, Timeout: timeout, Tick: defaultTick})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() }) // A server that is gone does not answer, and that is no failure.
	s, err := c.Session(within(t))
	require.NoError(t, err)
	require.Equal(t, timeout, s.Timeout(), "the servers grant another session")
	return s
}

// hold makes an ephemeral node that the session keeps alive by writes, as the holder of a lock does.
func hold(t *testing.T, s *session.Session, path string) *session.Lease {
	t.Helper()
	_, err := s.Create(within(t), path, nil, session.Ephemeral, nil)
	require.NoError(t, err)
	l, err := s.Lease(within(t), path)
	require.NoError(t, err)
	require.NoError(t, l.Hold(within(t)))
	return l
}

// requireGone waits until an observer on another server sees that a node is not there any more.
func requireGone(t *testing.T, observer *session.Session, path string) {
	t.Helper()
	require.Eventually(t, func() bool {
		if observer.Sync(within(t), path) != nil {
			return false
		}
		stat, err := observer.Exists(within(t), path)
		return stat == nil && (err == nil || errors.Is(err, session.ErrNoNode))
	}, patience, 20*time.Millisecond, "%s is still there", path)
}
