package stores

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/internal/child"
	"github.com/zkkit/zkkit/internal/docker"
)

// withDocker skips a test unless containers are asked for. Then an engine and the images must be there: nothing is pulled.
func withDocker(t *testing.T) *docker.Engine {
	t.Helper()
	if !required("docker") {
		t.Skip("containers take longer than all other tests together: ZKKIT_REQUIRE=docker has them started")
	}
	e, err := docker.Connect(t.Context())
	if err == nil {
		t.Cleanup(func() { _ = e.Close() })
		_, err = e.Image(t.Context(), imageOf("", "redis", DefaultRedisImage), false)
	}
	if err == nil {
		_, err = e.Image(t.Context(), imageOf("", "postgres", DefaultPostgresImage), false)
	}
	require.NoError(t, err)
	return e
}

// onDocker returns the names of the containers with a label, and how many volumes they have.
func onDocker(t *testing.T, e *docker.Engine, label string) (names, volumes []string) {
	t.Helper()
	list, err := e.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", label)})
	require.NoError(t, err)
	for _, c := range list.Items {
		names = append(names, c.Names...)
		for _, m := range c.Mounts {
			if m.Name != "" {
				volumes = append(volumes, m.Name)
			}
		}
	}
	return names, volumes
}

// requireNoneOnDocker fails if containers with the label are left, or any of the volumes.
func requireNoneOnDocker(t *testing.T, e *docker.Engine, label string, volumes []string) {
	t.Helper()
	names, _ := onDocker(t, e, label)
	require.Empty(t, names)
	list, err := e.VolumeList(t.Context(), client.VolumeListOptions{})
	require.NoError(t, err)
	for _, v := range list.Items {
		require.NotContains(t, volumes, v.Name)
	}
}

// Auto takes containers where nothing is installed and the images are there. All that was made is removed again.
func TestAutoWithDockerOnly(t *testing.T) {
	e := withDocker(t)
	host := e.DaemonHost()
	root := elsewhere(t)
	t.Setenv("DOCKER_HOST", host)
	r, err := StartRedis(within(t, patience), RedisConfig{Nodes: 2, root: root})
	require.NoError(t, err)
	require.Equal(t, Docker, r.Kind())
	require.Regexp(t, `^redis-server \d+\.\d+\.\d+, 2 containers of \S+$`, r.String())
	p, err := StartPostgres(within(t, patience), PostgresConfig{root: root})
	require.NoError(t, err)
	require.Equal(t, Docker, p.Kind())
	require.Regexp(t, `^PostgreSQL \d+\.\d+, a container of \S+$`, p.String())

	label := docker.OwnerLabel + "=" + child.Self().String()
	names, volumes := onDocker(t, e, label)
	require.Len(t, names, 3)
	require.NoError(t, r.Stop())
	require.NoError(t, r.Stop())
	require.NoError(t, p.Stop())
	require.NoError(t, p.Stop())
	requireNoneOnDocker(t, e, label, volumes)
}

func TestImages(t *testing.T) {
	e := withDocker(t)
	const nowhere = "127.0.0.1:1/nothing:none" // A registry that nobody runs, on this machine.
	other, err := e.Image(within(t, patience), imageOf("", "postgres", DefaultPostgresImage), false)
	require.NoError(t, err)
	_, err = StartRedis(within(t, patience), RedisConfig{Kind: Docker, Image: nowhere, NoPull: true})
	require.ErrorIs(t, err, ErrNotInstalled)
	require.EqualError(t, err, "no Redis found: no image "+nowhere+" on the engine: docker pull it, build one with docker/build, or name another one in ZKKIT_REDIS_IMAGE")

	t.Setenv("ZKKIT_POSTGRES_IMAGE", nowhere)
	_, err = StartPostgres(within(t, patience), PostgresConfig{Kind: Docker})
	require.ErrorIs(t, err, ErrNotInstalled)
	require.ErrorContains(t, err, "and cannot be pulled (")
	require.ErrorContains(t, err, "ZKKIT_POSTGRES_IMAGE")

	_, err = StartRedis(within(t, patience), RedisConfig{Kind: Docker, Image: other, NoPull: true})
	require.ErrorIs(t, err, ErrExited, "it is another program")
	require.ErrorContains(t, err, "the container of "+other)
	require.NotContains(t, err.Error(), "\n")
	names, _ := onDocker(t, e, docker.OwnerLabel+"="+child.Self().String())
	require.Empty(t, names)
}

func TestDockerStartCancelled(t *testing.T) {
	e := withDocker(t)
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 500 * time.Millisecond} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, errors.New("changed my mind"))
		p, err := StartPostgres(ctx, PostgresConfig{Kind: Docker, NoPull: true})
		cancel()
		if err == nil { // A fast machine is ready by then.
			require.NotZero(t, after)
			require.NoError(t, p.Stop())
		} else {
			require.ErrorContains(t, err, "changed my mind")
		}
		names, _ := onDocker(t, e, docker.OwnerLabel+"="+child.Self().String())
		require.Empty(t, names, after)
	}
}

// What a killed process left on the engine is removed by the next start.
func TestDockerParentKilled(t *testing.T) {
	e := withDocker(t)
	parent, words := helper(t, "docker")
	label := storesLabel + "=" + words[0]
	names, volumes := onDocker(t, e, label)
	require.Len(t, names, 1)
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	names, _ = onDocker(t, e, label)
	require.Len(t, names, 1)

	r, err := StartRedis(within(t, patience), RedisConfig{Kind: Docker, NoPull: true})
	require.NoError(t, err)
	require.NoError(t, r.Stop())
	requireNoneOnDocker(t, e, label, volumes)
}

// playDocker starts a container, says what it is marked with, and waits to be killed.
func playDocker() error {
	p, err := StartPostgres(context.Background(), PostgresConfig{Kind: Docker, NoPull: true})
	if err != nil {
		return err
	}
	fmt.Println(p.server.(*containedPostgres).of.id)
	select {}
}
