package scenario

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"
)

// RateLimitWorkerCommand is the argument with which a program starts itself again as a server: see [RateLimitWorker].
const RateLimitWorkerCommand = "ratelimit-worker"

// How a user behaves.
const (
	LoadGreedy = "greedy" // it takes all that it can get, from the first moment on
	LoadEdge   = "edge"   // it saves up, and takes all that it can get just before and just after the edge of a window; and so before and after Redis is restarted
	LoadNormal = "normal" // it asks at four fifths of the limit, evenly
)

// loadOf returns how a user behaves.
func loadOf(user int) string { return []string{LoadGreedy, LoadEdge, LoadNormal}[user%3] }

// userName names a user in keys.
func userName(user int) string { return "user-" + strconv.Itoa(user) }

// A limitJob is what a server is to do. It comes as the first line on its standard input. The second one is when to begin, in nanoseconds by the clock of the machine.
type limitJob struct {
	Server  int           `json:"server"`
	Servers int           `json:"servers"`
	Users   int           `json:"users"`
	Modes   []string      `json:"modes"`
	Place   limitPlace    `json:"place"`
	For     time.Duration `json:"for"`
}

// A limitRecord is what came of one user's requests in one mode on one server.
type limitRecord struct {
	Mode       string      `json:"mode"`
	User       int         `json:"user"`
	Attempts   int64       `json:"attempts"`
	Errors     int64       `json:"errors"`
	Error      string      `json:"error,omitempty"` // the first one
	Unanswered int64       `json:"unanswered,omitempty"`
	Admitted   []admission `json:"admitted"`
}

// A limitReport is one line from a server: that it is ready, or a record.
type limitReport struct {
	Ready  bool         `json:"ready,omitempty"`
	Record *limitRecord `json:"record,omitempty"`
}

// RateLimitWorker is the life of one server's process: it reads its job from standard input, admits requests for as long as it is told, and tells what it admitted on its file 3. It returns the
// exit status.
func RateLimitWorker() int {
	reports := os.NewFile(reportsFD, "reports")
	if info, err := reports.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		fmt.Fprintln(os.Stderr, "this is started by zkctl ratelimit, and is of no use by itself")
		return 2
	}
	quietRedis()
	if err := serveLimits(context.Background(), os.Stdin, reports); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveLimits(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return errors.New("no job")
	}
	var job limitJob
	if err := json.Unmarshal(lines.Bytes(), &job); err != nil {
		return fmt.Errorf("the job: %w", err)
	}
	gates := map[string]gatekeeper{}
	defer func() {
		for _, g := range gates {
			g.close()
		}
	}()
	for _, mode := range job.Modes {
		g, err := openGate(ctx, mode, job.Place)
		if err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
		gates[mode] = g
		_, _ = g.allow(ctx, "nobody") // So that it is connected; what is wrong with that shows later.
	}
	report := json.NewEncoder(out)
	if err := report.Encode(limitReport{Ready: true}); err != nil {
		return err
	}
	if !lines.Scan() {
		return errors.New("nobody says when to begin")
	}
	begin, err := strconv.ParseInt(lines.Text(), 10, 64)
	if err != nil {
		return fmt.Errorf("when to begin: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // Nobody is there any more.
		for lines.Scan() {
		}
		cancel()
	}()
	var wg sync.WaitGroup
	var records []*limitPlayer
	for _, mode := range job.Modes {
		for user := range job.Users {
			p := &limitPlayer{
				job: job, gate: gates[mode], record: limitRecord{Mode: mode, User: user}, begin: time.Duration(begin),
				rng: rand.New(rand.NewPCG(uint64(job.Server), uint64(user))),
			}
			records = append(records, p)
			wg.Go(func() { p.play(ctx) })
		}
	}
	wg.Wait()
	for _, p := range records {
		if g, ok := p.gate.(*ownGate); ok && p.record.User == 0 {
			p.record.Unanswered = g.unanswered.Load()
		}
		if err := report.Encode(limitReport{Record: &p.record}); err != nil {
			return err
		}
	}
	return nil
}

// A limitPlayer makes the requests of one user, in one mode, that come to one server.
type limitPlayer struct {
	job    limitJob
	gate   gatekeeper
	record limitRecord
	begin  time.Duration // by the clock of the machine
	rng    *rand.Rand
}

// attemptTimeout bounds one request.
const attemptTimeout = 30 * time.Second

// play makes requests until the time is over.
func (p *limitPlayer) play(ctx context.Context) {
	per, share := p.job.Place.Per, float64(p.job.Servers)
	tokens := float64(p.job.Place.Max) / per.Seconds() // per second, over all servers
	// Together the servers try a little more than once again what there is to be had at once.
	burst := int(float64(p.job.Place.Max)*1.3/share) + 1
	if p.record.Mode == ModeUnsynchronised {
		burst = int(p.job.Place.Max) + 1 // Of each server there is that much to be had.
	}
	switch loadOf(p.record.User) {
	case LoadGreedy:
		if !p.until(ctx, p.begin) {
			return
		}
		p.burst(ctx, burst)
		p.now(ctx, func() time.Duration { return p.about(3 * tokens / share) })
	case LoadEdge:
		// Whoever has asked for nothing for a period before Redis forgets can have everything just before that, and again after it.
		forgets := p.begin + time.Duration(restartAt*float64(per))
		for edge := p.nextEdge(p.begin + per/8); edge < forgets-per-per/6; edge += per {
			before := min(per/40, 250*time.Millisecond)
			if !p.until(ctx, edge-before) {
				return
			}
			p.burst(ctx, burst)
			if !p.until(ctx, edge+time.Millisecond) {
				return
			}
			p.burst(ctx, burst)
		}
		if !p.until(ctx, forgets-min(per/10, 3*time.Second)) {
			return
		}
		p.burst(ctx, p.part())
		if p.until(ctx, forgets+per/50) {
			p.now(ctx, func() time.Duration { return p.about(10 * tokens / share) })
		}
	case LoadNormal:
		if p.until(ctx, p.begin) {
			p.now(ctx, func() time.Duration { return p.about(0.8 * tokens / share) })
		}
	}
}

// part is how many requests this server makes when all make just as many as the limit allows, so that none is denied, and none remembers that it was.
func (p *limitPlayer) part() int {
	n, servers := int(p.job.Place.Max), p.job.Servers
	if p.job.Server < n%servers {
		return n/servers + 1
	}
	return n / servers
}

// now makes requests with pauses in between.
func (p *limitPlayer) now(ctx context.Context, pause func() time.Duration) {
	for p.until(ctx, machineTime()+pause()) {
		p.try(ctx)
	}
}

// about returns a random pause, so that there are so many per second on average.
func (p *limitPlayer) about(perSecond float64) time.Duration {
	return time.Duration(p.rng.ExpFloat64() / perSecond * float64(time.Second))
}

// nextEdge returns when the next window begins, by the time of day of who is right.
func (p *limitPlayer) nextEdge(after time.Duration) time.Duration {
	now, wall := machineTime(), time.Now()
	at := wall.Add(after - now)
	return after + time.Duration(int64(p.job.Place.Per)-at.UnixNano()%int64(p.job.Place.Per))
}

func (p *limitPlayer) burst(ctx context.Context, n int) {
	for range n {
		if machineTime() >= p.begin+p.job.For || ctx.Err() != nil {
			return
		}
		p.try(ctx)
	}
}

// try makes one request.
func (p *limitPlayer) try(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	before := machineTime()
	ok, err := p.gate.allow(within, userName(p.record.User))
	after := machineTime()
	p.record.Attempts++
	switch {
	case err != nil && ctx.Err() == nil:
		if p.record.Errors++; p.record.Error == "" {
			p.record.Error = err.Error()
		}
	case ok:
		p.record.Admitted = append(p.record.Admitted, admission{before - p.begin, after - p.begin})
	}
}

// until waits for a time by the clock of the machine, and reports false when the play is over before that.
func (p *limitPlayer) until(ctx context.Context, at time.Duration) bool {
	end := p.begin + p.job.For
	t := time.NewTimer(min(at, end) - machineTime())
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return false
	}
	return at < end
}
