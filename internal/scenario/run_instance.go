package scenario

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	tied "github.com/zkkit/zkkit/internal/child"
	"github.com/zkkit/zkkit/partition"
)

// An instance is one run of the user's program, with its ways to ZooKeeper and to the resource.
type instance struct {
	who   string
	rec   *recorder
	wires []*wire
	zk    []*partition.Link
	res   *partition.Link // nil if there is no resource
	show  func(instance, line string)

	group  *tied.Group // nil until it is started
	ended  chan struct{}
	output []*os.File
	told   sync.WaitGroup

	mu     sync.Mutex // guards all below
	claims claims
	still  time.Time // when it last said something that was recorded
	deaf   bool      // what it says is no evidence any more
	said   []string
	grants []handshake
}

// tooSoon is how soon a program may say again that it holds the lock and be recorded: one that says so in a tight loop would fill the report.
const tooSoon = 10 * time.Millisecond

// saidLines is how many lines of a program are repeated when it ends too early.
const saidLines = 3

// start starts the program. It fails with an *EnvironmentError.
func (i *instance) start(command, env []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var theirs []*os.File
	defer func() {
		for _, w := range theirs {
			_ = w.Close()
		}
	}()
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			return environment(err)
		}
		i.output, theirs = append(i.output, r), append(theirs, w)
	}
	cmd.Stdout, cmd.Stderr = theirs[0], theirs[1]
	group, err := tied.Start(cmd)
	if err != nil {
		return cannotStart(command[0], err)
	}
	i.group = group
	i.rec.now(Event{Who: i.who, What: Started, Detail: fmt.Sprintf("started %s, pid %d", command[0], group.PID())})
	i.told.Go(func() { i.read(i.output[0], true) })
	i.told.Go(func() { i.read(i.output[1], false) })
	go i.wait()
	return nil
}

// read shows what the program prints, line by line, and on its standard output takes it at its word.
func (i *instance) read(from *os.File, believe bool) {
	lines := bufio.NewReaderSize(from, 1<<16) // A line that is longer is shown in pieces.
	for {
		b, _, err := lines.ReadLine()
		if err != nil {
			return
		}
		at := time.Now()
		line := strings.TrimRight(string(b), "\r")
		i.mu.Lock()
		if believe && !i.deaf {
			events, wrong := i.claims.hear(line, i.rec.started())
			for _, e := range events {
				if e.What == StillBelieving && at.Sub(i.still) < tooSoon {
					continue
				}
				i.still = at
				i.rec.add(at, e)
			}
			if wrong != "" {
				i.rec.add(at, Event{Who: i.who, What: Note, Detail: fmt.Sprintf("said %q, which means nothing: %s", line, wrong)})
			}
		}
		if line != "" {
			i.said = append(i.said, line)
			i.said = i.said[max(0, len(i.said)-saidLines):]
		}
		i.mu.Unlock()
		i.show(i.who, line)
	}
}

// wait records the end of the program, when all that it has printed is read.
func (i *instance) wait() {
	<-i.group.Done()
	at := time.Now()
	all := make(chan struct{})
	go func() { i.told.Wait(); close(all) }()
	t := time.NewTimer(time.Second) // Should a daemon of its hold the output open.
	defer t.Stop()
	select {
	case <-all:
	case <-t.C:
	}
	i.mu.Lock()
	if !i.deaf {
		e := Event{Who: i.who, What: Exited, Detail: "ended: " + i.group.State()}
		if i.group.Left() {
			no := false
			e.OK, e.Detail = &no, e.Detail+"; what it had started was still there, and was killed"
		}
		i.rec.add(at, e)
	}
	i.mu.Unlock()
	close(i.ended)
}

// tooEarly is the error of an instance that has ended before the cut.
func (i *instance) tooEarly() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	text := fmt.Sprintf("the %s ended before anything was cut: %s", i.who, i.group.State())
	if len(i.said) > 0 {
		text += "; it said last: " + strings.Join(i.said, " | ")
	}
	return environment(fmt.Errorf("%s", text))
}

// grant notes a session that a server gave to this instance, or said to be over.
func (i *instance) grant(h handshake) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if h.session == 0 {
		i.rec.add(h.at, Event{Who: i.who, What: SessionExpiredLearnt, Detail: "the server says on its link that its session has expired"})
		return
	}
	i.grants = append(i.grants, h)
	i.rec.add(h.at, Event{Who: i.who, What: State, Detail: fmt.Sprintf("0x%x of %v on its link, asked for %v", h.session, h.given, h.asked)})
}

// owns returns the handshake of a session, if it is one of this instance's.
func (i *instance) owns(session int64) (handshake, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, h := range i.grants {
		if h.session == uint64(session) {
			return h, true
		}
	}
	return handshake{}, false
}

// connected reports whether it has a session.
func (i *instance) connected() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.grants) > 0
}

// silent reports whether it is one that says when it holds the lock, and does not say so now.
func (i *instance) silent() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.claims.told && !i.claims.open
}

// mute ends the time in which what the instance says and does is evidence.
func (i *instance) mute() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.deaf = true
}

// end asks the program to end, and makes it.
func (i *instance) end(sig os.Signal, grace time.Duration) {
	if i.group == nil {
		return
	}
	i.mute()
	i.group.End(sig, grace)
	<-i.ended
}

// close gives back what is left when the program has ended and the network is closed.
func (i *instance) close() {
	for _, f := range i.output {
		_ = f.Close() // Ends a reader whose pipe a daemon holds open.
	}
	i.told.Wait()
	for _, w := range i.wires {
		w.close()
	}
}

// newInstance lays the ways of an instance to the servers, and to the resource if there is one.
func (r *partitionRun) newInstance(ctx context.Context, who string) (*instance, error) {
	i := &instance{who: who, rec: r.rec, ended: make(chan struct{}), claims: claims{who: who}, show: r.show}
	r.instances = append(r.instances, i)
	for n, addr := range r.server.addrs {
		w, err := newWire(addr, i.grant)
		if err != nil {
			return nil, err
		}
		i.wires = append(i.wires, w)
		name := who + "-zk"
		if n > 0 {
			name = fmt.Sprintf("%s-%d", name, n+1)
		}
		link, err := r.network.Link(ctx, name, w.addr())
		if err != nil {
			return nil, environment(err)
		}
		i.zk = append(i.zk, link)
	}
	if r.resource == nil {
		return i, nil
	}
	addr, err := r.resource.listen(who)
	if err != nil {
		return nil, err
	}
	if i.res, err = r.network.Link(ctx, who+"-resource", addr); err != nil {
		return nil, environment(err)
	}
	return i, nil
}

// environ is what the instance is told.
func (i *instance) environ(lockPath string) []string {
	var servers []string
	for _, l := range i.zk {
		servers = append(servers, l.Addr())
	}
	env := []string{
		"ZK_SERVERS=" + strings.Join(servers, ","), "LOCK_PATH=" + lockPath, "ZKCTL_INSTANCE=" + i.who,
		"PYTHONUNBUFFERED=1", // Else what a Python program prints is read when it ends.
	}
	if i.res != nil {
		env = append(env, "RESOURCE_ADDR="+i.res.Addr())
	}
	return env
}
