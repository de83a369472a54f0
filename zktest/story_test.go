package zktest_test

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/zktest"
)

const tick = 200 * time.Millisecond

// story runs f in a bubble, with a server in it.
func story(t *testing.T, f func(t *testing.T, s *zktest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, zktest.RunConfigT(t, zktest.Config{Tick: tick}))
	})
}

// client is a connection of go-zookeeper's, closed with the test.
func client(t *testing.T, s *zktest.Server, timeout time.Duration) *zk.Conn {
	t.Helper()
	c, _, err := zk.Connect([]string{"10.0.0.1:2181"}, timeout, zk.WithDialer(s.Dialer()), zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, _, err = c.Exists("/")
	require.NoError(t, err)
	return c
}

func create(t *testing.T, c *zk.Conn, path string, flags int32) string {
	t.Helper()
	p, err := c.Create(path, nil, flags, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	return p
}

func TestSilentSessionExpiresOnATick(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		a, b := client(t, s, 2*time.Second), client(t, s, 2*time.Second)
		create(t, a, "/mine", zk.FlagEphemeral)
		_, _, gone, err := b.GetW("/mine")
		require.NoError(t, err)
		time.Sleep(137 * time.Millisecond)
		_, _, err = a.Exists("/mine") // the last that is heard of it
		require.NoError(t, err)
		heard := time.Now()
		s.OnRequest(func(r zktest.Request) zktest.Fault {
			if r.Session == a.SessionID() {
				return zktest.Hang()
			}
			return zktest.Pass()
		})
		s.Refuse(true)
		s.Drop(a.SessionID())
		ev := <-gone
		require.Equal(t, zk.EventNodeDeleted, ev.Type)
		silent := time.Since(heard)
		require.Greater(t, silent, 2*time.Second)
		require.LessOrEqual(t, silent, 2*time.Second+tick)
		require.Len(t, s.Sessions(), 1)
		s.Refuse(false)
	})
}

func TestSessionComesBack(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 2*time.Second)
		id := c.SessionID()
		create(t, c, "/mine", zk.FlagEphemeral)
		for range 5 {
			s.Drop(id)
			time.Sleep(1500 * time.Millisecond)
		}
		s.Restart()
		time.Sleep(time.Second)
		require.Equal(t, id, c.SessionID())
		ok, stat, err := c.Exists("/mine")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, id, stat.EphemeralOwner)
	})
}

func TestExpiredSessionIsReplaced(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 2*time.Second)
		id := c.SessionID()
		create(t, c, "/mine", zk.FlagEphemeral)
		require.True(t, s.Expire(id))
		require.False(t, s.Expire(id))
		time.Sleep(3 * time.Second)
		require.NotEqual(t, id, c.SessionID())
		ok, _, err := c.Exists("/mine")
		require.NoError(t, err)
		require.False(t, ok)
	})
}

func TestFrozenServerAnswersLater(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 4*time.Second)
		s.Freeze()
		answered := make(chan error, 1)
		began := time.Now()
		go func() {
			_, _, err := c.Exists("/")
			answered <- err
		}()
		time.Sleep(time.Second)
		s.Thaw()
		require.NoError(t, <-answered)
		require.Equal(t, time.Second, time.Since(began))
	})
}

// While it is frozen nothing expires, and what is due expires first when it goes on.
func TestFrozenServerExpiresFirst(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 2*time.Second)
		id := c.SessionID()
		create(t, c, "/mine", zk.FlagEphemeral)
		s.Freeze()
		time.Sleep(10 * time.Second)
		require.Contains(t, s.Dump(), "/mine")
		s.Thaw()
		require.NotContains(t, s.Dump(), "/mine")
		require.NotContains(t, slices.Collect(ids(s)), id)
	})
}

func ids(s *zktest.Server) func(func(int64) bool) {
	return func(yield func(int64) bool) {
		for _, x := range s.Sessions() {
			if !yield(x.ID) {
				return
			}
		}
	}
}

func TestFaults(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 4*time.Second)
		attempt := func(path string) error {
			_, err := c.Create(path, nil, 0, zk.WorldACL(zk.PermAll))
			return err
		}
		s.Inject(zktest.OpCreate, zktest.LoseReply())
		require.Error(t, attempt("/a"))
		require.Contains(t, s.Dump(), "/a ")
		s.Inject(zktest.OpCreate, zktest.LoseRequest())
		require.Error(t, attempt("/b"))
		require.NotContains(t, s.Dump(), "/b ")
		s.Inject(zktest.OpCreate, zktest.Fail(zktest.CodeNoAuth))
		require.ErrorIs(t, attempt("/c"), zk.ErrNoAuth)
		require.NotContains(t, s.Dump(), "/c ")
		began := time.Now()
		s.Inject(zktest.OpCreate, zktest.Delay(time.Second))
		require.NoError(t, attempt("/d"))
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, int64(4), s.Count(zktest.OpCreate))
		var seen []zktest.Request
		s.OnRequest(func(r zktest.Request) zktest.Fault {
			if r.Op == zktest.OpCreate {
				seen = append(seen, r)
			}
			return zktest.Pass()
		})
		require.NoError(t, attempt("/e"))
		require.Len(t, seen, 1)
		require.Equal(t, "/e", seen[0].Path)
		require.Equal(t, c.SessionID(), seen[0].Session)
	})
}

func TestSequenceSticks(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 4*time.Second)
		create(t, c, "/q", 0)
		require.NoError(t, s.SetSequence("/q", 2147483646))
		require.Error(t, s.SetSequence("/none", 1))
		require.Equal(t, "/q/a-2147483646", create(t, c, "/q/a-", zk.FlagSequence))
		require.Equal(t, "/q/b-2147483647", create(t, c, "/q/b-", zk.FlagSequence))
		require.Equal(t, "/q/c-2147483647", create(t, c, "/q/c-", zk.FlagSequence))
	})
}

// As on servers before 3.9.2, a version comes to -1 again, and nothing can be said of that node alone.
func TestVersionComesRound(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 4*time.Second)
		create(t, c, "/v", 0)
		require.Error(t, s.SetVersion("/none", 1))
		require.NoError(t, s.SetVersion("/v", 2147483647))
		stat, err := c.Set("/v", nil, 2147483647)
		require.NoError(t, err)
		require.Equal(t, int32(-2147483648), stat.Version)
		require.NoError(t, s.SetVersion("/v", -2))
		stat, err = c.Set("/v", nil, -2)
		require.NoError(t, err)
		require.Equal(t, int32(-1), stat.Version)
		_, err = c.Multi(&zk.SetDataRequest{Path: "/v", Version: -1}, &zk.CheckVersionRequest{Path: "/v", Version: 0})
		require.NoError(t, err, "a multi sees what it has done: the version was -1")
		_, err = c.Multi(&zk.SetDataRequest{Path: "/v", Version: -1}, &zk.CheckVersionRequest{Path: "/v", Version: 0})
		require.ErrorIs(t, err, zk.ErrBadVersion, "and now it was not")
		_, stat, err = c.Exists("/v")
		require.NoError(t, err)
		require.Zero(t, stat.Version)
	})
}

func TestZxidIsSet(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 4*time.Second)
		require.NoError(t, s.SetZxid(0x7_0000_0000))
		require.Error(t, s.SetZxid(5))
		create(t, c, "/a", 0)
		_, stat, err := c.Exists("/a")
		require.NoError(t, err)
		require.Equal(t, int64(0x7_0000_0001), stat.Czxid)
	})
}

func TestContainersAndTTLNodesAreReaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := zktest.RunConfigT(t, zktest.Config{ExtendedTypes: true})
		c := client(t, s, 10*time.Second)
		for _, path := range []string{"/used", "/unused"} {
			_, err := c.CreateContainer(path, nil, zk.FlagContainer, zk.WorldACL(zk.PermAll))
			require.NoError(t, err)
		}
		create(t, c, "/used/x", 0)
		_, err := c.CreateTTL("/short", nil, zk.FlagTTL, zk.WorldACL(zk.PermAll), 30*time.Second)
		require.NoError(t, err)
		_, err = c.CreateTTL("/long", nil, zk.FlagTTL, zk.WorldACL(zk.PermAll), 300*time.Second)
		require.NoError(t, err)
		time.Sleep(90 * time.Second)
		require.Contains(t, s.Dump(), "/used ", "it has a child")
		require.NotContains(t, s.Dump(), "/short")
		require.NoError(t, c.Delete("/used/x", -1))
		time.Sleep(90 * time.Second)
		require.NotContains(t, s.Dump(), "/used ")
		require.Contains(t, s.Dump(), "/unused ", "it never had a child")
		require.Contains(t, s.Dump(), "/long ")
		time.Sleep(4 * time.Minute)
		require.NotContains(t, s.Dump(), "/long ")
	})
}

func TestCloseIsFinal(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 4*time.Second)
		require.Equal(t, 1, s.Connections())
		c.Close()
		synctest.Wait()
		require.Empty(t, s.Sessions())
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		_, err := s.DialContext(t.Context(), "tcp", "10.0.0.1:2181")
		require.Error(t, err)
		require.ErrorIs(t, s.Listen("127.0.0.1:0"), net.ErrClosed)
	})
}

// 95 virtual seconds in which a session is cut off, expires, and is replaced.
func TestStoryOf95Seconds(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		c := client(t, s, 10*time.Second)
		create(t, c, "/mine", zk.FlagEphemeral)
		s.Refuse(true)
		s.DropAll()
		time.Sleep(30 * time.Second)
		require.NotContains(t, s.Dump(), "/mine")
		s.Refuse(false)
		time.Sleep(65 * time.Second)
		require.Len(t, s.Sessions(), 1)
	})
}

// Events and answers share a connection, and are written by two goroutines. What a client receives is whole, and in the order of the server's history.
func TestAnswersAndEventsDoNotMix(t *testing.T) {
	s := zktest.RunT(t)
	a, b := client(t, s, 10*time.Second), client(t, s, 10*time.Second)
	create(t, a, "/n", 0)
	var wg sync.WaitGroup
	for i := range 4 {
		name := fmt.Sprintf("/mine-%d", i)
		data := bytes.Repeat([]byte{byte(i)}, 3000*i)
		_, err := b.Create(name, data, 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		wg.Go(func() {
			for range 300 {
				got, _, err := b.Get(name)
				if !assert.NoError(t, err) || !assert.True(t, bytes.Equal(data, got)) {
					return
				}
			}
		})
	}
	wg.Go(func() {
		for range 300 {
			if _, err := a.Set("/n", []byte("x"), -1); !assert.NoError(t, err) {
				return
			}
		}
	})
	wg.Go(func() {
		for last := int32(-1); last < 300; {
			_, stat, changed, err := b.GetW("/n")
			if !assert.NoError(t, err) || !assert.Greater(t, stat.Version, last) {
				return
			}
			if last = stat.Version; last < 300 {
				assert.Equal(t, zk.EventNodeDataChanged, (<-changed).Type)
			}
		}
	})
	wg.Wait()
}
