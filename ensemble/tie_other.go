//go:build !unix

package ensemble

import (
	"os"
	"os/exec"
)

// startTied starts cmd. Here nothing ends it when this process is killed.
func startTied(cmd *exec.Cmd) (release func(), err error) { return func() {}, cmd.Start() }

func askToEnd(p *os.Process) { _ = p.Kill() }
