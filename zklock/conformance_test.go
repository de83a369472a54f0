package zklock_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
	"github.com/zkkit/zkkit/zktest"
)

// Hold.Guard passes the suite of all guards: on the server in memory always, and on a real one where it is required. A holder loses its lock when its node is deleted, as an
// operator or the end of its session does it. Half of the runs are with clients that do not hear of it, so that it is the server that refuses.
func TestGuardConforms(t *testing.T) {
	for _, on := range []struct {
		name  string
		addrs func(t *testing.T) []string
	}{
		{"zktest", func(t *testing.T) []string {
			t.Helper()
			return []string{zktest.RunConfigT(t, zktest.Config{MaxSession: time.Minute}).Addr()}
		}},
		{"zookeeper", func(t *testing.T) []string {
			t.Helper()
			if !required("local") {
				t.Skip("tried on zktest only: ZKKIT_REQUIRE=local tries it on a ZooKeeper too")
			}
			return server(t).Addrs()
		}},
	} {
		t.Run(on.name, func(t *testing.T) {
			addrs := on.addrs(t)
			for _, deaf := range []bool{false, true} {
				t.Run(fmt.Sprint("deaf ", deaf), func(t *testing.T) {
					fencetest.Test(t, newSubject(t, addrs, deaf), fencetest.Options{
						RefusesEarly: true,
						Stale:        func(err error) bool { return errors.Is(err, zklock.ErrLost) },
					})
				})
			}
		})
	}
}

// The control: a holder that looks at its hold, and then writes, is caught.
func TestALookAtTheHoldIsNoGuard(t *testing.T) {
	s := newSubject(t, []string{zktest.RunConfigT(t, zktest.Config{MaxSession: time.Minute}).Addr()}, true)
	s.careless = true
	err := fencetest.Check(t.Context(), s, fencetest.Options{
		RefusesEarly: true,
		Stale:        func(err error) bool { return errors.Is(err, zklock.ErrLost) },
		Rounds:       1, Decide: time.Second,
	})
	require.ErrorContains(t, err, "a seal shuts out the earlier holder before the first write")
	require.ErrorContains(t, err, "writes on their way are seen by the next holder or refused")
}

// subject hands out holds.
type subject struct {
	root     string
	client   *session.Client // of all holders
	operator *session.Session
	careless bool // writes are not guarded

	mu    sync.Mutex // guards holds
	holds map[string]*zklock.Hold
}

func newSubject(t *testing.T, addrs []string, deaf bool) *subject {
	t.Helper()
	cfg := session.Config{Servers: addrs, Timeout: time.Minute}
	open := func(cfg session.Config) *session.Client {
		c, err := session.Open(t.Context(), cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		return c
	}
	operator, err := open(cfg).Session(t.Context())
	require.NoError(t, err)
	if deaf {
		cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			return &muffled{Conn: c}, err
		}
	}
	s := &subject{root: fmt.Sprintf("/zklock-conformance-%d", stages.Add(1)), client: open(cfg), operator: operator, holds: map[string]*zklock.Hold{}}
	t.Cleanup(func() {
		for resource, h := range s.holds {
			_ = h.Unlock(context.Background()) //nolint:usetesting // t.Context has ended.
			require.NoError(t, operator.Remove(context.Background(), s.data(resource)))
		}
	})
	return s
}

func (s *subject) data(resource string) string { return s.root + "/data/" + resource }

// Holder deletes the node of the holder before, and takes the lock.
func (s *subject) Holder(ctx context.Context, resource string) (fencetest.Holder, error) {
	s.mu.Lock()
	before := s.holds[resource]
	s.mu.Unlock()
	if before != nil {
		if err := s.operator.Remove(ctx, before.Path()); err != nil {
			return nil, err
		}
	} else {
		if err := s.operator.EnsureContainers(ctx, s.root+"/data", nil); err != nil {
			return nil, err
		}
		if _, err := s.operator.Create(ctx, s.data(resource), absent, session.Persistent, nil); err != nil {
			return nil, err
		}
	}
	m, err := zklock.NewMutex(s.client, s.root+"/locks/"+resource, zklock.Config{})
	if err != nil {
		return nil, err
	}
	h, err := m.Lock(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.holds[resource] = h
	s.mu.Unlock()
	return &holder{hold: h, client: s.client, path: s.data(resource), careless: s.careless}, nil
}

// A node stays when the value goes, so that its version tells all changes apart. The first byte says whether there is a value.
var absent, present = []byte{0}, []byte{1}

// holder is one hold, and the value in one node.
type holder struct {
	hold     *zklock.Hold
	client   *session.Client
	path     string
	careless bool
}

func (h *holder) Token() fence.Token { return h.hold.Token() }

func (h *holder) guard(ctx context.Context, ops ...session.Op) error {
	_, err := h.hold.Guard(ctx, ops...)
	if errors.Is(err, session.ErrUnknownOutcome) {
		return &fence.UnknownError{Resource: h.path, Token: h.Token(), Ask: "read it", Err: err}
	}
	return err
}

// Seal has nothing to do: the servers know who holds.
func (h *holder) Seal(ctx context.Context) error { return h.guard(ctx) }

// Read looks, and has the servers confirm that this is still so and that the lock is held.
func (h *holder) Read(ctx context.Context) (string, bool, error) {
	s, err := h.client.Session(ctx)
	if err != nil {
		return "", false, err
	}
	for {
		data, stat, err := s.Get(ctx, h.path)
		if err != nil {
			return "", false, err
		}
		err = h.guard(ctx, session.Check(h.path, stat.Version))
		if errors.Is(err, session.ErrBadVersion) {
			continue
		}
		return string(data[1:]), bytes.HasPrefix(data, present), err
	}
}

func (h *holder) Write(ctx context.Context, value string) error {
	if h.careless {
		if err := h.hold.Err(); err != nil {
			return err
		}
		s, err := h.client.Session(ctx)
		if err == nil {
			_, err = s.Set(ctx, h.path, append(bytes.Clone(present), value...), session.AnyVersion)
		}
		return err
	}
	return h.guard(ctx, session.SetOp(h.path, append(bytes.Clone(present), value...), session.AnyVersion))
}

func (h *holder) Delete(ctx context.Context) error {
	return h.guard(ctx, session.SetOp(h.path, absent, session.AnyVersion))
}

// muffled is a connection that no notifications come through.
type muffled struct {
	net.Conn
	rest  []byte // of a frame
	greet bool   // the answer to the connect request was there
}

func (c *muffled) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		size := make([]byte, 4)
		if _, err := io.ReadFull(c.Conn, size); err != nil {
			return 0, err
		}
		frame := make([]byte, binary.BigEndian.Uint32(size))
		if _, err := io.ReadFull(c.Conn, frame); err != nil {
			return 0, err
		}
		const notification = -1
		if c.greet && int32(binary.BigEndian.Uint32(frame)) == notification {
			continue
		}
		c.greet = true
		c.rest = append(size, frame...)
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
