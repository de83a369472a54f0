package ensemble

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/zkkit/zkkit/internal/child"
)

const (
	stopGrace    = 3 * time.Second // From SIGTERM to SIGKILL.
	logLines     = 200
	exitLogLines = 20
)

// A Server is one member of an ensemble: a process that can be paused, killed and brought back. It comes from [Ensemble.Servers] or [Ensemble.Leader].
// It is safe for concurrent use. The zero Server is not usable.
type Server struct {
	ensemble *Ensemble
	number   int
	home     string // Its directory.
	host     string
	ports    ports
	site     *Site // Nil without namespaces.
	log      *child.Lines

	change sync.Mutex // Held while the process is replaced or ended, by Restart, Stop and the end of the ensemble; taken before mu.

	mu      sync.Mutex     // guards the fields below
	proc    *child.Process // The last one; nil only before the first has served.
	version string
}

func newServer(e *Ensemble, number int) *Server {
	return &Server{ensemble: e, number: number, home: filepath.Join(e.dir, strconv.Itoa(number)), host: loopback, log: child.NewLines(logLines)}
}

// Number returns the server's number, 1 for the first one: the N of server.N in ZooKeeper's configuration.
func (s *Server) Number() int { return s.number }

// Name returns "zk" and the number, such as "zk1".
func (s *Server) Name() string { return "zk" + strconv.Itoa(s.number) }

// Addr returns the address for clients, as host:port. It stays the same over a Restart.
func (s *Server) Addr() string { return net.JoinHostPort(s.host, strconv.Itoa(s.ports.client)) }

// Mode asks the server for its mode: "standalone" for a single one, else "leader" or "follower". It blocks until the answer, until ctx ends, or for 10 s.
// It asks past all cuts. A server that runs and does not serve, as one without a quorum, is an error.
func (s *Server) Mode(ctx context.Context) (string, error) {
	srvr, err := s.ask(ctx, "srvr")
	if err != nil {
		return "", err
	}
	if mode := modeOf(srvr); mode != "" {
		return mode, nil
	}
	return "", fmt.Errorf("ensemble: %s does not serve: %s", s.Addr(), firstLine(srvr))
}

// ask sends the server a four-letter word.
func (s *Server) ask(ctx context.Context, word string) (string, error) {
	var d net.Dialer
	if s.site != nil {
		d.LocalAddr = &net.TCPAddr{IP: s.site.fabric.host(hostOfControl).AsSlice()}
	}
	return fourLetter(ctx, d, s.Addr(), word)
}

// PID returns the process id of the server, 0 when it does not run.
func (s *Server) PID() int {
	p := s.current()
	if p == nil || p.Ended() {
		return 0
	}
	return p.PID()
}

// Done returns a channel that is closed when the server's process has ended, for whatever reason. After a Restart it is another channel.
func (s *Server) Done() <-chan struct{} { return s.current().Done() }

// Log returns the last lines that the server wrote, at most 200, the oldest first.
func (s *Server) Log() string { return strings.Join(s.log.Since(0), "\n") }

func (s *Server) current() *child.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc
}

func (s *Server) lastVersion() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// Pause stops the process where it stands (SIGSTOP) and blocks until every thread of it has stopped, as a rule for less than a millisecond.
// Connections stay open, and nothing is answered. It fails with ErrNotRunning when the process has ended, and with [errors.ErrUnsupported]
// where there is no such signal; then nothing has changed.
func (s *Server) Pause() error { return explain(s.current().Pause()) }

// Resume lets a paused process go on (SIGCONT) and blocks until it does. It does nothing to one that runs.
// It fails with ErrNotRunning when the process has ended.
func (s *Server) Resume() error { return explain(s.current().Resume()) }

// Kill ends the process at once (SIGKILL), paused or not, and blocks until it is gone. Its data stays, and Restart brings it back.
// It fails with ErrNotRunning when the process had ended before.
func (s *Server) Kill() error {
	p := s.current()
	if p.Ended() {
		return ErrNotRunning
	}
	p.Kill()
	<-p.Done()
	return nil
}

// Stop ends the process in order (SIGTERM, and SIGKILL after 3 s), paused or not, and blocks until it is gone. Its data stays, and Restart brings it back.
// It waits for a Restart of this server that is under way. It fails with ErrNotRunning when the process had ended before.
func (s *Server) Stop() error {
	s.change.Lock()
	defer s.change.Unlock()
	p := s.current()
	if p.Ended() {
		return ErrNotRunning
	}
	p.End(syscall.SIGTERM, stopGrace)
	return nil
}

// Restart starts the server again, on the same ports and with the same data, after ending it in order if it runs.
//
// It blocks until the server serves, ctx ends, or a minute has passed. A member of a larger ensemble serves only with a quorum: where too few others run, start
// several at the same time. On failure the server does not run, its data is still there, and Restart may be called again.
// The errors are those of Start, and ErrStopped after [Ensemble.Stop].
func (s *Server) Restart(ctx context.Context) error {
	s.change.Lock()
	defer s.change.Unlock()
	if s.ensemble.isStopped() {
		return ErrStopped
	}
	ctx, release := s.ensemble.untilStop(ctx)
	defer release()
	s.current().End(syscall.SIGTERM, stopGrace)
	for attempt := 1; ; attempt++ {
		err := s.boot(ctx)
		if err == nil || attempt == portAttempts || !errors.Is(err, errPortTaken) {
			return err
		}
		// A port may be on its way back from a connection that had it, or from a process that was killed.
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * probeEvery):
		}
	}
}

// end terminates the process for good: the ensemble is stopping, so that no Restart follows.
func (s *Server) end() {
	s.change.Lock()
	defer s.change.Unlock()
	if p := s.current(); p != nil {
		p.End(syscall.SIGTERM, stopGrace)
	}
}
