package sample

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/ensemble/containers"
	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/partition"
)

const patience = 2 * time.Minute // A bound against hangs, on a machine that may be busy.

// The service in charge is cut off from ZooKeeper, and comes back.
func TestCutOff(t *testing.T) {
	zk := containers.Run(t, containers.Config{Servers: 3}) // Skips where there is no Docker; ZKKIT_REQUIRE=docker makes that a failure.
	s := newStage(t)
	link, err := zk.Link(t.Context(), "first", zk.Servers()[0].Upstream())
	require.NoError(t, err)
	first := s.start("first", link.Addr())
	s.awaitPayment("first")
	s.start("second", zk.Addrs()[1:]...)

	cut := link.MustCut(t, partition.Drop, partition.Both)
	s.awaitPayment("second")
	require.False(t, first.Holding(), "two in charge at once")
	cut.MustHeal(t)
	s.awaitPayments("second", 10)
	s.requireSound()
}

// The leader is cut off from the other servers, with the service in charge on its side.
func TestLeaderIsolated(t *testing.T) {
	zk := containers.Run(t, containers.Config{Servers: 3})
	s := newStage(t)
	leader, err := zk.Leader(t.Context())
	require.NoError(t, err)
	var others []string
	for _, server := range zk.Servers() {
		if server != leader {
			others = append(others, server.Addr())
		}
	}
	first := s.start("first", leader.Addr())
	s.awaitPayment("first")
	s.start("second", others...)

	require.NoError(t, leader.Disconnect(t.Context(), containers.Peers))
	s.awaitPayment("second")
	require.False(t, first.Holding(), "two in charge at once")
	require.NoError(t, leader.Reconnect(t.Context(), containers.Peers))
	s.awaitPayments("second", 10)
	s.requireSound()
}

// A ledger whose services are not fenced would show it: the test that looks at the ledger can fail.
func TestRequireSoundCanFail(t *testing.T) {
	s := &stage{t: t, account: &book{}}
	require.NoError(t, s.account.Write(t.Context(), account, fence.Token{ID: 2}, "second #1"))
	s.account.payments = append(s.account.payments, payment{fence.Token{ID: 1}, "first #9"})
	require.False(t, s.account.sound())
}

// A stage is what one test plays on.
type stage struct {
	t       *testing.T
	account *book
}

func newStage(t *testing.T) *stage { return &stage{t: t, account: &book{}} }

// start starts a service, which is stopped when the test ends, before the servers are.
func (s *stage) start(name string, servers ...string) *Service {
	s.t.Helper()
	service := &Service{
		Name: name, Servers: servers, Timeout: 4 * time.Second, Every: 20 * time.Millisecond,
		Ledger: s.account, Logger: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			require.NoError(s.t, err)
		case <-time.After(patience):
			require.Fail(s.t, "the service does not end")
		}
	})
	return service
}

func (s *stage) awaitPayment(name string) { s.t.Helper(); s.awaitPayments(name, 1) }

// awaitPayments waits until a service has made n more payments.
func (s *stage) awaitPayments(name string, n int) {
	s.t.Helper()
	before := s.account.count(name)
	require.Eventually(s.t, func() bool { return s.account.count(name) >= before+n }, patience, 5*time.Millisecond, "%s pays nothing", name)
}

// requireSound fails the test if a payment was accepted from somebody whose successor had already paid.
func (s *stage) requireSound() {
	s.t.Helper()
	require.True(s.t, s.account.sound(), "the ledger took a payment with an older token than the one before")
}

// A book is a Ledger that also remembers every payment that it took, in order.
type book struct {
	fence.Memory[string]

	mu       sync.Mutex // guards payments
	payments []payment
}

type payment struct {
	token fence.Token
	text  string
}

func (b *book) Write(ctx context.Context, account string, t fence.Token, text string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.Memory.Write(ctx, account, t, text); err != nil {
		return err
	}
	b.payments = append(b.payments, payment{t, text})
	return nil
}

func (b *book) count(name string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.payments {
		if strings.HasPrefix(p.text, name+" ") {
			n++
		}
	}
	return n
}

func (b *book) sound() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := 1; i < len(b.payments); i++ {
		if b.payments[i].token.Less(b.payments[i-1].token) {
			return false
		}
	}
	return true
}
