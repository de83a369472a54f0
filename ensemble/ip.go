package ensemble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findIP returns the path of ip, the command of iproute2.
func findIP() (string, error) {
	path, err := exec.LookPath("ip")
	for _, dir := range []string{"/usr/sbin", "/sbin"} { // Where it is and where the PATH of many users does not lead.
		if err == nil {
			break
		}
		path, err = exec.LookPath(filepath.Join(dir, "ip"))
	}
	return path, err
}

// run is ask for who needs no answer, unless ctx has ended. What has begun is carried through, as it takes a moment only: half a change would have to be found out about.
func (f *fabric) run(ctx context.Context, ns *namespace, commands ...string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, err := f.ask(ns, commands...)
	return err
}

// ask gives commands to ip, in that namespace, or in our own if it is nil, until one fails, and returns what it says.
func (f *fabric) ask(ns *namespace, commands ...string) (string, error) {
	var said strings.Builder
	cmd := exec.Command(f.ip, "-batch", "-")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	cmd.Stdout, cmd.Stderr = &said, &said
	start := func() error { return cmd.Start() }
	var err error
	if ns == nil {
		err = start()
	} else {
		err = ns.do(start)
	}
	if err == nil {
		err = cmd.Wait()
	}
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return "", fmt.Errorf("ensemble: ip: %s (%w)", firstLine(said.String()), err)
	}
	return said.String(), err
}
