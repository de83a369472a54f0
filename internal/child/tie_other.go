//go:build !unix

package child

import (
	"os"
	"os/exec"
)

// Tie starts cmd. Here nothing ends it when this process is killed.
func Tie(cmd *exec.Cmd) (release func(), err error) { return func() {}, cmd.Start() }

// TieBy starts cmd, as Tie does.
func TieBy(cmd *exec.Cmd, _ os.Signal) (release func(), err error) { return Tie(cmd) }

func tieGroup(cmd *exec.Cmd) (release func(), err error) { return Tie(cmd) }

func signalGroup(p *os.Process, _ os.Signal) { _ = p.Kill() }

func killGroup(p *os.Process) bool { return p.Kill() == nil }
