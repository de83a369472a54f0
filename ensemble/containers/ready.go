package containers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zkkit/zkkit/ensemble"
	"github.com/zkkit/zkkit/internal/docker"
)

const (
	startTimeout = time.Minute // A bound against hangs; a loaded machine takes some seconds.
	probeEvery   = 50 * time.Millisecond
	probeTimeout = time.Second
	portAttempts = 5
	exitLogLines = 20
)

// Mode asks the server for its mode: "standalone", "leader" or "follower". It blocks until the answer, until ctx ends, or for 10 s.
// It fails when the server does not serve, as one that is cut off from its peers.
func (s *Server) Mode(ctx context.Context) (string, error) {
	srvr, err := ensemble.FourLetter(ctx, s.Addr(), "srvr")
	if err != nil {
		return "", fmt.Errorf("containers: %s: %w", s.name, err)
	}
	mode, _ := parseSrvr(srvr)
	if mode == "" {
		line, _, _ := strings.Cut(strings.TrimSpace(srvr), "\n")
		return "", fmt.Errorf("containers: %s does not serve: %s", s.name, line)
	}
	return mode, nil
}

// probe is Mode for a server that may not answer.
func (s *Server) probe(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return s.Mode(ctx)
}

// parseSrvr returns the mode and the version in an answer to srvr; no mode when the server answers but does not serve.
func parseSrvr(srvr string) (mode, version string) {
	for line := range strings.Lines(srvr) {
		if m, ok := strings.CutPrefix(line, "Mode: "); ok {
			mode = strings.TrimSpace(m)
		}
		if v, ok := strings.CutPrefix(line, "Zookeeper version: "); ok {
			version, _, _ = strings.Cut(v, "-")
		}
	}
	return mode, version
}

// awaitReady blocks until the server serves, and returns its version.
func (s *Server) awaitReady(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("containers: %s is not ready after %v", s.name, startTimeout))
	defer cancel()
	for {
		probe, cancel := context.WithTimeout(ctx, probeTimeout)
		srvr, err := ensemble.FourLetter(probe, s.Addr(), "srvr")
		cancel()
		if mode, version := parseSrvr(srvr); err == nil && mode != "" {
			return version, nil
		}
		state, err := s.state(ctx)
		switch {
		case err != nil:
			return "", explain(ctx, "waiting for "+s.name, err)
		case !state.Running:
			log, _ := s.Log(ctx)
			lines := strings.Split(log, "\n")
			return "", &ExitError{Name: s.name, Status: state.ExitCode, Log: strings.Join(lines[max(0, len(lines)-exitLogLines):], "\n")}
		}
		if docker.Wait(ctx, probeEvery) != nil {
			return "", context.Cause(ctx)
		}
	}
}
