package ensemble

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireNoDevice fails the test if this machine keeps an interface that this process has made. Where ip failed to remove one, the kernel does so a moment later.
func requireNoDevice(t *testing.T) {
	t.Helper()
	ip, err := findIP()
	require.NoError(t, err)
	var left []string
	require.Eventually(t, func() bool {
		said, err := exec.Command(ip, "link").CombinedOutput()
		left = nil
		for line := range strings.Lines(string(said)) {
			if strings.Contains(line, fmt.Sprintf("zkkit-ensemble-pid-%d\n", os.Getpid())) {
				left = append(left, line)
			}
		}
		return err == nil && len(left) == 0
	}, patience, probeEvery, "%v", left)
}

func device(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

func TestFabricComesAndGoes(t *testing.T) {
	namespaces(t)
	requireNoDevice(t)
	a, err := newFabric(t.Context())
	require.NoError(t, err)
	defer a.close()
	b, err := newFabric(t.Context())
	require.NoError(t, err)
	defer b.close()
	require.False(t, a.prefix.Overlaps(b.prefix))
	require.True(t, testNet.Contains(a.prefix.Addr()))
	used, err := usedPrefixes()
	require.NoError(t, err)
	require.Contains(t, used, a.prefix, "which is how a third would know")
	require.True(t, device(a.device))
	said, err := exec.Command(a.ip, "link").CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(said), fmt.Sprintf("zkkit-ensemble-pid-%d\n", os.Getpid()), "which requireNoDevice would find")

	s, err := a.site(t.Context(), "one")
	require.NoError(t, err)
	_, err = a.site(t.Context(), "one")
	require.ErrorIs(t, err, ErrConfig)
	_, err = a.site(t.Context(), "")
	require.ErrorIs(t, err, ErrConfig)
	require.Equal(t, "one", s.Name())
	require.True(t, a.prefix.Contains(s.Addr()))

	a.close()
	a.close()
	require.False(t, device(a.device))
	_, err = a.site(t.Context(), "two")
	require.ErrorIs(t, err, ErrStopped)
	require.ErrorIs(t, a.cut(t.Context(), pairs([]*Site{s}, []*Site{a.here})), ErrStopped)
	require.NoError(t, a.heal(t.Context()))
	require.True(t, device(b.device), "the other one is still there")
	b.close()
	requireNoDevice(t)
}

// ip fails at its first call, at its second, and so on. Whenever it does, nothing is left, and the error says what is missing.
func TestFabricThatFailsHalfWay(t *testing.T) {
	namespaces(t)
	genuine, err := findIP()
	require.NoError(t, err)
	bin := t.TempDir()
	count := filepath.Join(bin, "count")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "ip"), []byte(fmt.Sprintf(`#!/bin/sh
n=$(($(cat %[1]s) - 1)); echo $n >%[1]s
if [ $n = 0 ]; then echo out of order; exit 1; fi
exec %[2]s "$@"
`, count, genuine)), 0o700))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	failures := 0
	for n := 1; ; n++ {
		require.NoError(t, os.WriteFile(count, []byte(fmt.Sprint(n)), 0o600))
		err := CanNamespaces(t.Context())
		requireNoDevice(t)
		if err == nil {
			break
		}
		failures++
		require.ErrorContains(t, err, "out of order")
	}
	require.Greater(t, failures, 5)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("changed my mind"))
	require.ErrorContains(t, CanNamespaces(ctx), "changed my mind")
	requireNoDevice(t)
}

func TestNoNamespaces(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{syscall.EPERM, "run it as root"},
		{errors.ErrUnsupported, "lacks Linux"},
		{syscall.ENOSPC, "CONFIG_NET_NS"},
	} {
		err := noNamespace(fmt.Errorf("tried: %w", c.err))
		require.ErrorIs(t, err, ErrNoNamespaces)
		require.ErrorIs(t, err, c.err)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestRoutes(t *testing.T) {
	table := "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n" +
		"tun0\t000012C6\t00000000\t0001\t0\t0\t0\t0000FEFF\t0\t0\t0\n"
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16"), testNet}, routes(table))
}

// ctx ends at several moments of a start. In none of them may an interface or a directory be left.
func TestStartWithNamespacesCancelled(t *testing.T) {
	namespaces(t)
	installed(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 15 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond, 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, errors.New("changed my mind"))
		e, err := Start(ctx, Config{Servers: 3, Namespaces: true})
		cancel()
		if err == nil { // A fast machine.
			require.NoError(t, e.Stop())
		} else {
			require.ErrorContains(t, err, "changed my mind")
		}
		requireNoDevice(t)
		requireEmpty(t, tmp)
	}
}

// What is cut and isolated must be there, and be two sides.
func TestCutsThatCannotBe(t *testing.T) {
	t.Parallel()
	e := Run(t, Config{})
	require.Nil(t, e.Here())
	require.Nil(t, e.servers[0].Site())
	require.NoError(t, e.Heal(t.Context()))
	require.ErrorIs(t, e.Cut(t.Context(), nil, nil), ErrConfig)
	require.ErrorIs(t, e.CutOneWay(t.Context(), nil, nil), ErrConfig)
	require.ErrorIs(t, e.Isolate(t.Context(), e.servers[0]), ErrConfig)
	_, err := e.Client(t.Context(), "c")
	require.ErrorIs(t, err, ErrConfig)
}

// A parent that is killed leaves neither a server nor an interface.
func TestParentWithNamespacesKilled(t *testing.T) {
	namespaces(t)
	installed(t)
	t.Setenv("TMPDIR", t.TempDir())
	parent, pid, name := helper(t, "namespaces")
	require.True(t, isAlive(pid))
	require.True(t, device(name))
	require.True(t, strings.HasPrefix(name, "zk"))
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	requireGone(t, pid)
	require.Eventually(t, func() bool { return !device(name) }, patience, probeEvery)
}
