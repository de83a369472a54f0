//go:build unix

package child

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// own gives cmd a process group of its own, whose number is that of its process.
func own(cmd *exec.Cmd) *syscall.SysProcAttr {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	return cmd.SysProcAttr
}

// guard sets the watchdog on a command that was started, or kills it.
func guard(cmd *exec.Cmd) (release func(), err error) {
	release, err = Watch(cmd.Process.Pid)
	if err != nil {
		killGroup(cmd.Process)
		_ = cmd.Wait()
		return nil, err
	}
	return release, nil
}

// Watch starts a shell that waits on a pipe which only this process holds open, and kills the process group when that pipe breaks: when this process has died, however
// it died. Once the group has ended, release ends the shell, without killing what may have the number by then.
func Watch(group int) (release func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	sh := exec.Command("/bin/sh", "-c", `read -r _; kill -KILL "-$1" 2>/dev/null`, "sh", strconv.Itoa(group))
	sh.Stdin = r
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := sh.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	return func() {
		_ = sh.Process.Kill() // Before the pipe is closed, or it would fire.
		_ = sh.Wait()
		w.Close()
	}, nil
}

// signalGroup sends a signal to all of the group, and SIGCONT after it, since a stopped process does not get the first one.
func signalGroup(p *os.Process, sig os.Signal) {
	if s, ok := sig.(syscall.Signal); ok {
		_ = syscall.Kill(-p.Pid, s)
		_ = syscall.Kill(-p.Pid, syscall.SIGCONT)
	}
}

// killGroup kills all of the group, and reports whether there was anything to kill.
func killGroup(p *os.Process) bool { return syscall.Kill(-p.Pid, syscall.SIGKILL) == nil }
