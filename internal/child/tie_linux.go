package child

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Tie starts cmd so that it is killed when this process dies, however it dies. The child gets a process group of its own: a Ctrl-C on the terminal is for us,
// and we stop the child in order. release is to be called once the child has ended and was waited for.
//
// The kernel sends the signal of a dying parent when the *thread* dies that forked the child. So the caller is locked to its thread, see
// [runtime.LockOSThread], and stays so until the child has ended.
func Tie(cmd *exec.Cmd) (release func(), err error) { return TieBy(cmd, syscall.SIGKILL) }

// TieBy is [Tie] with another signal, for a server that has something of its own to put away, and which that signal makes do so at once.
func TieBy(cmd *exec.Cmd, sig os.Signal) (release func(), err error) {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return nil, fmt.Errorf("%v is no signal", sig)
	}
	own(cmd).Pdeathsig = s
	return func() {}, cmd.Start()
}

// tieGroup does the same for all of the group. What the child starts has another parent than us, so that the kernel's signal does not reach it.
func tieGroup(cmd *exec.Cmd) (release func(), err error) {
	if _, err := Tie(cmd); err != nil {
		return nil, err
	}
	return guard(cmd)
}
