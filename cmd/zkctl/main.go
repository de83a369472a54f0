// Command zkctl holds a lock on a ZooKeeper, a real one where there is one, cuts its holder off, and says who owns the lock afterwards, with evidence that can fail.
//
//	zkctl partition --for 3s
//
// Flags, environment, output and exit codes are all that is in it: the experiments are in internal/scenario.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
