//go:build unix && !linux

package child

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// Tie starts cmd with a watchdog beside it that kills it when this process dies, however it dies. The child gets a process group of
// its own: a Ctrl-C on the terminal is for us, and we stop the child in order. release is to be called once the child has ended and was waited for.
func Tie(cmd *exec.Cmd) (release func(), err error) {
	own(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return guard(cmd)
}

// TieBy is [Tie] with another signal, for a server that has something of its own to put away, and which that signal makes do so at once.
func TieBy(cmd *exec.Cmd, sig os.Signal) (release func(), err error) {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return nil, fmt.Errorf("%v is no signal", sig)
	}
	own(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	release, err = watch(s, strconv.Itoa(cmd.Process.Pid))
	if err != nil {
		killGroup(cmd.Process)
		_ = cmd.Wait()
		return nil, err
	}
	return release, nil
}

func tieGroup(cmd *exec.Cmd) (release func(), err error) { return Tie(cmd) }
