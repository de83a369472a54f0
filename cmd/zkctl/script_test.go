package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/internal/scenario"
	"github.com/zkkit/zkkit/internal/stores"
	"github.com/zkkit/zkkit/session"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{scenario.PauseWorkerCommand, scenario.RateLimitWorkerCommand, contendWorker}, os.Args[1]) {
		main() // zkctl pause, contend and ratelimit start their own executable, which is this one here.
	}
	testscript.Main(m, map[string]func(){"zkctl": main, "worker": worker})
}

// TestScripts runs testdata/zkctl, or some of it with ZKKIT_SCRIPTS=brief: one file for each thing that users rely on. Scripts may use, besides the commands of testscript:
//
//	exits CODE COMMAND...    runs a command that ends with this exit code, 0|3 for one of two; stdout and stderr are then about it
//	start NAME COMMAND...    starts a command; its output goes to NAME.out and NAME.err
//	sees NAME REGEXP         waits until it has printed this
//	seeserr NAME REGEXP      the same on stderr
//	address NAME             sets $ADDRESS to what it has printed
//	sends NAME INT|TERM|KILL sends it a signal
//	ends NAME CODE           waits until it ends with this exit code, -1 for one that was killed, 0|3 for one of two
//	jsonfield FILE PATH WANT compares a field of the one JSON object in FILE ("stdout" for the last output); WANT may be
//	                         a text, a number, "number", "absent", or a comparison such as ">0"
//	replace FILE OLD NEW     edits a file
//	server                   sets $SERVER to the address of a ZooKeeper that all scripts share
//	blackhole                sets $BLACKHOLE to an address that accepts and never answers
//	[!] znode PATH           says whether $SERVER has a znode there
//	noprocess                waits until no process has this script's directory in its arguments or its environment: no server or worker of its is left
//
// the program worker of a user (see there), and the conditions [zookeeper], [netns], [redis] and [postgres].
func TestScripts(t *testing.T) {
	shared := &sharedServer{}
	t.Cleanup(shared.stop) // After the scripts, which run in parallel below this test.
	testscript.Run(t, testscript.Params{
		Files:               scripts(t),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"ZOOKEEPER_HOME", "JAVA_HOME"} {
				env.Setenv(name, os.Getenv(name))
			}
			env.Values[processesKey] = processes{}
			env.Setenv("BIN", strings.Split(os.Getenv("PATH"), string(os.PathListSeparator))[0]) // Where zkctl is.
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": cmdExits, "start": cmdStart, "sees": cmdSees, "seeserr": cmdSeesErr, "sends": cmdSends, "ends": cmdEnds,
			"jsonfield": cmdJSONField, "replace": cmdReplace, "address": cmdAddress, "blackhole": cmdBlackhole, "noprocess": cmdNoProcess,
			"server": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Setenv("SERVER", shared.addr(ts)) },
			"znode":  cmdZnode,
		},
	})
}

// brief are the scripts that are played with ZKKIT_SCRIPTS=brief, as CI does under the race detector: those of what the command itself does at the same time. What experiments do is tested in
// internal/scenario.
var brief = []string{"embedded", "interrupt", "output-closed", "partition-safe", "killed", "contend-interrupt", "pause-interrupt", "ratelimit-interrupt", "program-signals", "help", "version"}

// scripts lists those to play.
func scripts(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../../testdata/zkctl/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, all)
	if os.Getenv("ZKKIT_SCRIPTS") != "brief" {
		return all
	}
	var few []string
	for _, file := range all {
		if slices.Contains(brief, strings.TrimSuffix(filepath.Base(file), ".txtar")) {
			few = append(few, file)
		}
	}
	require.Len(t, few, len(brief), "one of brief is not there")
	return few
}

// condition knows [zookeeper], [netns], [redis] and [postgres]. Where one is required and there is none, the script fails instead of being skipped.
func condition(name string) (bool, error) {
	var word string
	var err error
	switch name {
	case "zookeeper":
		word = "local"
		_, err = ensemble.Find()
	case "netns":
		word, err = name, ensemble.CanNamespaces(context.Background())
	case "redis":
		word = name
		_, err = stores.FindRedis()
	case "postgres":
		word = name
		_, err = stores.FindPostgres()
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
	required := strings.FieldsFunc(os.Getenv("ZKKIT_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' })
	if err != nil && slices.Contains(required, word) {
		return false, err
	}
	return err == nil, nil
}

// A sharedServer is started by the first script that wants it.
type sharedServer struct {
	once sync.Once
	e    *ensemble.Ensemble
	err  error
}

func (s *sharedServer) addr(ts *testscript.TestScript) string {
	s.once.Do(func() { s.e, s.err = ensemble.Start(context.Background(), ensemble.Config{}) })
	ts.Check(s.err)
	return s.e.Addrs()[0]
}

func (s *sharedServer) stop() {
	s.once.Do(func() {})
	if s.e != nil {
		_ = s.e.Stop()
	}
}

func args(ts *testscript.TestScript, neg bool, got []string, want string) {
	if n := len(strings.Fields(want)); neg || len(got) < n {
		ts.Fatalf("want: %s", want)
	}
}

func cmdReplace(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "FILE OLD NEW")
	before := ts.ReadFile(a[0])
	after := strings.ReplaceAll(before, a[1], a[2])
	if before == after {
		ts.Fatalf("%s has no %s", a[0], a[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(a[0]), []byte(after), 0o644))
}

func cmdAddress(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "NAME")
	ts.Setenv("ADDRESS", strings.TrimSpace(ts.ReadFile(a[0]+".out")))
}

func cmdBlackhole(ts *testscript.TestScript, _ bool, _ []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() }) // The kernel accepts, and nobody reads.
	ts.Setenv("BLACKHOLE", ln.Addr().String())
}

func cmdZnode(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, false, a, "PATH")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := session.Open(ctx, session.Config{Servers: []string{ts.Getenv("SERVER")}})
	ts.Check(err)
	defer c.Close()
	s, err := c.Session(ctx)
	ts.Check(err)
	stat, err := s.Exists(ctx, a[0])
	ts.Check(err)
	if (stat == nil) != neg {
		ts.Fatalf("%s: %v", a[0], stat)
	}
}
