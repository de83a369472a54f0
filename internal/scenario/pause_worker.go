package scenario

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// PauseWorkerCommand is the argument with which a program starts itself again as a worker: see [PauseWorker].
const PauseWorkerCommand = "pause-worker"

// reportsFD is the file on which a worker tells what happens.
const reportsFD = 3

// A step is where a worker can be made to stop and wait until it is told to go on. In between it runs as any worker does.
type step string

const (
	stepStart   step = "start"   // connected, and about to ask for the lock; every worker stops here
	stepAnswer  step = "answer"  // the servers have answered, and nobody has looked at the answer
	stepWrite   step = "write"   // its hold was good when it looked, and it is about to write
	stepRelease step = "release" // it has written, and is about to give the lock back
)

// A workerJob is what a worker is to do. It comes as the first line on its standard input; each line after that lets it go on from one step.
type workerJob struct {
	Who      string    `json:"who"`
	Trial    Trial     `json:"trial"`
	TTL      Millis    `json:"ttl_ms"`
	Lock     lockPlace `json:"lock"`
	Ledger   ledgerAt  `json:"ledger"`
	Provider string    `json:"provider,omitempty"` // URL
	Job      string    `json:"job"`
	Amount   int       `json:"amount"`
	Set      bool      `json:"set"` // the balance is read, changed and written, and not added to
	Stops    []step    `json:"stops"`
	Renews   bool      `json:"renews"` // beside the work
}

// A workerReport is one line from a worker: an event, or the step at which it has stopped.
type workerReport struct {
	Event *Event `json:"event,omitempty"`
	At    step   `json:"at,omitempty"`
	// Time is when it happened, by the clock of the machine.
	Time time.Duration `json:"time,omitempty"`
}

// A worker is a process that takes the lock, does one job, and gives the lock back.
type worker struct {
	job      workerJob
	commands *bufio.Scanner
	lock     pauseLock
	ledger   *ledger
	stops    map[step]bool // guarded by being taken out on the goroutine that stops

	mu      sync.Mutex // guards reports
	reports io.Writer
}

// PauseWorker is the life of one worker process: it reads its job from standard input, does it, and tells what happens on its file 3. It returns the exit status.
func PauseWorker() int {
	reports := os.NewFile(reportsFD, "reports")
	if info, err := reports.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		fmt.Fprintln(os.Stderr, "this is started by zkctl pause, and is of no use by itself")
		return 2
	}
	w := &worker{reports: reports, commands: bufio.NewScanner(os.Stdin), stops: map[step]bool{}}
	w.commands.Buffer(nil, 1<<20)
	if err := w.live(context.Background()); err != nil {
		w.tell(Event{What: Failed, Detail: err.Error()})
		return 1
	}
	return 0
}

func (w *worker) live(ctx context.Context) (err error) {
	if !w.commands.Scan() {
		return errors.New("no job")
	}
	if err := json.Unmarshal(w.commands.Bytes(), &w.job); err != nil {
		return fmt.Errorf("the job: %w", err)
	}
	for _, s := range w.job.Stops {
		w.stops[s] = true
	}
	if w.ledger, err = openLedger(ctx, w.job.Ledger); err != nil {
		return err
	}
	defer w.ledger.close()
	if w.lock, err = w.openLock(ctx); err != nil {
		return err
	}
	defer w.lock.close()
	w.stop(stepStart)
	return w.work(ctx)
}

// work is what a careful worker does: it takes the lock, does what takes long, looks whether its hold is still good, and only then writes. When its hold is not good any
// more it begins again.
func (w *worker) work(ctx context.Context) error {
	w.tell(Event{What: Asked})
	for {
		done, err := w.once(ctx)
		if done || err != nil {
			return err
		}
	}
}

// once does the job under one hold, and reports false if the hold ended before the job was done.
func (w *worker) once(ctx context.Context) (done bool, err error) {
	h, err := w.lock.lock(ctx, func() { w.tell(Event{What: Denied}) })
	if errors.Is(err, errTooLate) {
		w.tell(Event{What: LetGo, Detail: err.Error()})
		return false, nil
	}
	if err != nil {
		return false, err
	}
	token := h.token()
	if token == 0 && w.job.Trial.Way.fenced() {
		if token, err = w.ledger.draw(ctx); err != nil {
			return false, err
		}
	}
	w.tellOf(h, Event{What: Acquired, Token: token})
	progress := w.renew(ctx, h)
	defer progress.stop()
	if w.job.Trial.Way.seals() {
		err := w.ledger.seal(ctx, token)
		if err != nil && !isStale(err) {
			return false, err
		}
		ok := err == nil
		w.tell(Event{What: Sealed, Token: token, OK: &ok})
		if !ok {
			return false, w.giveBack(ctx, h)
		}
	}
	finished, balance, err := w.ledger.read(ctx, w.job.Job)
	if err != nil {
		return false, err
	}
	if finished {
		w.tell(Event{What: Skipped, Detail: "finds " + w.job.Job + " done"})
		return true, w.giveBack(ctx, h)
	}
	if !w.tellOf(h, Event{What: Checked}) {
		return false, w.giveBack(ctx, h)
	}
	w.stop(stepWrite)
	progress.made()
	if err := w.effect(ctx, token, balance); err != nil {
		return false, err
	}
	w.stop(stepRelease)
	progress.stop()
	return true, w.giveBack(ctx, h)
}

// effect is the payment, if there is one, and the write.
func (w *worker) effect(ctx context.Context, token uint64, balance int) error {
	if w.job.Provider != "" {
		key := ""
		if w.job.Trial.Way == WayKey {
			key = w.job.Job
		}
		w.tell(Event{What: ChargeSent, Token: token, Detail: w.job.Job})
		if err := charge(ctx, w.job.Provider, w.job.Who, w.job.Job, key); err != nil {
			return err
		}
	}
	w.tell(Event{What: WriteSent, Token: token, Detail: w.job.Job})
	err := w.ledger.write(ctx, entry{w.job.Job, w.job.Who, token, w.job.Amount}, w.job.Set, balance)
	ok := err == nil
	answered := Event{What: WriteAnswered, Token: token, Detail: w.job.Job, OK: &ok}
	switch {
	case err == nil || isStale(err):
	case isUnknown(err):
		answered.OK = nil
	default:
		return err
	}
	w.tell(answered)
	return nil
}

// giveBack gives the lock back, and tells what became of it.
func (w *worker) giveBack(ctx context.Context, h heldLock) error {
	before := machineTime() // A belief ends before anybody else can have the lock.
	mine, err := h.release(ctx)
	told := Event{What: Released, OK: &mine}
	switch {
	case errors.Is(err, errUnsure):
		told.OK, told.Detail = nil, err.Error()
	case err != nil:
		return err
	}
	w.tellAt(before, told)
	return nil
}

// tellOf tells of a hold, with for how long it is good, and with the answer for OK if that is what the event is about. It reports whether the hold is good. The time is taken first: should
// the process be held up in between, it claims too little and never too much.
func (w *worker) tellOf(h heldLock, e Event) (good bool) {
	t := machineTime()
	left, good := h.left()
	e.Figures = map[string]float64{ValidMs: Ms(max(left, 0))}
	if e.What == Checked {
		e.OK = &good
	}
	w.tellAt(t, e)
	return good
}

// tell reports an event that has just happened.
func (w *worker) tell(e Event) { w.tellAt(machineTime(), e) }

func (w *worker) tellAt(t time.Duration, e Event) {
	e.Who = w.job.Who
	w.report(workerReport{Event: &e, Time: t})
}

func (w *worker) report(r workerReport) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := json.Marshal(r)
	if err != nil {
		return // It holds nothing that can fail to marshal.
	}
	if _, err := w.reports.Write(append(b, '\n')); err != nil {
		os.Exit(1) // Nobody listens any more.
	}
}

// stop tells that the worker is at a step where it is to stop, and blocks until it is told to go on. Each step is stopped at once.
func (w *worker) stop(at step) {
	if at != stepStart && !w.stops[at] {
		return
	}
	delete(w.stops, at)
	w.report(workerReport{At: at})
	if !w.commands.Scan() {
		os.Exit(1) // Nobody is there any more.
	}
}

// errTooLate means that the lock was granted, and the answer came when it was over.
var errTooLate = errors.New("the answer came too late: its hold is over already")

// errUnsure means that it is not known whether a lock was given back: its session ended before the answer came.
var errUnsure = errors.New("its session ended while it gave the lock back")

// retryEvery is how long a worker waits before it asks again for a lock in Redis.
func retryEvery(ttl time.Duration) time.Duration { return max(ttl/20, time.Millisecond) }
