//go:build unix

package ensemble

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// watch starts a shell that waits on a pipe which only this process holds open, and kills pid when that pipe breaks. It is for systems that
// cannot tell a child of its parent's death. Once pid has ended, release ends the shell, without killing what may have the number by then.
func watch(pid int) (release func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	sh := exec.Command("/bin/sh", "-c", `read -r _; kill -KILL "$1" 2>/dev/null`, "sh", strconv.Itoa(pid))
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
