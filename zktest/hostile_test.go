package zktest_test

import (
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/zktest"
)

func dial(t *testing.T, s *zktest.Server) net.Conn {
	t.Helper()
	c, err := s.DialContext(t.Context(), "tcp", "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// hello is a connect request.
func hello(session int64, password string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(28+len(password)))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint32(b, 10_000)
	b = binary.BigEndian.AppendUint64(b, uint64(session))
	b = binary.BigEndian.AppendUint32(b, uint32(len(password)))
	return append(b, password...)
}

// A claim costs nothing: a length above the limit is refused before anything else is read, and one below it is not believed before the bytes come.
func TestClaimedLengths(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		other := client(t, s, 4*time.Second)
		for _, claim := range []uint32{0x7fffffff, 0x80000000, 0xffffffff, 0x100000} {
			for _, greeted := range []bool{false, true} {
				c := dial(t, s)
				if greeted {
					_, err := c.Write(hello(0, strings.Repeat("\x00", 16)))
					require.NoError(t, err)
					_, err = io.ReadFull(c, make([]byte, 4+36))
					require.NoError(t, err)
				}
				_, err := c.Write(binary.BigEndian.AppendUint32(nil, claim))
				require.NoError(t, err)
				_, err = c.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF, "%#x", claim)
			}
		}
		_, _, err := other.Exists("/")
		require.NoError(t, err)
	})
}

func TestSilentConnectionsAreClosed(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		const n = 1000
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range n {
			c := dial(t, s)
			_, err := c.Write(binary.BigEndian.AppendUint32(nil, 0xffff0)) // and then nothing
			require.NoError(t, err)
		}
		synctest.Wait()
		require.Equal(t, n, s.Connections())
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.Less(t, (after.HeapAlloc-before.HeapAlloc)/n, uint64(32<<10), "bytes for a connection")
		time.Sleep(11 * time.Second)
		require.Zero(t, s.Connections())
	})
}

func TestWrongPasswordIsNoSession(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		owner := client(t, s, 4*time.Second)
		c := dial(t, s)
		_, err := c.Write(hello(owner.SessionID(), strings.Repeat("x", 16)))
		require.NoError(t, err)
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Len(t, answer, 4+36)
		require.Zero(t, binary.BigEndian.Uint64(answer[12:]), "a session was given away")
		require.Eventually(t, func() bool { // that has cost the owner its connection, and not more
			_, _, err := owner.Exists("/")
			return err == nil
		}, 10*time.Second, time.Millisecond)
		require.Len(t, s.Sessions(), 1)
	})
}

// A client that asks and never reads is not listened to for long, and costs a bounded amount of memory.
func TestClientThatDoesNotRead(t *testing.T) {
	story(t, func(t *testing.T, s *zktest.Server) {
		other := client(t, s, 4*time.Second)
		_, err := other.Set("/", make([]byte, 100_000), -1)
		require.NoError(t, err)
		c := dial(t, s)
		_, err = c.Write(hello(0, strings.Repeat("\x00", 16)))
		require.NoError(t, err)
		get := binary.BigEndian.AppendUint32(nil, 14)
		get = binary.BigEndian.AppendUint32(get, 1)
		get = binary.BigEndian.AppendUint32(get, uint32(zktest.OpGetData))
		get = append(binary.BigEndian.AppendUint32(get, 1), '/', 0)
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		for range 100_000 {
			if _, err = c.Write(get); err != nil {
				break
			}
		}
		require.Error(t, err, "the server took it all")
		require.Less(t, s.Count(zktest.OpGetData), int64(100))
		_, _, err = other.Exists("/")
		require.NoError(t, err)
	})
}

// FuzzConnection sends anything, after a handshake and without. The server must go on, and so must everybody else's connection.
func FuzzConnection(f *testing.F) {
	f.Add([]byte("ruok"), false)
	f.Add(hello(0, "0123456789abcdef"), false)
	for op := int32(-12); op < 110; op++ {
		for _, body := range []string{"", "\x00\x00\x00\x02/a\x00", "\x00\x00\x00\x02/a\x00\x00\x00\x01x\x00\x00\x00\x01\x00\x00\x00\x1f\x00\x00\x00\x05world\x00\x00\x00\x06anyone\x00\x00\x00\x00",
			"\x00\x00\x00\x02\x00\xff\xff\xff\xff\x00\x00\x00\x02/a\xff\xff\xff\xff\xff\xff\xff\xff\x01\xff\xff\xff\xff"} {
			b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
			b = binary.BigEndian.AppendUint32(b, 1)
			b = binary.BigEndian.AppendUint32(b, uint32(op))
			f.Add(append(b, body...), true)
		}
	}
	s := zktest.Start(zktest.Config{ExtendedTypes: true, MaxFrame: 1 << 16})
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, data []byte, greet bool) {
		c, err := s.DialContext(t.Context(), "tcp", "")
		require.NoError(t, err)
		defer c.Close()
		if greet {
			_, _ = c.Write(hello(0, "0123456789abcdef"))
			_, err := io.ReadFull(c, make([]byte, 40))
			require.NoError(t, err)
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
		_, _ = c.Write(data)
		ok := dial(t, s)
		_, err = ok.Write([]byte("ruok"))
		require.NoError(t, err)
		answer, err := io.ReadAll(ok)
		require.NoError(t, err)
		require.Equal(t, "imok", string(answer))
		for _, x := range s.Sessions() {
			if !x.Connected {
				s.Expire(x.ID)
			}
		}
	})
}
