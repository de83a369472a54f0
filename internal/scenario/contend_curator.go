package scenario

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	tied "github.com/zkkit/zkkit/internal/child"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zktest"
)

//go:embed curator/CuratorCounter.java
var curatorSource string

// curatorJars are Debian's, and what they need.
var curatorJars = []string{
	"curator-recipes", "curator-framework", "curator-client", "zookeeper", "zookeeper-jute", "guava", "slf4j-api", "slf4j-nop",
	"netty-common", "netty-buffer", "netty-handler", "netty-transport", "netty-codec", "netty-resolver", // The client loads some of them.
}

// findCurator returns the Java and the class path to run Curator with. It says what is missing.
func findCurator() (java, classpath string, err error) {
	var path []string
	for _, jar := range curatorJars {
		name := filepath.Join("/usr/share/java", jar+".jar")
		if _, err := os.Stat(name); err != nil {
			return "", "", errors.New("no Curator here: apt-get install libcurator-recipes-java libslf4j-java default-jdk-headless")
		}
		path = append(path, name)
	}
	java, err = exec.LookPath("java")
	// A source file is run by the compiler, which a mere runtime has not.
	if err != nil || exec.Command(java, "--describe-module", "jdk.compiler").Run() != nil {
		return "", "", errors.New("no Java compiler here: apt-get install default-jdk-headless")
	}
	return java, strings.Join(path, string(os.PathListSeparator)), nil
}

// A curatorPeer is a Java process that increments Curator's counters.
type curatorPeer struct {
	dir     string // of the program
	tell    *os.File
	hear    *os.File
	answers *bufio.Reader
	group   *tied.Group
	root    string
	told    map[string]int64 // increments that it was told of, by cell
}

// startCurator starts it, and returns when it is connected.
func startCurator(ctx context.Context, servers []string, sessions int, root string) (*curatorPeer, error) {
	java, classpath, err := findCurator()
	if err != nil {
		return nil, err
	}
	p := &curatorPeer{root: root, told: map[string]int64{}}
	if p.dir, err = os.MkdirTemp("", "zkkit-curator-"); err != nil {
		return nil, err
	}
	source := filepath.Join(p.dir, "CuratorCounter.java")
	in, out := (*os.File)(nil), (*os.File)(nil)
	if err = os.WriteFile(source, []byte(curatorSource), 0o600); err == nil {
		in, p.tell, err = os.Pipe()
	}
	if err == nil {
		p.hear, out, err = os.Pipe()
	}
	if err == nil {
		cmd := exec.Command(java, "-Xmx256m", "-XX:+UseSerialGC", "-cp", classpath, source, strings.Join(servers, ","), strconv.Itoa(sessions))
		cmd.Stdin, cmd.Stdout = in, out
		p.group, err = tied.Start(cmd)
	}
	_, _ = in.Close(), out.Close()
	if err != nil {
		p.close()
		return nil, err
	}
	p.answers = bufio.NewReader(p.hear)
	if line, err := p.answer(ctx); err != nil || line != "ready" {
		p.close()
		return nil, fmt.Errorf("curator says %q: %w", line, err)
	}
	return p, nil
}

func (p *curatorPeer) answer(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	done := make(chan answer, 1)
	go func() { // It ends with the process at the latest.
		line, err := p.answers.ReadString('\n')
		done <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case a := <-done:
		if errors.Is(a.err, io.EOF) {
			return a.line, errors.New("it has ended")
		}
		return a.line, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// node is the path of a cell's counter.
func (p *curatorPeer) node(cell contendCell) string { return p.root + "/" + cell.space() }

func (p *curatorPeer) run(ctx context.Context, task contendTask) (contendWindow, error) {
	if _, err := fmt.Fprintf(p.tell, "%s %d %d %d %d\n", p.node(task.Cell), task.Cell.Workers, task.Begin.UnixMilli(),
		task.Ramp.Microseconds(), task.Length.Microseconds()); err != nil {
		return contendWindow{}, err
	}
	line, err := p.answer(ctx)
	if err != nil {
		return contendWindow{}, fmt.Errorf("curator: %w", err)
	}
	w, err := parseCurator(line, task.Cell.Workers)
	p.told[task.Cell.name()] += w.Updates
	return w, err
}

// parseCurator reads the answer to a task.
func parseCurator(line string, workers int) (contendWindow, error) {
	words := strings.Fields(line)
	if len(words) < 5+workers || words[0] != "done" {
		return contendWindow{}, fmt.Errorf("curator says %q", line)
	}
	numbers := make([]int64, len(words)-1)
	for i, word := range words[1:] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return contendWindow{}, fmt.Errorf("curator says %q", word)
		}
		numbers[i] = n
	}
	w := contendWindow{
		Commits: numbers[0], Measured: numbers[1], Combined: numbers[1], Attempts: numbers[2], Updates: numbers[3], Effect: numbers[3],
		Each: numbers[4 : 4+workers], Times: contendTimes{},
	}
	for _, micros := range numbers[4+workers:] {
		w.Times.add(time.Duration(micros) * time.Microsecond)
	}
	return w, nil
}

// close ends the process.
func (p *curatorPeer) close() {
	if p.tell != nil {
		_ = p.tell.Close()
	}
	if p.group != nil {
		t := time.NewTimer(10 * time.Second)
		select {
		case <-p.group.Done():
		case <-t.C:
			p.group.End(syscall.SIGKILL, 0)
		}
		t.Stop()
	}
	if p.hear != nil {
		_ = p.hear.Close()
	}
	_ = os.RemoveAll(p.dir)
}

// value reads a cell's counter, which Curator keeps as eight bytes.
func (p *curatorPeer) value(ctx context.Context, s *session.Session, cell contendCell) (n int64, err error) {
	data, _, err := s.Get(ctx, p.node(cell))
	if err != nil || len(data) != 8 {
		return 0, fmt.Errorf("curator's counter %q: %w", data, err)
	}
	for _, b := range data {
		n = n<<8 | int64(b)
	}
	return n, nil
}

// curatorLosesReply has Curator increment a counter on a server in memory that loses the reply to one write, and returns how often it counted when it told of one increment.
func curatorLosesReply(ctx context.Context) (counted int64, err error) {
	zk := zktest.Start(zktest.Config{})
	defer func() { err = errors.Join(err, zk.Close()) }()
	p, err := startCurator(ctx, []string{zk.Addr()}, 1, "")
	if err != nil {
		return 0, err
	}
	defer p.close()
	cell := contendCell{Workload: ContendInventory, Strategy: contendCurator, Workers: 1, Processes: 1, Main: true}
	c, err := session.Open(ctx, session.Config{Servers: []string{zk.Addr()}})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	s, err := c.Session(ctx)
	if err != nil {
		return 0, err
	}
	task := contendTask{Cell: cell, Begin: time.Now(), Length: 100 * time.Millisecond}
	if _, err := p.run(ctx, task); err != nil {
		return 0, err
	}
	before, err := p.value(ctx, s, cell)
	if err != nil {
		return 0, err
	}
	zk.Inject(zktest.OpSetData, zktest.LoseReply())
	task.Begin = time.Now()
	w, err := p.run(ctx, task)
	if err == nil && w.Updates == 0 {
		err = errors.New("it has counted nothing in 100 ms")
	}
	if err != nil {
		return 0, err
	}
	after, err := p.value(ctx, s, cell)
	return after - before - w.Updates + 1, err
}
