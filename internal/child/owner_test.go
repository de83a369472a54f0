package child

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOwner(t *testing.T) {
	me := Self()
	back, ok := ParseOwner(me.String())
	require.True(t, ok)
	require.Equal(t, me, back)
	require.False(t, me.IsDead())
	if me.start != 0 {
		me.start++
		require.True(t, me.IsDead(), "another process of that number")
	}
	require.Equal(t, os.Getpid(), me.pid)
	for _, label := range []string{"", "x", "deadbeef-1", "deadbeef-1-2-3", "deadbeef-99999999999999999999-1"} {
		_, ok := ParseOwner(label)
		require.False(t, ok, label)
	}
}
