package containers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/child"
	"github.com/zkkit/zkkit/internal/docker"
)

// nowhere is an image of a registry that nobody runs, on this machine.
const nowhere = "127.0.0.1:1/nothing:none"

func TestImageThatIsNotThere(t *testing.T) {
	e := engineFor(t)
	for _, c := range []struct {
		config Config
		says   string
	}{
		{Config{ZooKeeperImage: nowhere, NoPull: true}, "no image " + nowhere + " on the engine: "},
		{Config{ZooKeeperImage: nowhere}, "no image " + nowhere + " on the engine and cannot be pulled ("},
		{Config{ToxiproxyImage: nowhere, NoPull: true}, "ZKKIT_TOXIPROXY_IMAGE"},
		{Config{ZooKeeperImage: "Not A Name", NoPull: true}, "no image Not A Name"},
		{Config{ZooKeeperImage: "Not A Name"}, "no image Not A Name"},
	} {
		_, err := Start(within(t), c.config)
		require.ErrorIs(t, err, ErrNoImage)
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), "\n")
	}
	require.Empty(t, left(t, e, docker.OwnerLabel+"="+child.Self().String()))
}

func TestImageFromTheEnvironment(t *testing.T) {
	engineFor(t)
	t.Setenv("ZKKIT_ZOOKEEPER_IMAGE", nowhere)
	_, err := Start(within(t), Config{NoPull: true})
	require.ErrorContains(t, err, nowhere)
	require.ErrorContains(t, err, "ZKKIT_ZOOKEEPER_IMAGE")
}

func TestRunSkipsOrFailsWithoutTheImage(t *testing.T) {
	engineFor(t)
	for words, skips := range map[string]bool{"": true, "local": true, "docker": false, "local,docker": false, "dockers": true} {
		t.Setenv("ZKKIT_REQUIRE", words)
		var r recorder
		require.Nil(t, Run(&r, Config{ZooKeeperImage: nowhere}))
		if skips {
			require.Contains(t, r.skipped, "no image "+nowhere+" on the engine: ", "it must not pull")
			require.Empty(t, r.failed)
		} else {
			require.Contains(t, r.failed, "no image "+nowhere+" on the engine and cannot be pulled")
			require.Empty(t, r.skipped)
		}
		require.Empty(t, r.cleanups)
	}
}

// Another image than that of a ZooKeeper: it ends, or it runs and never serves.
func TestImageOfSomethingElse(t *testing.T) {
	e := engineFor(t)
	const other = "zkkit/zkctl:latest"
	if _, err := e.Image(within(t), docker.ImageName{Given: other, Variable: "none"}, false); err != nil && !required("docker") {
		t.Skip(err)
	}
	_, err := Start(within(t), Config{ZooKeeperImage: other, NoPull: true})
	require.ErrorIs(t, err, ErrExited)
	exit, ok := errors.AsType[*ExitError](err)
	require.True(t, ok)
	require.Equal(t, "zk1", exit.Name)
	require.Contains(t, exit.Log, "zkctl")
	require.Empty(t, left(t, e, docker.OwnerLabel+"="+child.Self().String()))
}

func TestStartCancelled(t *testing.T) {
	e := engineFor(t)
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, time.Second} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, errors.New("changed my mind"))
		started, err := Start(ctx, Config{NoPull: true})
		cancel()
		if err == nil { // A fast machine is ready by then.
			require.GreaterOrEqual(t, after, 500*time.Millisecond)
			require.NoError(t, started.Stop())
		} else {
			require.ErrorContains(t, err, "changed my mind", after)
		}
		require.Empty(t, left(t, e, docker.OwnerLabel+"="+child.Self().String()), after)
	}
}

func TestNoEngine(t *testing.T) {
	nobody := "unix://" + filepath.Join(t.TempDir(), "nobody.sock")
	for _, c := range []struct{ host, require, want string }{
		{nobody, "", `skipped="docker: no engine answers`},
		{nobody, "docker", `skipped="" failed="docker: no engine answers`},
		{"tcp://127.0.0.1:1", "", `skipped="docker: no engine answers`},
		{"nonsense", "", `skipped="docker: no engine answers`},
	} {
		_, out := helper(t, "run", "DOCKER_HOST="+c.host, "ZKKIT_REQUIRE="+c.require)
		said := line(t, out)
		require.Contains(t, said, c.want, c.host)
		require.NotContains(t, said, `\n`, "one line")
	}
}

// The engine goes away while an ensemble is up: whoever asks for something is told so, at once, and Stop does not hang. What is left is removed
// by the next Start.
func TestEngineDiesInTheMiddle(t *testing.T) {
	e := engineFor(t)
	host := e.DaemonHost()
	if !strings.HasPrefix(host, "unix://") {
		t.Skipf("the engine is at %s: only one at a Unix socket can be played dead", host)
	}
	dir := t.TempDir()
	stop := forward(t, filepath.Join(dir, "s"), strings.TrimPrefix(host, "unix://"))
	cmd, out := helper(t, "deserted", "DOCKER_HOST=unix://"+filepath.Join(dir, "s"), "DOCKER_DIES="+filepath.Join(dir, "died"))
	said := line(t, out)
	id, up := strings.CutPrefix(said, "up ")
	require.True(t, up, said)
	disks := volumes(t, e, ensembleLabel+"="+id)
	stop()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "died"), nil, 0o600))
	for range 4 {
		require.Contains(t, line(t, out), "docker: no engine answers")
	}
	require.NoError(t, cmd.Wait())

	require.NotEmpty(t, disks)
	Run(t, Config{})
	requireNothing(t, e, id, disks)
}

// playDeserted starts an ensemble, waits until its engine is gone, and says what each operation says.
func playDeserted() {
	e, err := Start(context.Background(), Config{NoPull: true})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("up", e.id)
	ctx := context.Background()
	for {
		if _, err := os.Stat(os.Getenv("DOCKER_DIES")); err == nil {
			break
		}
		_ = docker.Wait(ctx, 5*time.Millisecond)
	}
	s := e.Servers()[0]
	for _, err := range []error{s.Pause(ctx), s.Disconnect(ctx, Both), s.Restart(ctx), e.Stop()} {
		fmt.Println(strings.ReplaceAll(fmt.Sprint(err), "\n", " | "))
	}
}

// forward carries connections to a Unix socket on to another one, until stop.
func forward(t *testing.T, from, to string) (stop func()) {
	t.Helper()
	ln, err := net.Listen("unix", from)
	require.NoError(t, err)
	conns := make(chan net.Conn, 1024)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("unix", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			conns <- c
			conns <- up
			go func() { _, _ = io.Copy(up, c); _ = up.Close() }()
			go func() { _, _ = io.Copy(c, up); _ = c.Close() }()
		}
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = ln.Close()
		<-done
		for len(conns) > 0 {
			_ = (<-conns).Close()
		}
	}
	t.Cleanup(stop)
	return stop
}

// What a killed process left behind is removed by the next start, and what a living one has is not.
func TestOwnerKilled(t *testing.T) {
	e := engineFor(t)
	parent, out := helper(t, "start")
	id := line(t, out)
	require.NotContains(t, id, "error")
	mine := ensembleLabel + "=" + id
	there := left(t, e, mine)
	disks := volumes(t, e, mine)
	require.Len(t, there, 4, "a server, a Toxiproxy, two networks")

	require.NoError(t, e.Sweep(within(t), withDiscard().Logger))
	require.ElementsMatch(t, there, left(t, e, mine), "its owner lives")

	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	Run(t, Config{})
	requireNothing(t, e, id, disks)
}

func withDiscard() Config {
	c, _ := Config{}.withDefaults()
	return c
}

func TestStopTwice(t *testing.T) {
	engineFor(t)
	e, err := Start(within(t), Config{NoPull: true})
	require.NoError(t, err)
	require.NoError(t, e.Stop())
	require.NoError(t, e.Stop())
	_, err = e.Link(within(t), "late", "zk1:2181")
	require.ErrorIs(t, err, ErrStopped)
	s := e.Servers()[0]
	for _, err := range []error{
		s.Pause(within(t)), s.Resume(within(t)), s.Kill(within(t)), s.Restart(within(t)), s.Disconnect(within(t), Both), s.Reconnect(within(t), Both),
	} {
		require.ErrorIs(t, err, ErrStopped)
	}
	_, err = s.Log(within(t))
	require.ErrorIs(t, err, ErrStopped)
}
