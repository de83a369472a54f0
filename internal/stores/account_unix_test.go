//go:build unix

package stores

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// As root, the server runs as somebody else, also where that one may not enter our own temporary directory.
func TestPostgresAsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it is about what root must do: run it as root")
	}
	t.Setenv("TMPDIR", t.TempDir())
	require.NoError(t, os.Chmod(os.TempDir(), 0o700))
	p := RunPostgres(t, PostgresConfig{})
	c := p.server.(*localPostgres).cluster
	require.True(t, c.account.other)
	require.NotZero(t, c.account.uid)
	require.NotEqual(t, os.TempDir(), filepath.Dir(c.dir))
	require.Equal(t, "1", mustQuery(t, p.DSN(), "select 1"))
	require.NoFileExists(t, filepath.Join(c.dir, "password"))
	require.NoError(t, p.Stop())
	require.NoDirExists(t, c.dir)
}

func TestCanEnter(t *testing.T) {
	below := filepath.Join(open(t), "closed", "below")
	require.NoError(t, os.MkdirAll(below, 0o755))
	stranger, me := account{uid: 12345, other: true}, account{uid: os.Geteuid(), other: true}
	require.True(t, stranger.canEnter(below))
	require.NoError(t, os.Chmod(filepath.Dir(below), 0o700))
	require.False(t, stranger.canEnter(below))
	require.True(t, me.canEnter(below))
	require.False(t, stranger.canEnter(filepath.Join(below, "nothing")))
}
