package ensemble

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zkkit/zkkit/internal/child"
)

const (
	startTimeout = 60 * time.Second      // A bound against hangs; a loaded machine takes a few seconds.
	probeEvery   = 20 * time.Millisecond // How often a starting server is asked whether it serves.
	probeTimeout = 500 * time.Millisecond
)

// boot writes the configuration, starts the process and waits until it serves. On failure the process is gone.
func (s *Server) boot(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	began, e := time.Now(), s.ensemble
	if err := s.writeHome(); err != nil {
		return fmt.Errorf("ensemble: data directory: %w", err)
	}
	since := s.log.Total()
	p, err := startProcess(s.javaCommand(), s.namespace(), s.log)
	if err != nil {
		return fmt.Errorf("ensemble: cannot start %s: %w", e.inst.Java, err)
	}
	version, err := s.awaitReady(ctx, p, since)
	if err != nil {
		p.Kill()
		<-p.Done()
		return err
	}
	s.mu.Lock()
	s.proc, s.version = p, version
	s.mu.Unlock()
	e.cfg.Logger.Info("ZooKeeper serves", "server", s.number, "addr", s.Addr(), "version", version, "pid", p.PID(), "after", time.Since(began))
	return nil
}

// awaitReady polls until the process serves from our data directory, and returns its version. Another server that has the port is not taken
// for ours: it names another directory.
func (s *Server) awaitReady(ctx context.Context, p *child.Process, since int) (version string, err error) {
	late := fmt.Errorf("ensemble: server %d does not serve after %v", s.number, startTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, late)
	defer cancel()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.Done():
			log := s.log.Since(since)
			exit := &ExitError{Server: s.number, Err: p.Err(), Log: strings.Join(log[max(0, len(log)-exitLogLines):], "\n")}
			if lostPort(log) || !s.portsAreFree() {
				exit.Err = fmt.Errorf("%w: %s: %w", errPortTaken, s.Addr(), p.Err())
			}
			return "", exit
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-tick.C:
		}
		if version, ok := s.probe(ctx); ok {
			return version, nil
		}
		// A member that cannot listen for its peers does not end: it tries again, or goes on without them.
		if len(s.ensemble.servers) > 1 && lostPort(s.log.Since(since)) {
			return "", fmt.Errorf("%w: one of server %d", errPortTaken, s.number)
		}
	}
}

func (s *Server) namespace() *namespace {
	if s.site == nil {
		return nil
	}
	return s.site.ns
}

func (s *Server) portsAreFree() bool {
	if s.site != nil {
		return true // Nobody else can have them.
	}
	for _, port := range []int{s.ports.client, s.ports.quorum, s.ports.election} {
		if port != 0 && !child.IsFree(port) {
			return false
		}
	}
	return true
}

// probe reports whether the server serves from its own data directory, and its version.
func (s *Server) probe(ctx context.Context) (version string, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	srvr, err := s.ask(ctx, "srvr")
	if err != nil || modeOf(srvr) == "" {
		return "", false
	}
	conf, err := s.ask(ctx, "conf")
	if err != nil || !servesFrom(conf, s.dataDir()) {
		return "", false
	}
	return versionOf(srvr), true
}
