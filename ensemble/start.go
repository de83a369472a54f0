package ensemble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/zkkit/zkkit/internal/child"
)

const (
	portAttempts = 5
	dirKind      = "ensemble" // Of temporary directories.
)

// Start starts a ZooKeeper and blocks until all its servers serve, ctx ends, or a minute has passed.
//
// It returns an Ensemble that the caller stops. ctx bounds the start only: what ends it later does not end the servers.
// On failure no process is left and no directory that Start made. The error is ErrConfig for a Config that cannot be, ErrNotInstalled when
// there is no ZooKeeper or no Java, an [*ExitError] with the last lines of the server's log when one died before it served, ErrNoLinks
// for a Config.Network on a system that lacks the addresses, ErrNoNamespaces for Config.Namespaces where they cannot be, an error of package partition if its names are taken, or ctx's cause.
func Start(ctx context.Context, cfg Config) (*Ensemble, error) {
	return start(ctx, cfg, child.FreePorts)
}

// start is Start with a source of ports, so that a test can lose the race for one.
func start(ctx context.Context, cfg Config, pick func(n int) ([]int, error)) (_ *Ensemble, err error) {
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
	e := &Ensemble{cfg: cfg, inst: inst, dir: cfg.DataDir, stopping: make(chan struct{})}
	child.SweepDirs(os.TempDir(), dirKind, cfg.Logger)
	if e.dir == "" {
		e.ownsDir = true
		e.dir, err = child.MakeDir(os.TempDir(), dirKind)
	} else if e.dir, err = filepath.Abs(e.dir); err == nil {
		err = checkMembers(e.dir, cfg.Servers)
	}
	if errors.Is(err, ErrConfig) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("ensemble: data directory: %w", err)
	}
	defer func() {
		if err != nil && e.ownsDir {
			_ = os.RemoveAll(e.dir) // The failure itself is what the caller must hear of.
		}
	}()
	for n := range cfg.Servers {
		e.servers = append(e.servers, newServer(e, n+1))
	}
	if cfg.Network != nil && cfg.Servers > 1 {
		e.links = &links{shown: cfg.Network}
	}
	if err = e.takeSites(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && e.fabric != nil {
			e.fabric.close()
		}
	}()
	for attempt := 1; ; attempt++ {
		if err = e.takePorts(pick); err != nil {
			return nil, fmt.Errorf("ensemble: no free port: %w", err)
		}
		if err = e.link(ctx); err == nil {
			if err = e.boot(ctx); err != nil {
				err = errors.Join(err, e.unlink())
			}
		}
		if err == nil {
			return e, nil
		}
		if attempt == portAttempts || !errors.Is(err, errPortTaken) {
			return nil, err
		}
		cfg.Logger.Debug("another process took a port, trying others", "attempt", attempt, "err", err)
	}
}

// takeSites makes a network of namespaces, and a place in it for each server.
func (e *Ensemble) takeSites(ctx context.Context) (err error) {
	if !e.cfg.Namespaces {
		return nil
	}
	if e.fabric, err = newFabric(ctx); err != nil {
		return err
	}
	for _, s := range e.servers {
		if s.site, err = e.fabric.site(ctx, s.Name()); err != nil {
			e.fabric.close()
			return err
		}
		s.host = s.site.addr.String()
	}
	return nil
}

func (e *Ensemble) takePorts(pick func(n int) ([]int, error)) error {
	if e.fabric != nil {
		for _, s := range e.servers {
			s.ports = usualPorts
		}
		return nil
	}
	each := 1
	if len(e.servers) > 1 {
		each = portsPerHost
	}
	picked, err := pick(each * len(e.servers))
	if err != nil {
		return err
	}
	for i, s := range e.servers {
		s.ports = ports{client: picked[i]}
		if each > 1 {
			s.ports.quorum, s.ports.election = picked[len(e.servers)+2*i], picked[len(e.servers)+2*i+1]
		}
	}
	return nil
}

// boot starts all servers at once and waits until all serve. When one fails the others are given up, and on failure no process is left.
func (e *Ensemble) boot(ctx context.Context) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var mu sync.Mutex
	var failed error // The first one.
	began := time.Now()
	e.each(func(s *Server) {
		if err := s.boot(ctx); err != nil {
			mu.Lock()
			defer mu.Unlock()
			if failed == nil {
				failed = err
				giveUp(err)
			}
		}
	})
	if failed == nil {
		failed = e.checkQuorumPorts(ctx)
	}
	if failed != nil {
		e.each(func(s *Server) {
			if p := s.current(); p != nil {
				p.Kill()
				<-p.Done()
			}
		})
		return failed
	}
	if len(e.servers) > 1 {
		e.cfg.Logger.Info("the ensemble serves", "addrs", e.ConnectString(), "version", e.Version(), "after", time.Since(began))
	}
	return nil
}

// checkQuorumPorts fails with errPortTaken when a port was lost on which a server would listen only as a leader, and so has not missed it yet.
func (e *Ensemble) checkQuorumPorts(ctx context.Context) error {
	if len(e.servers) == 1 || e.fabric != nil {
		return nil
	}
	for _, s := range e.servers {
		mode, err := s.Mode(ctx)
		if err == nil && mode == "follower" && !child.IsFree(s.ports.quorum) {
			return fmt.Errorf("%w: server %d would lead on port %d", errPortTaken, s.number, s.ports.quorum)
		}
	}
	return nil
}
