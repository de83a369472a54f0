package zktest_test

import (
	"bytes"
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/zktest"
)

// A program of testdata/zktest plays the recipes of another library, all at once, each between two clients, and prints a line for each.
type program struct {
	command []string // To be followed by the address of a server and a directory on it.
	plays   string   // The recipes, in the order of the lines.
}

// programPatience is how long a program may take. It bounds hangs and measures nothing: a recipe gives up long before.
const programPatience = 2 * time.Minute

// good is what the program prints when everything holds.
func (p program) good() string { return "ok " + strings.ReplaceAll(p.plays, " ", "\nok ") + "\n" }

// run plays on a server, and returns what the program printed.
func (p program) run(t *testing.T, addr string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.command[0], slices.Concat(p.command[1:], []string{addr, "/recipes"})...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\n%s", &out, &log)
		}
	})
	require.NoError(t, err)
	return out.String()
}

// on plays on zktest and, where ZKKIT_REQUIRE asks for a local ZooKeeper, on that with the same configuration: what does not hold there is not to be had from
// zktest either. It takes longer than all other tests together.
func (p program) on(t *testing.T) {
	t.Helper()
	t.Run("ZooKeeper", func(t *testing.T) {
		if !required("local") {
			t.Skip("the recipes are tried on zktest only: ZKKIT_REQUIRE=local tries them on a ZooKeeper too")
		}
		t.Parallel()
		flags := append(ensemble.DefaultJVMFlags(), "-Dzookeeper.extendedTypesEnabled=true", "-Dzookeeper.forceSync=no", "-Dznode.container.checkIntervalMs=100")
		require.Equal(t, p.good(), p.run(t, ensemble.Run(t, ensemble.Config{JVMFlags: flags}).Addrs()[0]))
	})
	require.Equal(t, p.good(), p.run(t, busy(t).Addr()))
}

// busy returns a server that soon removes what is due.
func busy(t *testing.T) *zktest.Server {
	t.Helper()
	return zktest.RunConfigT(t, zktest.Config{
		Tick: 200 * time.Millisecond, MaxSession: 40 * time.Second, ReapEvery: 100 * time.Millisecond, ExtendedTypes: true,
	})
}

func TestCuratorsRecipes(t *testing.T) {
	if !required("curator") {
		t.Skip("a JVM that compiles and plays takes longer than all other tests together: ZKKIT_REQUIRE=curator has it do so")
	}
	t.Parallel()
	curator(t).on(t)
}

func TestKazoosRecipes(t *testing.T) {
	t.Parallel()
	kazoo(t).on(t)
}

// A recipe that a server does not serve is reported, and spoils no other.
func TestRecipesNoticeABadServer(t *testing.T) {
	t.Parallel()
	p, server := kazoo(t), busy(t)
	server.OnRequest(func(r zktest.Request) zktest.Fault {
		if strings.HasPrefix(r.Path, "/recipes/semaphore") {
			return zktest.Fail(zktest.CodeNoAuth)
		}
		return zktest.Pass()
	})
	require.Equal(t, strings.Replace(p.good(), "ok semaphore", "failed semaphore: NoAuthError()", 1), p.run(t, server.Addr()))
}
