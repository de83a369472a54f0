//go:build unix && !linux

package child

import "os/exec"

// Tie starts cmd with a watchdog beside it that kills it when this process dies, however it dies. The child gets a process group of
// its own: a Ctrl-C on the terminal is for us, and we stop the child in order. release is to be called once the child has ended and was waited for.
func Tie(cmd *exec.Cmd) (release func(), err error) {
	own(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return guard(cmd)
}

func tieGroup(cmd *exec.Cmd) (release func(), err error) { return Tie(cmd) }
