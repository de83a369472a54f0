package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"time"
)

// A Program is a command of the user's that takes part in a run: [PartitionConfig.Clients] instances of it want one lock. Each is given, in its environment,
//
//	ZK_SERVERS       where it reaches ZooKeeper, through a proxy of its own
//	LOCK_PATH        PartitionConfig.LockPath
//	RESOURCE_ADDR    where it reaches what the lock protects, through another proxy, if there is a resource
//	ZKCTL_INSTANCE   its name: holder, waiter, waiter-2 and so on
//
// and may say on its standard output what it believes, each in a line of its own that it flushes: "zkctl: held TOKEN" when it has the lock, and as often as it likes
// while it does; "zkctl: released" when it has stopped using it, for whatever reason. The token may be left out.
//
// The zero value of each field but Command is the default. It is a value, safe to copy.
type Program struct {
	Command  []string      // what is run, with its arguments; the first is looked up in PATH
	Resource string        // ResourceFenced or ResourcePlain; "" for none
	Ready    time.Duration // how long an instance may take to get the lock, or to queue up for it; 30 s
	Grace    time.Duration // how long an instance may take to end when it is asked to, until it is killed; 5 s

	// OnOutput is shown what an instance prints, line by line and without the end of the line, as it comes: one call at a time, and none once the run has returned.
	OnOutput func(instance, line string)
}

func (p Program) withDefaults(lockPath string) (*Program, error) {
	p.Ready = cmp.Or(p.Ready, 30*time.Second)
	p.Grace = cmp.Or(p.Grace, 5*time.Second)
	switch {
	case len(p.Command) == 0 || p.Command[0] == "":
		return nil, usage("no program: zkctl partition --lock-path PATH -- PROGRAM ARGUMENTS")
	case lockPath == "":
		return nil, usage("--lock-path is missing: which lock does %s take?", p.Command[0])
	case p.Ready < 0 || p.Grace < 0:
		return nil, usage("want positive durations for --ready and --grace")
	case p.Resource != "" && p.Resource != ResourceFenced && p.Resource != ResourcePlain:
		return nil, usage("--resource %q: want %s or %s", p.Resource, ResourceFenced, ResourcePlain)
	}
	if _, err := exec.LookPath(p.Command[0]); err != nil {
		return nil, cannotStart(p.Command[0], err)
	}
	return &p, nil
}

// cannotStart says in one line why a program cannot be.
func cannotStart(name string, err error) error {
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		err = lookup.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return environment(fmt.Errorf("%s cannot be started: %w", name, err))
}
