//go:build !unix

package ensemble

import (
	"errors"
	"os"
)

func sendStop(*process) error { return errors.ErrUnsupported }

func sendContinue(*process) error { return errors.ErrUnsupported }

func askToEnd(p *os.Process) { _ = p.Kill() }

func isGone(err error) bool { return errors.Is(err, os.ErrProcessDone) }
