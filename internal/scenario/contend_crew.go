package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	tied "github.com/zkkit/zkkit/internal/child"
)

// contendGrace is how long processes may take to end when nobody wants anything from them any more.
const contendGrace = 2 * time.Second

// A contendCrew is the worker processes of a run.
type contendCrew struct {
	members []*contendMember
	curator *curatorPeer // nil if there is none
}

// A contendMember is one process, and what is said to it and by it. Without a command it is a goroutine of this process, for tests.
type contendMember struct {
	tell  *json.Encoder
	hear  *json.Decoder
	close func()                // what it is told through; then it ends
	ended func(until time.Time) // waits so long for it to end, and makes it
	own   sync.WaitGroup
}

// hireCrew starts the processes, and returns when they are connected to the store. It fails with an *EnvironmentError, and nothing is left then.
func hireCrew(ctx context.Context, command []string, n int, setup contendSetup) (*contendCrew, error) {
	crew := &contendCrew{}
	for i := range n {
		m, err := hire(ctx, command, max(1, runtime.NumCPU()/n))
		if err != nil {
			crew.close()
			return nil, environment(err)
		}
		crew.members = append(crew.members, m)
		setup.Process = i
		if err := m.tell.Encode(setup); err != nil {
			crew.close()
			return nil, environment(fmt.Errorf("worker process %d: %w", i, err))
		}
	}
	for i, m := range crew.members {
		var ready contendWindow
		if err := m.answer(ctx, &ready); err != nil {
			crew.close()
			return nil, environment(fmt.Errorf("worker process %d: %w", i, err))
		}
	}
	return crew, nil
}

// hire starts one process, on so many processors: it stands for a machine of its own, and what it leaves idle is not for it to wake up.
func hire(ctx context.Context, command []string, processors int) (*contendMember, error) {
	in, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	hear, out, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		_ = tell.Close()
		return nil, err
	}
	m := &contendMember{tell: json.NewEncoder(tell), hear: json.NewDecoder(hear)}
	m.close = func() { _ = tell.Close() }
	if len(command) == 0 {
		m.own.Go(func() {
			_ = RunContendWorker(context.WithoutCancel(ctx), in, out)
			_, _ = in.Close(), out.Close()
		})
		m.ended = func(time.Time) {
			m.own.Wait()
			_ = hear.Close()
		}
		return m, nil
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", processors))
	group, err := tied.Start(cmd)
	_, _ = in.Close(), out.Close()
	if err != nil {
		_, _ = tell.Close(), hear.Close()
		return nil, cannotStart(command[0], err)
	}
	m.ended = func(until time.Time) {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		select {
		case <-group.Done():
		case <-t.C:
			group.End(syscall.SIGKILL, 0)
		}
		_ = hear.Close()
	}
	return m, nil
}

// answer reads what a process has to say, within ctx: its pipe is closed then, and nothing more can be said.
func (m *contendMember) answer(ctx context.Context, to *contendWindow) error {
	done := make(chan error, 1)
	go func() { done <- m.hear.Decode(to) }() // It ends with the process at the latest.
	select {
	case err := <-done:
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("it has ended")
		case err != nil:
			return err
		case to.Err != "":
			return errors.New(strings.TrimPrefix(to.Err, "session: "))
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run has all processes do one window at the same time, and adds up what they say.
func (c *contendCrew) run(ctx context.Context, task contendTask) (contendWindow, error) {
	task.Begin = time.Now().Add(15 * time.Millisecond) // By when all have been told.
	if task.Cell.Strategy == contendCurator {
		return c.curator.run(ctx, task)
	}
	n := min(task.Cell.Processes, len(c.members))
	for _, m := range c.members[:n] {
		if err := m.tell.Encode(task); err != nil {
			return contendWindow{}, err
		}
	}
	total := contendWindow{Times: contendTimes{}}
	var failed error
	for _, m := range c.members[:n] {
		var w contendWindow
		if err := m.answer(ctx, &w); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		total.add(w)
	}
	return total, failed
}

// close ends the processes, and returns when they have ended.
func (c *contendCrew) close() {
	for _, m := range c.members {
		m.close()
	}
	until := time.Now().Add(contendGrace) // For all of them: who is in the middle of something may take long.
	for _, m := range c.members {
		m.ended(until)
	}
	if c.curator != nil {
		c.curator.close()
	}
}
