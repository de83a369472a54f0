//go:build unix

package child

import (
	"errors"
	"os"
	"syscall"
)

func sendStop(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func sendContinue(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// askToEnd sends the signal, and SIGCONT after it, since a stopped process does not get the first one.
func askToEnd(p *os.Process, sig os.Signal) {
	_ = p.Signal(sig)
	_ = p.Signal(syscall.SIGCONT)
}

// isGone reports whether a signal could not be sent because the process has ended.
func isGone(err error) bool {
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}

func stopPID(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }

func continuePID(pid int) error { return syscall.Kill(pid, syscall.SIGCONT) }

func killPID(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }
