//go:build unix && !linux

package ensemble

import (
	"os/exec"
	"syscall"
)

// startTied starts cmd with a watchdog beside it that kills it when this process dies, however it dies. The child gets a process group of
// its own: a Ctrl-C on the terminal is for us, and we stop the server in order.
func startTied(cmd *exec.Cmd) (release func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	release, err = watch(cmd.Process.Pid)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return release, nil
}
