package zklock_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zkkit/zkkit/ensemble"
)

const (
	tick    = 200 * time.Millisecond
	timeout = 2 * time.Second // of sessions
	// patience is how long a test waits for what should come. It bounds hangs and measures nothing.
	patience = 30 * time.Second
)

// childEnv makes the test binary play a process that holds a lock.
const childEnv = "ZKLOCK_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	atOnce()
	code := m.Run()
	if shared.zk != nil {
		if err := shared.zk.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// atOnce lets more tests run at once than there are processors, unless a number was asked for: those that may run in parallel wait for sessions to end.
func atOnce() {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", "8")
	}
}

// shared is the server that all tests of the package use.
var shared struct {
	once sync.Once
	zk   *ensemble.Ensemble
	err  error
}

func server(t testing.TB) *ensemble.Ensemble {
	t.Helper()
	shared.once.Do(func() { shared.zk, shared.err = ensemble.Start(t.Context(), ensemble.Config{Tick: tick}) }) // bounds the start only
	if errors.Is(shared.err, ensemble.ErrNotInstalled) && !required("local") {
		t.Skip(shared.err)
	}
	require.NoError(t, shared.err)
	return shared.zk
}

// required reports whether ZKKIT_REQUIRE has the word, so that what would be skipped must fail.
func required(word string) bool {
	words := strings.FieldsFunc(os.Getenv("ZKKIT_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(words, word)
}
