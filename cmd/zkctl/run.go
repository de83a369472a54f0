package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// A console is where the commands read and write, and what the environment tells them.
type console struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

// run is the whole program: it runs one command to its end, says on stderr in one line what went wrong, and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := interruptible(context.Background(), stderr)
	defer stop()
	c := &console{in: stdin, out: stdout, err: stderr, getenv: os.Getenv}
	root := newRootCmd(c)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if text := message(err); text != "" {
		fmt.Fprintln(stderr, "zkctl: "+text)
	}
	return exitCode(err)
}

// newRootCmd returns the tree of all commands.
func newRootCmd(c *console) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "zkctl",
		Short: "See what really happens to a ZooKeeper lock when its holder is cut off",
		Long: `zkctl holds a lock on a ZooKeeper, cuts its holder off, and says who owns the lock afterwards, with evidence that
can fail. The ZooKeeper is a real one where one is installed or named; else it is zktest, in memory, and the output says so.`,
		Example: `  zkctl doctor                            which engines and faults work on this machine
  zkctl partition --for 3s                a session of 2s, a partition of 3s: who owns the lock?
  zkctl partition --recipe go-zookeeper   the same with a lock that believes until it is told otherwise
  zkctl pause --for 8s --ttl 5s           a worker frozen for 8s, whose Redlock lives for 5s
  zkctl ratelimit --limit 100/1m          100 requests per minute over 50 servers: how many get through at the worst?
  zkctl bench lock                        what the lock costs
  zkctl server                            a ZooKeeper in memory, to develop against`,
		Version:           buildVersion(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	})
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetHelpFunc(writeHelp)
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("zkctl {{.Version}}\n")
	root.AddCommand(newPartitionCmd(c, nil), newPauseCmd(c, nil), newContendCmd(c, nil), newRateLimitCmd(c, nil), newPauseWorkerCmd(), newContendWorkerCmd(c), newRateLimitWorkerCmd(), newDoctorCmd(c, nil), newBenchCmd(c), newServerCmd(c, nil), newVersionCmd(c))
	root.SetHelpCommand(newHelpCmd())
	return root
}
