//go:build unix

package child

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSweepTakesOnlyWhatTheDeadLeft(t *testing.T) {
	tmp := t.TempDir()
	me := Self()
	require.True(t, isAlive(t, me.pid))
	require.False(t, me.IsDead())
	dead := Owner{host: me.host, pid: 1 << 30, start: 1} // Above any number that a kernel gives.
	name := func(o Owner) string { return dirPrefix("test") + o.String() + "-123" }

	mine, err := MakeDir(tmp, "test")
	require.NoError(t, err)
	got, ok := dirOwner(filepath.Base(mine), "test")
	require.True(t, ok)
	require.Equal(t, me, got)

	gone := []string{name(dead)}
	kept := []string{
		filepath.Base(mine),
		name(Owner{host: "00000000", pid: dead.pid, start: 1}), // Of another host: nothing is known of its processes.
		dirPrefix("test") + "something-else",
		"other",
	}
	if me.start != 0 {
		gone = append(gone, name(Owner{host: me.host, pid: me.pid, start: me.start + 1})) // Our number, when it was another's.
	}
	for _, d := range append(append([]string{}, gone...), kept[1:]...) {
		require.NoError(t, os.MkdirAll(filepath.Join(tmp, d, "1", "data"), 0o700))
	}
	file := dirPrefix("test") + fmt.Sprintf("%s-%d-1-9", me.host, dead.pid)
	require.NoError(t, os.WriteFile(filepath.Join(tmp, file), nil, 0o600))
	link := dirPrefix("test") + fmt.Sprintf("%s-%d-1-8", me.host, dead.pid)
	require.NoError(t, os.Symlink(filepath.Join(tmp, "other"), filepath.Join(tmp, link)))

	SweepDirs(tmp, "test", slog.New(slog.DiscardHandler))
	for _, d := range gone {
		require.NoDirExists(t, filepath.Join(tmp, d))
	}
	for _, d := range kept {
		require.DirExists(t, filepath.Join(tmp, d))
	}
	require.FileExists(t, filepath.Join(tmp, file))
	_, err = os.Readlink(filepath.Join(tmp, link))
	require.NoError(t, err)
	SweepDirs(filepath.Join(tmp, "no such directory"), "test", slog.New(slog.DiscardHandler))
}
