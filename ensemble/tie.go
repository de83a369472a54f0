package ensemble

import (
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/zkkit/zkkit/internal/child"
)

// startTied starts cmd so that it does not outlive this process: see [child.Tie] for what that wants of the caller's thread.
func startTied(cmd *exec.Cmd) (release func(), err error) { return child.Tie(cmd) }

// startProcess starts cmd, in a namespace if that is not nil, tied to the life of this process, with its output going to out.
func startProcess(cmd *exec.Cmd, ns *namespace, out io.Writer) (*child.Process, error) {
	return child.StartProcess(cmd, out, func(cmd *exec.Cmd) (release func(), home bool, err error) { return startIn(ns, cmd) })
}

// startIn is startTied in a namespace, if that is not nil. It reports whether the thread is where it was before; else it must end.
func startIn(ns *namespace, cmd *exec.Cmd) (release func(), home bool, err error) {
	if ns == nil {
		release, err = startTied(cmd)
		return release, true, err
	}
	before, err := currentNamespace()
	if err != nil {
		return nil, true, err
	}
	defer before.close()
	if err := ns.enter(); err != nil {
		return nil, true, err
	}
	release, err = startTied(cmd)
	return release, before.enter() == nil, err
}

// explain makes an error of this package of one that says what could not be done to a process.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, child.ErrEnded):
		return ErrNotRunning
	}
	return fmt.Errorf("ensemble: %w", err)
}
