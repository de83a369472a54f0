package zklock_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/zklock"
)

const python = "/usr/bin/python3" // where Debian's packages are found

func TestKazooAndOursExcludeEachOther(t *testing.T) {
	s := newStage(t)
	if exec.Command(python, "-c", "import kazoo").Run() != nil {
		missing(t, "kazoo", "python3-kazoo not found: apt-get install python3-kazoo")
	}
	s.mkdir()
	script := "../testdata/zklock/kazoo_lock.py"
	p := s.start(python, script, s.zk.Addrs()[0], s.path)
	s.exclude(p, "__lock__")
	s.busy(p)

	require.NoError(t, p.lock())
	_, err := s.mutex(s.open("")).TryLock(s.ctx())
	var held *zklock.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, zklock.Owner{Raw: "kazoo"}, held.Owner)
	require.NoError(t, p.unlock())

	require.Zero(t, s.contend(10, p, s.start(python, script, s.zk.Addrs()[0], s.path)), "two held the lock at once")
}
