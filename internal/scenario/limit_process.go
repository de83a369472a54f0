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
	"syscall"
	"time"

	tied "github.com/zkkit/zkkit/internal/child"
)

// A limitServer is a server as the harness has it: a process that admits requests, and tells in the end what it admitted.
type limitServer struct {
	number  int
	process *tied.Process
	in      *os.File
	log     *tied.Lines // what it says besides
	ready   chan struct{}
	ended   chan struct{} // closed when it tells nothing any more
	records []limitRecord // read after ended
}

// startLimitServer starts a process with a job. The caller ends it.
func startLimitServer(command []string, job limitJob) (*limitServer, error) {
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
	s := &limitServer{number: job.Server, in: inW, log: tied.NewLines(20), ready: make(chan struct{}), ended: make(chan struct{})}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.ExtraFiles = inR, []*os.File{outW}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2") // As a server of its own would have; there are many of them here.
	if s.process, err = tied.StartProcess(cmd, s.log, nil); err != nil {
		_ = inW.Close()
		_ = outR.Close()
		return nil, environment(fmt.Errorf("server: %w", err))
	}
	go s.listen(outR)
	b, err := json.Marshal(job)
	if err == nil {
		_, err = inW.Write(append(b, '\n'))
	}
	if err != nil {
		s.end()
		return nil, environment(fmt.Errorf("server: %w", err))
	}
	return s, nil
}

// listen takes what the server tells, until it ends.
func (s *limitServer) listen(reports *os.File) {
	defer close(s.ended)
	defer reports.Close()
	lines := bufio.NewReader(reports)
	decode := json.NewDecoder(lines)
	for {
		var r limitReport
		if err := decode.Decode(&r); err != nil {
			return
		}
		switch {
		case r.Ready:
			close(s.ready)
		case r.Record != nil:
			s.records = append(s.records, *r.Record)
		}
	}
}

// errServerEnded means that a server ended before its work was done.
var errServerEnded = errors.New("it ended too early")

// awaitReady waits until the server is connected.
func (s *limitServer) awaitReady(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-s.ended:
		return fmt.Errorf("server %d: %w%s", s.number, errServerEnded, s.says())
	case <-ctx.Done():
		return fmt.Errorf("server %d does not come up: %w", s.number, context.Cause(ctx))
	}
}

// begin says when to begin.
func (s *limitServer) begin(at time.Duration) error {
	_, err := fmt.Fprintln(s.in, at.Nanoseconds())
	return err
}

// finish waits until the server has told all, and returns it.
func (s *limitServer) finish(ctx context.Context, want int) ([]limitRecord, error) {
	select {
	case <-s.ended:
		if len(s.records) != want {
			return nil, fmt.Errorf("server %d: %w%s", s.number, errServerEnded, s.says())
		}
		return s.records, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("server %d does not end: %w", s.number, context.Cause(ctx))
	}
}

// says returns the last that the server wrote where nobody expects anything.
func (s *limitServer) says() string {
	if lines := s.log.Since(0); len(lines) > 0 {
		return " (" + strings.TrimSpace(lines[len(lines)-1]) + ")"
	}
	return ""
}

// end ends the server, and returns when it is gone.
func (s *limitServer) end() {
	_ = s.in.Close()
	s.process.End(syscall.SIGKILL, time.Second)
	<-s.ended
}
