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
	return watch(syscall.SIGKILL, "-"+strconv.Itoa(group))
}

// watchPaused lets stopped processes go on when this one has died. Their parent is one of them: until then no other process can have their numbers.
func watchPaused(pids []int) (release func(), err error) {
	numbers := make([]string, len(pids))
	for i, pid := range pids {
		numbers[i] = strconv.Itoa(pid)
	}
	return watch(syscall.SIGCONT, numbers...)
}

// watch starts the shell that sends the signal to processes, or groups, which kill has a minus for.
func watch(sig syscall.Signal, targets ...string) (release func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	script := `read -r _; sig=$1; shift; for p; do kill -s "$sig" -- "$p" 2>/dev/null; done`
	sh := exec.Command("/bin/sh", append([]string{"-c", script, "sh", strconv.Itoa(int(sig))}, targets...)...)
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
