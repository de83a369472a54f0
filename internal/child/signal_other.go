//go:build !unix

package child

import (
	"errors"
	"os"
)

func sendStop(*os.Process) error { return errors.ErrUnsupported }

func sendContinue(*os.Process) error { return errors.ErrUnsupported }

func askToEnd(p *os.Process, _ os.Signal) { _ = p.Kill() }

func isGone(err error) bool { return errors.Is(err, os.ErrProcessDone) }

func stopPID(int) error { return errors.ErrUnsupported }

func continuePID(int) error { return errors.ErrUnsupported }

func killPID(int) {}

func watchPaused([]int) (release func(), err error) { return nil, errors.ErrUnsupported }
