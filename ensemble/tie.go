package ensemble

import (
	"os/exec"

	"github.com/zkkit/zkkit/internal/child"
)

// startTied starts cmd so that it does not outlive this process: see [child.Tie] for what that wants of the caller's thread.
func startTied(cmd *exec.Cmd) (release func(), err error) { return child.Tie(cmd) }
