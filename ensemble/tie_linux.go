package ensemble

import (
	"os/exec"
	"syscall"
)

// startTied starts cmd so that the kernel kills it when this process dies, however it dies. The caller is locked to its thread and stays so
// until the child has ended. The child gets a process group of its own: a Ctrl-C on the terminal is for us, and we stop the server in order.
func startTied(cmd *exec.Cmd) (release func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return func() {}, cmd.Start()
}
