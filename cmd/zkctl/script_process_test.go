package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func cmdExits(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "CODE COMMAND")
	err := ts.Exec(a[1], a[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if !slices.Contains(strings.Split(a[0], "|"), strconv.Itoa(code)) {
		ts.Fatalf("exit code %d, want %s", code, a[0])
	}
}

// patience bounds every wait for something that is to happen. It is far more than any of it takes.
const patience = 60 * time.Second

// until polls, and fails the script if what it waits for does not come.
func until(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// processes are those that a script has started, by name.
type processes map[string]*started

const processesKey = "processes"

type started struct {
	cmd  *exec.Cmd
	done chan struct{} // Closed when it has ended.
}

func cmdStart(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "NAME COMMAND")
	path, err := exec.LookPath(a[1])
	ts.Check(err)
	cmd := exec.Command(path, a[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "ZOOKEEPER_HOME", "JAVA_HOME", "ZK_SERVERS", "WORK"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := os.Create(ts.MkAbs(a[0] + ".out"))
	ts.Check(err)
	defer out.Close()
	stderr, err := os.Create(ts.MkAbs(a[0] + ".err"))
	ts.Check(err)
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = out, stderr
	ts.Check(cmd.Start())
	p := &started{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		<-p.done
	})
	ts.Value(processesKey).(processes)[a[0]] = p
}

func running(ts *testscript.TestScript, name string) *started {
	p := ts.Value(processesKey).(processes)[name]
	if p == nil {
		ts.Fatalf("%s was not started", name)
	}
	return p
}

func cmdSees(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "NAME REGEXP")
	sees(ts, a[0], a[1], ".out")
}

func cmdSeesErr(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "NAME REGEXP")
	sees(ts, a[0], a[1], ".err")
}

func sees(ts *testscript.TestScript, name, pattern, where string) {
	re := regexp.MustCompile(pattern)
	p := running(ts, name)
	until(ts, pattern+" from "+name, func() bool {
		ended := false
		select {
		case <-p.done:
			ended = true
		default:
		}
		if re.MatchString(ts.ReadFile(name + where)) {
			return true
		}
		if ended {
			ts.Fatalf("%s ended without it:\n%s%s", name, ts.ReadFile(name+".out"), ts.ReadFile(name+".err"))
		}
		return false
	})
}

func cmdSends(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "NAME SIGNAL")
	sig, ok := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}[a[1]]
	if !ok {
		ts.Fatalf("unknown signal %s", a[1])
	}
	ts.Check(running(ts, a[0]).cmd.Process.Signal(sig))
}

func cmdEnds(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "NAME CODE")
	p := running(ts, a[0])
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s did not end within %v", a[0], patience)
	}
	if code := p.cmd.ProcessState.ExitCode(); !slices.Contains(strings.Split(a[1], "|"), strconv.Itoa(code)) {
		ts.Fatalf("%s: exit code %d, want %s\n%s%s", a[0], code, a[1], ts.ReadFile(a[0]+".out"), ts.ReadFile(a[0]+".err"))
	}
}

func cmdNoProcess(ts *testscript.TestScript, neg bool, a []string) {
	args(ts, neg, a, "")
	if runtime.GOOS != "linux" {
		ts.Logf("no /proc here to look into")
		return
	}
	dir := ts.Getenv("WORK")
	until(ts, "the end of all processes in "+dir, func() bool {
		for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"} {
			files, err := filepath.Glob(pattern)
			ts.Check(err)
			for _, f := range files {
				if text, err := os.ReadFile(f); err == nil && strings.Contains(string(text), dir) {
					return false
				}
			}
		}
		return true
	})
}
