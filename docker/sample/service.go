// Package sample is a small service to copy, and a test that puts it through partitions of a real ensemble, in containers.
//
// The service pays invoices, and must do so on one machine at a time. How it is tested is in service_test.go, and how a CI runs that in
// github-actions.yml. Nothing here depends on how zkkit's own repository is laid out.
package sample

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// A Ledger is where payments are written. It refuses a token that is older than the newest one it has seen: a database does that with a column
// beside the row, in the same transaction. fence.Memory stands for it here.
type Ledger interface {
	Seal(ctx context.Context, account string, t fence.Token) error
	Write(ctx context.Context, account string, t fence.Token, payment string) error
}

// A Service pays, as long as it holds the lock. Its fields are set before Run and not changed after; Holding is safe for concurrent use.
type Service struct {
	Name    string
	Servers []string      // Of the ZooKeeper ensemble, host:port.
	Timeout time.Duration // Of the session.
	Every   time.Duration // One payment.
	Ledger  Ledger
	Logger  *slog.Logger

	hold atomic.Pointer[zklock.Hold]
}

const (
	lockPath = "/locks/payments"
	account  = "payments"
)

// Run serves until ctx ends, and then returns nil. It waits for its turn, works until the hold ends, for whatever reason, and queues up again.
func (s *Service) Run(ctx context.Context) error {
	client, err := session.Open(ctx, session.Config{Servers: s.Servers, Timeout: s.Timeout, Logger: s.Logger})
	if err != nil {
		return fmt.Errorf("no session: %w", err)
	}
	defer func() { _ = client.Close() }()
	mutex, err := zklock.NewMutex(client, lockPath, zklock.Config{Label: s.Name})
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := s.term(ctx, mutex); err != nil && ctx.Err() == nil {
			s.Logger.Info("not in charge any more", "service", s.Name, "why", err)
			s.pause(ctx)
		}
	}
	return nil
}

// Holding reports whether the service believes, now, that it is in charge. It looks at the clock: a process that slept is told at once.
func (s *Service) Holding() bool {
	h := s.hold.Load()
	return h != nil && h.Err() == nil
}

// term is one time in charge.
func (s *Service) term(ctx context.Context, mutex *zklock.Mutex) (err error) {
	hold, err := mutex.Lock(ctx)
	if err != nil {
		return err
	}
	s.hold.Store(hold)
	defer func() {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Timeout)
		defer cancel()
		if unlocked := hold.Unlock(cleanup); err == nil {
			err = unlocked
		}
	}()
	work, stop := hold.Context(ctx) // Ends with the hold, and says why.
	defer stop()
	if err := s.Ledger.Seal(work, account, hold.Token()); err != nil {
		return err // Somebody newer was here already.
	}
	for n := 1; ; n++ {
		// Between this look and the write's effect any pause can happen. The token is what makes that harmless.
		if err := work.Err(); err != nil {
			return context.Cause(work)
		}
		err := s.Ledger.Write(work, account, hold.Token(), fmt.Sprintf("%s #%d", s.Name, n))
		if errors.Is(err, fence.ErrStale) {
			return err
		}
		s.pause(work)
	}
}

// pause waits for the time between two payments, or until ctx ends.
func (s *Service) pause(ctx context.Context) {
	t := time.NewTimer(s.Every)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
