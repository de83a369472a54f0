//go:build unix

package ensemble

import (
	"errors"
	"os"
	"syscall"
)

func sendStop(p *process) error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

func sendContinue(p *process) error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// askToEnd sends SIGTERM, and SIGCONT after it, since a stopped process does not get the first one.
func askToEnd(p *os.Process) {
	_ = p.Signal(syscall.SIGTERM)
	_ = p.Signal(syscall.SIGCONT)
}

// isGone reports whether a signal could not be sent because the process has ended.
func isGone(err error) bool {
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}
