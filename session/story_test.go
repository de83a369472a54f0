package session

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/zktest"
)

// story runs a test in virtual time against a server in memory. Every goroutine of the client must have ended when it returns. What real servers do is
// tested against real servers.
func story(t *testing.T, tell func(t *testing.T, server *zktest.Server, cfg Config)) {
	t.Helper()
	storyWith(t, zktest.Config{}, tell)
}

func storyWith(t *testing.T, how zktest.Config, tell func(t *testing.T, server *zktest.Server, cfg Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := zktest.RunConfigT(t, how)
		tell(t, server, Config{Servers: []string{"10.0.0.1:2181"}, Timeout: 6 * time.Second, Dial: server.DialContext})
	})
}

// counted makes cfg count its dials.
func counted(cfg *Config) *atomic.Int64 {
	var n atomic.Int64
	dial := cfg.Dial
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		n.Add(1)
		return dial(ctx, network, address)
	}
	return &n
}

// nodes returns the paths of what clients have created, sorted.
func nodes(server *zktest.Server) []string {
	paths := []string{}
	for line := range strings.Lines(server.Dump()) {
		if path, _, _ := strings.Cut(line, " "); path != "/" && !strings.HasPrefix(path, "/zookeeper") {
			paths = append(paths, path)
		}
	}
	return paths
}

// operator does what somebody else does, in a session of its own that lives as long as that takes.
func operator(t *testing.T, server *zktest.Server, do func(s *Session)) {
	t.Helper()
	c, s := opened(t, Config{Servers: []string{"10.0.0.1:2181"}, Timeout: 6 * time.Second, Dial: server.DialContext})
	defer c.Close()
	do(s)
}

// place creates a persistent znode.
func place(t *testing.T, server *zktest.Server, path string) {
	t.Helper()
	operator(t, server, func(s *Session) {
		_, err := s.Create(t.Context(), path, nil, Persistent, nil)
		require.NoError(t, err)
	})
}

// remove deletes a znode as an operator would.
func remove(t *testing.T, server *zktest.Server, path string) {
	t.Helper()
	operator(t, server, func(s *Session) { require.NoError(t, s.Delete(t.Context(), path, AnyVersion)) })
}

// on gives every request of a kind the same fault.
func on(op zktest.Op, f zktest.Fault) func(zktest.Request) zktest.Fault {
	return func(r zktest.Request) zktest.Fault {
		if r.Op == op {
			return f
		}
		return zktest.Pass()
	}
}

func opened(t *testing.T, cfg Config) (*Client, *Session) {
	t.Helper()
	c, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	s, err := c.Session(t.Context())
	require.NoError(t, err)
	return c, s
}

// holding creates an ephemeral node and holds a lease on it.
func holding(t *testing.T, s *Session) *Lease {
	t.Helper()
	made, err := s.CreateProtected(t.Context(), "/", "x-", nil, nil)
	require.NoError(t, err)
	l, err := s.Adopt(made)
	require.NoError(t, err)
	require.NoError(t, l.Hold(t.Context()))
	return l
}

func TestNegotiatedTimeoutIsTheServers(t *testing.T) {
	storyWith(t, zktest.Config{MinSession: 40 * time.Second}, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		require.Equal(t, 40*time.Second, s.Timeout())
		require.Equal(t, []zktest.SessionInfo{{ID: s.ID(), Timeout: s.Timeout(), Connected: true}}, server.Sessions())
	})
}

// A proxy that accepts and says nothing costs go-zookeeper 6.7 session timeouts.
func TestHandshakeIsBounded(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		server.Freeze()
		dials := counted(&cfg)
		ctx, cancel := context.WithTimeout(t.Context(), cfg.Timeout)
		defer cancel()
		start := time.Now()
		_, err := Open(ctx, cfg)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "10.0.0.1:2181")
		require.Less(t, time.Since(start), cfg.Timeout+2*time.Second)
		require.GreaterOrEqual(t, dials.Load(), int64(2), "one dead connection must not eat the whole timeout")
	})
}

func TestOpenSaysWhyThereIsNoServer(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		server.Refuse(true)
		dials := counted(&cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := Open(ctx, cfg)
		require.ErrorContains(t, err, "connection refused")
		require.Greater(t, dials.Load(), int64(3))
		require.Less(t, dials.Load(), int64(60), "a client whose servers are away must not spin")
	})
}

// A follower that is cut off from its leader answers pings while nothing is committed. The hold must end all the same, and before the leader's expiry.
func TestHoldEndsWherePingsLie(t *testing.T) {
	for _, c := range []struct {
		name    string
		renewal Renewal
		lost    bool
	}{
		{"acknowledged writes count", RenewByWrites, true},
		{"control: pings count", RenewByPings, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
				cfg.Renewal = c.renewal
				cl, s := opened(t, cfg)
				defer cl.Close()
				l := holding(t, s)
				time.Sleep(20 * time.Second)
				require.NoError(t, l.Err(), "a session whose writes are acknowledged lives")

				cut := time.Now()
				server.OnRequest(on(zktest.OpMulti, zktest.Hang()))
				select {
				case <-l.Done():
					require.True(t, c.lost, "pings must have kept it")
					require.Less(t, time.Since(cut), cfg.Timeout-cfg.Timeout/4, "the leader may have heard of us half a tick, T/4, before the cut")
					require.ErrorIs(t, l.Err(), ErrDeadline)
					require.ErrorIs(t, l.Err(), ErrLost)
				case <-time.After(5 * cfg.Timeout):
					require.False(t, c.lost, "a hold outlived its session")
				}
			})
		})
	}
}

func TestPartitionIsNoticedLocallyAndTheClientGoesOn(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		var mu sync.Mutex
		var seen []State
		cfg.OnState = func(c Change) { mu.Lock(); seen = append(seen, c.To); mu.Unlock() }
		c, s := opened(t, cfg)
		defer c.Close()
		l := holding(t, s)
		time.Sleep(10 * time.Second)
		server.Freeze()
		cut := time.Now()
		<-l.Done()
		require.LessOrEqual(t, time.Since(cut), cfg.Timeout-cfg.Timeout/4)
		require.Equal(t, Lost, s.State())
		require.Error(t, s.Err())
		_, _, err := s.Get(t.Context(), "/")
		require.ErrorIs(t, err, ErrLost)

		require.Len(t, server.Sessions(), 1, "noticed before the servers ended it")
		server.DropAll()
		server.Thaw()
		next, err := c.Session(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, s.ID(), next.ID())
		require.Error(t, l.Err(), "nothing un-loses a lease")
		time.Sleep(2 * cfg.Timeout)
		require.Empty(t, nodes(server))
		require.EqualValues(t, 1, server.Count(zktest.OpCloseSession), "the lost session is closed on the servers as soon as they are in reach")
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []State{Connected, Suspended, Lost, Connected}, seen)
	})
}

// An idle session has no write to prove it, and lives on pings.
func TestIdleSessionSendsNoWrites(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		time.Sleep(time.Hour)
		require.NoError(t, s.Err())
		require.Zero(t, server.Count(zktest.OpMulti))

		l := holding(t, s)
		before := server.Count(zktest.OpMulti)
		time.Sleep(time.Minute)
		require.InDelta(t, 60, server.Count(zktest.OpMulti)-before, 5, "one renewal each sixth of the timeout")
		l.Release()
		before = server.Count(zktest.OpMulti)
		time.Sleep(time.Minute)
		require.LessOrEqual(t, server.Count(zktest.OpMulti)-before, int64(1))
		require.NoError(t, s.Err(), "an old proof must not end a session that holds nothing")
		require.ErrorIs(t, l.Err(), ErrReleased)
		require.NoError(t, holding(t, s).Err(), "a hold after a long rest needs a fresh proof, and gets one")
	})
}

// go-zookeeper sends what was queued in one session in the next one.
func TestNothingIsReplayedIntoANewSession(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		server.OnRequest(on(zktest.OpCreate, zktest.LoseRequest()))
		results := make(chan error, 40)
		var wg sync.WaitGroup
		for range cap(results) {
			wg.Go(func() {
				_, err := s.Create(t.Context(), "/late", nil, Ephemeral, nil)
				results <- err
			})
		}
		synctest.Wait()
		server.Expire(s.ID())
		wg.Wait()
		server.OnRequest(nil)
		for range cap(results) {
			require.Error(t, <-results)
		}
		<-s.Done()
		require.ErrorIs(t, s.Err(), ErrExpired)
		next, err := c.Session(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, s.ID(), next.ID())
		time.Sleep(cfg.Timeout)
		require.Empty(t, nodes(server), "a request of the old session was executed in the new one")
	})
}

// numbered creates a sequential znode below the root: its number says how many were ever created there.
func numbered(t *testing.T, s *Session) string {
	t.Helper()
	path, err := s.Create(t.Context(), "/n-", nil, PersistentSequential, nil)
	require.NoError(t, err)
	return path
}

func TestLostCreateReply(t *testing.T) {
	for _, v := range []zktest.Fault{zktest.LoseReply(), zktest.LoseRequest()} {
		story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
			c, s := opened(t, cfg)
			defer c.Close()
			place(t, server, "/_c_short") // go-zookeeper panics on such a sibling
			server.Inject(zktest.OpCreate2, v)
			made, err := s.CreateProtected(t.Context(), "/", "lock-", nil, nil)
			require.NoError(t, err)
			require.Equal(t, s.ID(), made.Stat.EphemeralOwner)
			require.ElementsMatch(t, []string{"/_c_short", made.Path}, nodes(server), "one node, and it is the one that was returned")
			require.Equal(t, uint64(2), s.Connections())
			require.Equal(t, "/n-0000000002", numbered(t, s), "two were ever created")
		})
	}
}

// Servers before 3.5 know no create2, whose reply tells a token without another question.
func TestCreateOnAnOldServer(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		server.OnRequest(on(zktest.OpCreate2, zktest.Fail(zktest.CodeUnimplemented)))
		c, s := opened(t, cfg)
		defer c.Close()
		made, err := s.CreateProtected(t.Context(), "/", "lock-", nil, nil)
		require.NoError(t, err)
		require.Equal(t, []string{made.Path}, nodes(server))
		stat, err := s.Exists(t.Context(), made.Path)
		require.NoError(t, err)
		require.Equal(t, *stat, made.Stat)
		require.Equal(t, s.ID(), made.Stat.EphemeralOwner)
		require.EqualValues(t, 1, server.Count(zktest.OpCreate2))
		_, err = s.CreateProtected(t.Context(), "/", "lock-", nil, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, server.Count(zktest.OpCreate2), "asked once")
	})
}

func TestEnqueueListsInOneRoundTrip(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		cfg.Chroot = "/tenant"
		place(t, server, "/tenant")
		c, s := opened(t, cfg)
		defer c.Close()
		_, _, err := s.Enqueue(t.Context(), "/missing", "lock-", nil, nil)
		require.ErrorIs(t, err, ErrNoNode)
		first, _, err := s.Enqueue(t.Context(), "/", "lock-", nil, nil)
		require.NoError(t, err)
		second, names, err := s.Enqueue(t.Context(), "/", "lock-", nil, nil)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{Base(first.Path), Base(second.Path)}, names)
		require.EqualValues(t, 3, server.Count(zktest.OpGetChildren2), "one with each create, and no other")
		server.Inject(zktest.OpGetChildren2, zktest.LoseRequest()) // the list is lost with its connection: it is asked for again
		third, names, err := s.Enqueue(t.Context(), "/", "lock-", nil, nil)
		require.NoError(t, err)
		require.Len(t, names, 3)
		require.Contains(t, names, Base(third.Path))
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Empty(t, s.direct)
	})
}

func TestBrokenRepliesAreNotRead(t *testing.T) {
	for _, b := range [][]byte{nil, {0, 0}, {0xff, 0xff, 0xff, 0xff}, {0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 1, 0, 0, 0, 9, 'a'}} {
		r := reading{b: b}
		_ = r.names()
		_ = r.stat()
		require.True(t, r.broken, "%x", b)
	}
	r := reading{b: []byte{0, 0, 0, 1, 0, 0, 0, 1, 'a'}}
	require.Equal(t, []string{"a"}, r.names())
	require.False(t, r.broken)
}

// go-zookeeper leaves the connection open on which it learnt that its session had expired, and with one server it sleeps a second before each reconnect.
func TestReconnectIsQuickAndLeavesNoConnectionBehind(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		began := time.Now()
		server.DropAll()
		_, err := s.Exists(t.Context(), "/")
		require.NoError(t, err)
		require.Less(t, time.Since(began), time.Second/2)
		for range 5 {
			server.Expire(s.ID())
			<-s.Done()
			s, err = c.Session(t.Context())
			require.NoError(t, err)
		}
		time.Sleep(cfg.Timeout)
		require.Equal(t, 1, server.Connections())
	})
}

// Who has given up before asking has asked nothing: it is not sent, and so its outcome is known.
func TestNothingIsSentForAContextThatHasEnded(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		given := errors.New("given up")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(given)
		_, createErr := s.Create(ctx, "/a", nil, Persistent, nil)
		_, multiErr := s.Multi(ctx, CreateOp("/a", nil, Persistent, nil))
		_, enqueueErr := s.CreateProtected(ctx, "/", "a-", nil, nil)
		for _, err := range []error{createErr, multiErr, enqueueErr, s.Delete(ctx, "/a", AnyVersion)} {
			require.ErrorIs(t, err, given)
			require.NotErrorIs(t, err, ErrUnknownOutcome)
		}
		synctest.Wait()
		require.Empty(t, nodes(server))
	})
}

func TestLostReplyOfAPlainCreateIsSaid(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		server.Inject(zktest.OpCreate, zktest.LoseReply())
		_, err := s.Create(t.Context(), "/x", nil, Persistent, nil)
		require.ErrorIs(t, err, ErrUnknownOutcome)
		var op *OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "/x", op.Path)
		_, err = s.Create(t.Context(), "/x", nil, Persistent, nil)
		require.ErrorIs(t, err, ErrNodeExists)
		require.False(t, errors.Is(err, ErrUnknownOutcome))
	})
}

// A create whose caller has gone may still succeed.
func TestAbandonedCreateIsRemoved(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		server.Inject(zktest.OpCreate2, zktest.Delay(2*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.CreateProtected(ctx, "/", "lock-", nil, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, "/n-0000000001", numbered(t, s), "it did succeed")
		time.Sleep(time.Second)
		require.Equal(t, []string{"/n-0000000001"}, nodes(server))
	})
}

func TestRemoveGoesOnUntilTheNodeIsGone(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		made, err := s.CreateProtected(t.Context(), "/", "x-", nil, nil)
		require.NoError(t, err)
		server.Inject(zktest.OpDelete, zktest.LoseRequest())
		server.Inject(zktest.OpDelete, zktest.LoseReply())
		require.NoError(t, s.Remove(t.Context(), made.Path))
		require.Empty(t, nodes(server))
		require.EqualValues(t, 3, server.Count(zktest.OpDelete))
	})
}

func TestDeletedNodeEndsItsLease(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		l := holding(t, s)
		time.Sleep(cfg.Timeout) // it is watched now
		server.OnRequest(on(zktest.OpSetWatches, zktest.Fail(zktest.CodeNoAuth)))
		other := holding(t, s)
		began := time.Now()
		remove(t, server, l.Path())
		<-l.Done()
		require.Zero(t, time.Since(began))
		require.ErrorIs(t, l.Err(), ErrNodeGone)
		require.NoError(t, other.Err(), "the session and its other leases go on")

		// Also where there is no watch: the renewal finds out.
		remove(t, server, other.Path())
		<-other.Done()
		require.LessOrEqual(t, time.Since(began), cfg.Timeout/6)
		require.ErrorIs(t, other.Err(), ErrNodeGone)
		require.NoError(t, s.Err())
	})
}

func TestLeaseWantsAnOwnNode(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		_, err := s.Lease(t.Context(), "/missing")
		require.ErrorIs(t, err, ErrNoNode)
		operator(t, server, func(they *Session) {
			_, err := they.Create(t.Context(), "/theirs", nil, Ephemeral, nil)
			require.NoError(t, err)
			_, err = s.Lease(t.Context(), "/theirs")
			require.ErrorIs(t, err, ErrNotOwner)
		})
	})
}

// Somebody who waits for a long-held lock again and again must not fill go-zookeeper's memory, which keeps a channel for each watch.
func TestWatchesOnOneNodeShareOne(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		place(t, server, "/n")
		_, _, keep, err := s.GetW(t.Context(), "/n")
		require.NoError(t, err)
		for range 100 {
			_, _, w, err := s.GetW(t.Context(), "/n")
			require.NoError(t, err)
			w.Stop()
		}
		s.mu.Lock()
		require.Equal(t, 1, s.watches.armed())
		require.Len(t, s.watches.spots, 1)
		s.mu.Unlock()
		remove(t, server, "/n")
		ev := <-keep.C
		require.Equal(t, Event{Type: Deleted, Path: "/n", Connection: 1}, ev)
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Empty(t, s.watches.spots)
	})
}

func TestWatchSurvivesAReconnectAndEndsWithTheSession(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		_, w, err := s.ExistsW(t.Context(), "/coming")
		require.NoError(t, err)
		server.DropAll()
		_, err = s.Exists(t.Context(), "/")
		require.NoError(t, err)
		require.EqualValues(t, 1, server.Count(zktest.OpSetWatches), "watches are set again before the first request goes out")
		require.Equal(t, uint64(2), s.Connections())
		server.Expire(s.ID())
		ev := <-w.C
		require.Equal(t, NotWatching, ev.Type)
		require.ErrorIs(t, ev.Err, ErrLost)
	})
}

func TestCredentialsArePresentedOnEveryConnection(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		cfg.Auth = []Auth{{Scheme: "digest", Data: []byte("ann:secret")}}
		c, s := opened(t, cfg)
		defer c.Close()
		_, err := s.Create(t.Context(), "/anns", nil, Ephemeral, DigestACL("ann", "secret"))
		require.NoError(t, err)
		server.DropAll()
		_, _, err = s.Get(t.Context(), "/anns")
		require.NoError(t, err)
		require.EqualValues(t, 2, server.Count(zktest.OpAuth))
		operator(t, server, func(they *Session) {
			_, _, err := they.Get(t.Context(), "/anns")
			require.ErrorIs(t, err, ErrNoAuth)
		})
	})
}

func TestRefusedCredentialsFailOpen(t *testing.T) {
	story(t, func(t *testing.T, _ *zktest.Server, cfg Config) {
		cfg.Auth = []Auth{{Scheme: "nonsense", Data: []byte("x")}}
		c, err := Open(t.Context(), cfg)
		if err == nil { // the answer may come after the session
			defer c.Close()
			s, serr := c.Session(t.Context())
			if serr == nil {
				<-s.Done()
				err = s.Err()
			}
		}
		require.ErrorIs(t, err, ErrAuthFailed)
	})
}

// A held session looks for another server while there is time to save what it holds.
func TestDeadServerIsLeftInTime(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		cfg.Servers = []string{"10.0.0.1:2181", "10.0.0.2:2181", "10.0.0.3:2181"}
		dials := counted(&cfg)
		c, s := opened(t, cfg)
		defer c.Close()
		l := holding(t, s)
		time.Sleep(10 * time.Second)
		before := dials.Load()
		server.OnRequest(func(zktest.Request) zktest.Fault {
			if dials.Load() == before {
				return zktest.Hang()
			}
			return zktest.Pass() // by another server
		})
		time.Sleep(cfg.Timeout)
		require.NoError(t, l.Err())
		require.Equal(t, uint64(2), s.Connections())
	})
}

func TestChrootIsTakenOffAgain(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		cfg.Chroot = "/tenant"
		place(t, server, "/tenant")
		c, s := opened(t, cfg)
		defer c.Close()
		made, err := s.CreateProtected(t.Context(), "/", "x-", nil, nil)
		require.NoError(t, err)
		path := made.Path
		require.Equal(t, "/", Parent(path))
		require.Equal(t, []string{"/tenant", "/tenant" + path}, nodes(server))
		l, err := s.Lease(t.Context(), path)
		require.NoError(t, err)
		remove(t, server, "/tenant"+path)
		<-l.Done()
	})
}

func TestCloseWaitsAndRefuses(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		l := holding(t, s)
		require.NoError(t, c.Close())
		require.NoError(t, c.Close())
		require.Empty(t, server.Sessions(), "the servers know")
		require.Empty(t, nodes(server))
		require.ErrorIs(t, l.Err(), ErrClosed)
		_, err := c.Session(t.Context())
		require.ErrorIs(t, err, ErrClosed)
		_, err = s.Create(t.Context(), "/x", nil, Persistent, nil)
		require.ErrorIs(t, err, ErrLost)
	})
}

func TestContextEndsWithTheSession(t *testing.T) {
	story(t, func(t *testing.T, server *zktest.Server, cfg Config) {
		c, s := opened(t, cfg)
		defer c.Close()
		ctx, cancel := s.Context(t.Context())
		defer cancel()
		server.Expire(s.ID())
		<-ctx.Done()
		require.ErrorIs(t, context.Cause(ctx), ErrExpired)
	})
}

func TestBadConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no servers":     {},
		"a path":         {Servers: []string{"host/path"}},
		"short timeout":  {Servers: []string{"h"}, Timeout: time.Microsecond},
		"bare chroot":    {Servers: []string{"h"}, Chroot: "tenant"},
		"trailing slash": {Servers: []string{"h"}, Chroot: "/tenant/"},
		"negative tick":  {Servers: []string{"h"}, Tick: -1},
	} {
		_, err := Open(t.Context(), cfg)
		require.Error(t, err, name)
		require.ErrorContains(t, err, "session: ", name)
	}
	got, err := Config{Servers: []string{"h", "h:1", "::1", "[::1]:5"}}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, []string{"h:2181", "h:1", "[::1]:2181", "[::1]:5"}, got.Servers)
}
