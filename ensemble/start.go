package ensemble

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	startTimeout = 60 * time.Second      // A bound against hangs; a loaded machine takes a few seconds.
	probeEvery   = 20 * time.Millisecond // How often a starting server is asked whether it serves.
	probeTimeout = 500 * time.Millisecond
	portAttempts = 5
)

// Start starts a ZooKeeper and blocks until it serves, ctx ends, or a minute has passed.
//
// It returns an Ensemble that the caller stops. ctx bounds the start only: what ends it later does not end the server.
// On failure no process is left and no directory that Start made. The error is ErrConfig for a Config that cannot be, ErrNotInstalled when
// there is no ZooKeeper or no Java, an [*ExitError] with the last lines of the server's log when it died before it served, or ctx's cause.
func Start(ctx context.Context, cfg Config) (*Ensemble, error) { return start(ctx, cfg, freePort) }

// start is Start with a source of ports, so that a test can lose the race for one.
func start(ctx context.Context, cfg Config, pick func() (int, error)) (_ *Ensemble, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	var inst Installation
	if cfg.Installation != nil {
		inst = *cfg.Installation
	} else if inst, err = Find(); err != nil {
		return nil, err
	}
	e := &Ensemble{cfg: cfg, inst: inst, dir: cfg.DataDir, log: newRing(logLines)}
	sweep(os.TempDir(), cfg.Logger)
	if e.dir == "" {
		e.ownsDir = true
		e.dir, err = makeDir(os.TempDir())
	} else {
		e.dir, err = filepath.Abs(e.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("ensemble: data directory: %w", err)
	}
	defer func() {
		if err != nil && e.ownsDir {
			_ = os.RemoveAll(e.dir) // The failure itself is what the caller must hear of.
		}
	}()
	for attempt := 1; ; attempt++ {
		if e.port, err = pick(); err != nil {
			return nil, fmt.Errorf("ensemble: no free port: %w", err)
		}
		err = e.boot(ctx)
		if err == nil {
			return e, nil
		}
		if attempt == portAttempts || !errors.Is(err, errPortTaken) {
			return nil, err
		}
		cfg.Logger.Debug("another process took the port, trying the next", "addr", e.addr(), "attempt", attempt)
	}
}

// freePort returns a port of the loopback interface that nobody listens on now. Until the server binds it, anybody may.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// isFree reports whether a server could bind the port now.
func isFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// boot writes the configuration, starts the process and waits until it serves. On failure the process is gone.
func (e *Ensemble) boot(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	began := time.Now()
	home := filepath.Join(e.dir, "1")
	if err := writeServerDir(home, e.port, e.cfg); err != nil {
		return fmt.Errorf("ensemble: data directory: %w", err)
	}
	since := e.log.total()
	p, err := startProcess(javaCommand(e.inst, e.cfg, home), e.log)
	if err != nil {
		return fmt.Errorf("ensemble: cannot start %s: %w", e.inst.Java, err)
	}
	version, err := e.awaitReady(ctx, p, filepath.Join(home, "data"), since)
	if err != nil {
		p.kill()
		<-p.done
		return err
	}
	e.mu.Lock()
	e.proc, e.version = p, version
	e.mu.Unlock()
	e.cfg.Logger.Info("ZooKeeper serves", "addr", e.addr(), "version", version, "pid", p.pid(), "after", time.Since(began))
	return nil
}

// awaitReady polls until the process serves from our data directory, and returns its version. Another server that has the port is not taken
// for ours: it names another directory.
func (e *Ensemble) awaitReady(ctx context.Context, p *process, data string, since int) (version string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("ensemble: not ready after %v", startTimeout))
	defer cancel()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			log := e.log.since(since)
			exit := &ExitError{Err: p.err, Log: strings.Join(log[max(0, len(log)-exitLogLines):], "\n")}
			if lostPort(log) || !isFree(e.port) {
				exit.Err = fmt.Errorf("%w: %s: %w", errPortTaken, e.addr(), p.err)
			}
			return "", exit
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-tick.C:
		}
		if version, ok := probe(ctx, e.addr(), data); ok {
			return version, nil
		}
	}
}

// probe reports whether the server at addr serves from data, and its version.
func probe(ctx context.Context, addr, data string) (version string, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	srvr, err := FourLetter(ctx, addr, "srvr")
	if err != nil || modeOf(srvr) == "" {
		return "", false
	}
	conf, err := FourLetter(ctx, addr, "conf")
	if err != nil || !servesFrom(conf, data) {
		return "", false
	}
	return versionOf(srvr), true
}
