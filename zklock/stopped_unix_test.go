//go:build unix

package zklock_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// child is a process that takes the lock that childEnv names, as "address path", says so, and then does nothing but look at the clock. When the clock
// has jumped, because the process was stopped, the first thing that it does is to ask its hold. With a duration after the path it is at work that stalls after that.
func child() {
	words := strings.Fields(os.Getenv(childEnv))
	addr, path, limit := words[0], words[1], timeout
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
	}
	if len(words) > 2 {
		limit = 2 * timeout // so that the stall comes first
	}
	ctx := context.Background()
	c, err := session.Open(ctx, session.Config{Servers: []string{addr}, Timeout: limit, Tick: tick})
	fail(err)
	m, err := zklock.NewMutex(c, path, zklock.Config{Label: "child"})
	fail(err)
	if len(words) > 2 {
		stall, err := time.ParseDuration(words[2])
		fail(err)
		fmt.Printf("ended|%v\n", m.Work(ctx, stall, childWork(ctx, path)))
		os.Exit(0)
	}
	h, err := m.Lock(ctx)
	fail(err)
	fmt.Println("held", h.Token())
	for last := time.Now(); ; {
		now := time.Now()
		if now.Sub(last) > timeout/2 {
			told := "somebody was told before"
			select {
			case <-h.Done():
			default:
				told = "nobody was told before"
			}
			err := h.Err()
			_, guard := h.Guard(ctx, session.SetOp(path, []byte("damage"), session.AnyVersion))
			fmt.Printf("resumed|%v|%v|%v|%v\n", err, guard, h.Unlock(ctx), told)
			os.Exit(0)
		}
		last = now
	}
}

// childWork makes progress until the process is stopped, and is told when it makes the next.
func childWork(ctx context.Context, path string) func(context.Context, *zklock.Work) error {
	return func(_ context.Context, w *zklock.Work) error {
		fmt.Println("held", w.Token())
		for {
			if err := w.Progress(); err != nil {
				_, guard := w.Hold().Guard(ctx, session.SetOp(path, []byte("damage"), session.AnyVersion))
				fmt.Printf("resumed|%v|%v\n", err, guard)
				return nil
			}
		}
	}
}

// stoppable is a child that holds a lock of its own.
type stoppable struct {
	cmd   *exec.Cmd
	lines chan string
	m     *zklock.Mutex // on the same lock
	hold  zklock.Contender
}

func (s *stage) child(c *session.Client, path string, more ...string) stoppable {
	s.t.Helper()
	cmd := exec.Command(os.Args[0])
	// With one processor, the loop that looks at the clock goes on before any timer can run, or so it is in every other child. The result must not depend on it.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", childEnv+"="+strings.Join(append([]string{s.zk.Addrs()[0], path}, more...), " "))
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(stdout); in.Scan(); {
			lines <- in.Text()
		}
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range lines { // what it still says is of no interest
		}
		_ = cmd.Wait()
	})
	m, err := zklock.NewMutex(c, path, zklock.Config{})
	require.NoError(s.t, err)
	require.Regexp(s.t, `^held 0x`, receive(s.t, lines))
	all, err := m.Contenders(s.ctx())
	require.NoError(s.t, err)
	require.Len(s.t, all, 1)
	require.Equal(s.t, cmd.Process.Pid, all[0].Owner.PID)
	return stoppable{cmd, lines, m, all[0]}
}

// A process that was stopped past its deadline believes in its hold until somebody looks at the clock. Hold.Err does that, also when no timer has run yet.
func TestStoppedProcessFindsItsHoldLostFirstThing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	client := s.open("")
	var children []stoppable
	for i := range 5 {
		children = append(children, s.child(client, fmt.Sprintf("%s-%d", s.path, i)))
	}
	for _, c := range children {
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
	}
	for _, c := range children {
		next := s.lock(c.m) // waits until the child's session has expired
		requireRises(t, c.hold.Token, next.Token())
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
		words := strings.Split(receive(t, c.lines), "|")
		require.Len(t, words, 5, "%q", words)
		require.Equal(t, "resumed", words[0])
		for _, word := range words[1:4] {
			require.Contains(t, word, "zklock: hold of "+c.m.Path()+" with token "+c.hold.Token.String()+" lost")
			require.Contains(t, word, session.ErrDeadline.Error())
		}
		t.Log(words[4])
		require.Empty(t, s.get(c.m.Path()), "it wrote nothing")
		require.NoError(t, next.Err())
		s.unlock(next)
	}
}

// Work whose process was stopped has stalled, and is told when it reports progress, first thing. Its session may have outlived that.
func TestStoppedWorkFindsThatItHasStalledFirstThing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const stall = 500 * time.Millisecond
	c := s.child(s.open(""), s.path, stall.String())
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
	time.Sleep(stall + 100*time.Millisecond)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
	words := strings.Split(receive(t, c.lines), "|")
	require.Len(t, words, 3, "%q", words)
	for _, word := range words[1:] {
		require.Contains(t, word, "zklock: hold of "+s.path+" with token "+c.hold.Token.String()+" lost: zklock: work stalled: no progress for ")
	}
	require.Contains(t, receive(t, c.lines), "ended|"+strings.SplitN(words[1], "for ", 2)[0])
	next := s.lock(c.m)
	requireRises(t, c.hold.Token, next.Token())
	require.Empty(t, s.get(s.path), "it wrote nothing")
	s.unlock(next)
}
