package scenario

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	tied "github.com/zkkit/zkkit/internal/child"
)

// A workerProcess is a worker as the harness has it: a process that tells what it does, stops at steps, and can be frozen.
type workerProcess struct {
	who     string
	process *tied.Process
	in      *os.File      // its standard input
	log     *tied.Lines   // what it says besides
	steps   chan step     // at which it has stopped
	ended   chan struct{} // closed when it tells nothing any more

	mu    sync.Mutex // guards heard
	heard map[string]chan struct{}
}

// errWorkerEnded means that a worker ended before it came to a step.
var errWorkerEnded = errors.New("it ended too early")

// startWorker starts a worker process with a job. What it tells goes to rec. The caller ends it.
func startWorker(command []string, job workerJob, rec *recorder, clock machineClock) (*workerProcess, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, environment(err)
	}
	defer inR.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		_ = inW.Close()
		return nil, environment(err)
	}
	defer outW.Close()
	w := &workerProcess{
		who: job.Who, in: inW, log: tied.NewLines(20), steps: make(chan step, len(job.Stops)+1), ended: make(chan struct{}), heard: map[string]chan struct{}{},
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.ExtraFiles = inR, []*os.File{outW}
	if w.process, err = tied.StartProcess(cmd, w.log, nil); err != nil {
		_ = inW.Close()
		_ = outR.Close()
		return nil, environment(fmt.Errorf("worker: %w", err))
	}
	go w.listen(outR, rec, clock)
	b, err := json.Marshal(job)
	if err == nil {
		_, err = inW.Write(append(b, '\n'))
	}
	if err != nil {
		w.end()
		return nil, environment(fmt.Errorf("worker: %w", err))
	}
	return w, nil
}

// listen records what the worker tells, until it ends.
func (w *workerProcess) listen(reports *os.File, rec *recorder, clock machineClock) {
	defer close(w.ended)
	defer reports.Close()
	lines := bufio.NewScanner(reports)
	for lines.Scan() {
		var r workerReport
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			rec.now(Event{Who: w.who, What: Failed, Detail: "it tells nonsense: " + err.Error()})
			continue
		}
		if r.Event != nil {
			rec.add(clock.at(r.Time), *r.Event)
			w.mark(r.Event.What)
		}
		if r.At != "" {
			w.steps <- r.At
		}
	}
}

// mark notes that the worker has told of something.
func (w *workerProcess) mark(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.channelLocked(what):
	default:
		close(w.heard[what])
	}
}

// hears returns a channel that is closed once the worker has told of something.
func (w *workerProcess) hears(what string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.channelLocked(what)
}

func (w *workerProcess) channelLocked(what string) chan struct{} {
	if w.heard[what] == nil {
		w.heard[what] = make(chan struct{})
	}
	return w.heard[what]
}

// reach waits until the worker has stopped at a step.
func (w *workerProcess) reach(ctx context.Context, at step) error {
	select {
	case got := <-w.steps:
		if got != at {
			return fmt.Errorf("worker %s stopped at %q, not at %q", w.who, got, at)
		}
		return nil
	case <-w.ended:
		return fmt.Errorf("worker %s did not come to %q: %w%s", w.who, at, errWorkerEnded, w.says())
	case <-ctx.Done():
		return fmt.Errorf("worker %s did not come to %q: %w", w.who, at, context.Cause(ctx))
	}
}

// hearReleased waits until the worker has told that it has given the lock back.
func (w *workerProcess) hearReleased(ctx context.Context) error {
	released := w.hears(Released)
	select {
	case <-released:
		return nil
	case <-w.ended:
		select {
		case <-released: // It was the last thing that it told.
			return nil
		default:
		}
		return fmt.Errorf("worker %s did not give the lock back: %w%s", w.who, errWorkerEnded, w.says())
	case <-ctx.Done():
		return fmt.Errorf("worker %s did not give the lock back: %w", w.who, context.Cause(ctx))
	}
}

// goOn lets the worker go on from the step at which it has stopped. A frozen one goes on when it is resumed.
func (w *workerProcess) goOn() error {
	if _, err := w.in.Write([]byte("\n")); err != nil {
		return fmt.Errorf("worker %s: %w%s", w.who, err, w.says())
	}
	return nil
}

// finish waits until the worker has come to its end.
func (w *workerProcess) finish(ctx context.Context) error {
	select {
	case <-w.process.Done():
		<-w.ended
		if err := w.process.Err(); err != nil {
			return fmt.Errorf("worker %s: %w%s", w.who, err, w.says())
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("worker %s did not end: %w", w.who, context.Cause(ctx))
	}
}

// says returns the last that the worker wrote where nobody expects anything.
func (w *workerProcess) says() string {
	if lines := w.log.Since(0); len(lines) > 0 {
		return " (" + strings.TrimSpace(lines[len(lines)-1]) + ")"
	}
	return ""
}

// end ends the worker, frozen or not, and returns when it is gone.
func (w *workerProcess) end() {
	if w == nil {
		return
	}
	_ = w.in.Close() // A worker that waits at a step sees that.
	w.process.End(syscall.SIGKILL, time.Second)
	<-w.ended
}
