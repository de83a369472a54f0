package ensemble

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

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

func TestRunSkipsOrFailsWhereNothingIsInstalled(t *testing.T) {
	root := machine(t)
	t.Setenv("ZOOKEEPER_HOME", root)
	for words, skips := range map[string]bool{"": true, "docker": true, "local": false, "docker,local": false, "docker local": false, "locally": true} {
		t.Setenv("ZKKIT_REQUIRE", words)
		var r recorder
		require.Nil(t, Run(&r, Config{}))
		if skips {
			require.Contains(t, r.skipped, "no ZooKeeper found: ")
			require.Empty(t, r.failed)
		} else {
			require.Contains(t, r.failed, "no ZooKeeper found: ")
			require.Empty(t, r.skipped)
		}
		require.Empty(t, r.cleanups)
	}
}

func TestRunSkipsOrFailsWhereThereAreNoNamespaces(t *testing.T) {
	installed(t)
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "ip"), []byte("#!/bin/sh\necho out of order; exit 1\n"), 0o700))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for words, skips := range map[string]bool{"": true, "local": true, "netns": false, "local,netns": false} {
		t.Setenv("ZKKIT_REQUIRE", words)
		var r recorder
		require.Nil(t, Run(&r, Config{Servers: 3, Namespaces: true}))
		if skips {
			require.Contains(t, r.skipped, "no network namespaces: ")
			require.Empty(t, r.failed)
		} else {
			require.Contains(t, r.failed, "no network namespaces: ")
			require.Empty(t, r.skipped)
		}
	}
}

func TestRunFailsForAnyOtherReason(t *testing.T) {
	t.Setenv("ZKKIT_REQUIRE", "")
	var r recorder
	require.Nil(t, Run(&r, Config{Servers: 9}))
	require.Contains(t, r.failed, "9 servers")
	require.Empty(t, r.skipped)
}

func TestRunStopsWhenTheTestEnds(t *testing.T) {
	t.Parallel()
	installed(t)
	var r recorder
	e := Run(&r, Config{})
	require.Empty(t, r.failed)
	require.Len(t, r.cleanups, 1)
	pid := e.servers[0].PID()
	require.True(t, isAlive(pid))
	r.cleanups[0]()
	require.False(t, isAlive(pid))
	require.NoDirExists(t, e.dir)
}
