package partition

import (
	"bytes"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A bareConn is a conn without Toxiproxy: the test does what Toxiproxy does with its pipes.
type bareConn struct {
	*conn
	client, server *peer // the far ends of its sockets
}

func newBareConn(t *testing.T, far func(*testing.T, *server) *peer) *bareConn {
	t.Helper()
	l := &local{conns: make(map[*conn]struct{}), closing: make(chan struct{}), door: doorRefuse, held: io.NopCloser(nil), logger: slog.New(slog.DiscardHandler)}
	s := newServer(t)
	near := mute(t, dialRaw(t, s.addr()))
	client := far(t, s)
	c := newConn(l, near.TCPConn)
	near = mute(t, dialRaw(t, s.addr()))
	c.attach(serverSide, near.TCPConn)
	l.conns[c] = struct{}{}
	l.wg.Add(1)
	t.Cleanup(func() {
		c.doom(false)
		for _, p := range c.pipes {
			if !c.isClosed(p) {
				_ = p.Close()
			}
		}
		_ = l.close(t.Context())
	})
	return &bareConn{conn: c, client: client, server: far(t, s)}
}

func listening(_ *testing.T, s *server) *peer { s.t.Helper(); return s.accept() }

func deaf(t *testing.T, s *server) *peer { t.Helper(); return mute(t, s.acceptRaw()) }

// set is what a cut does to the streams, but for what follows it in the pipes.
func (b *bareConn) set(m mode) { b.owner.valve.set(modes{m, m}) }

// during runs fn, checks that it does not end while the streams are in mode m, lets them pass, and waits for fn.
func (b *bareConn) during(t *testing.T, m mode, fn func(), meanwhile func()) {
	t.Helper()
	b.set(m)
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	select {
	case <-done:
		t.Fatalf("did not wait for the end of the %s", m)
	case <-time.After(aWhile):
	}
	meanwhile()
	if m == modeDrop {
		b.doom(false) // as every heal of a drop
	}
	b.set(modePass)
	<-done
}

// TestPipeHoldsClose has a close arrive at the pipe when a cut has already begun: past the gate, that is.
func TestPipeHoldsClose(t *testing.T) {
	for _, m := range []mode{modeDrop, modeJam} {
		for stream := range streams {
			t.Run(m.String()+" "+streams[stream], func(t *testing.T) {
				c := newBareConn(t, listening)
				dst := []*peer{toServer: c.server, fromServer: c.client}[stream]
				c.during(t, m, func() { _ = c.pipes[stream].Close() }, func() { dst.hearsNothingMore("") })
				require.NoError(t, dst.ends())
			})
			t.Run(m.String()+" "+streams[stream]+" after a reset", func(t *testing.T) {
				c := newBareConn(t, listening)
				src, dst := c.client, c.server
				if stream == fromServer {
					src, dst = dst, src
				}
				end(src.TCPConn, true)
				_, err := c.pipes[stream].Read(make([]byte, 1))
				require.Equal(t, io.EOF, err)
				c.during(t, m, func() { _ = c.pipes[stream].Close() }, func() { dst.hearsNothingMore("") })
				if m == modeJam {
					require.ErrorIs(t, dst.ends(), errReset)
				}
			})
		}
	}
}

// TestPipeHoldsBytes has bytes arrive at the pipe when a cut has already begun.
func TestPipeHoldsBytes(t *testing.T) {
	c := newBareConn(t, listening)
	write := func() {
		n, err := c.pipes[toServer].Write([]byte("late"))
		require.Equal(t, 4, n)
		require.NoError(t, err)
	}
	c.during(t, modeJam, write, func() { c.server.hearsNothingMore("") })
	c.server.hears("late")
	require.EqualValues(t, 4, c.owner.count.streams[toServer].forwarded.Load())
	c.set(modeDrop)
	write() // at once, into nothing
	c.server.hearsNothingMore("late")
	require.EqualValues(t, 4, c.owner.count.streams[toServer].forwarded.Load())
}

// TestSettle interrupts a write that its peer has blocked, and finds every byte in order once it may go on.
func TestSettle(t *testing.T) {
	for _, m := range []mode{modePass, modeJam} {
		t.Run(m.String(), func(t *testing.T) {
			c := newBareConn(t, deaf)
			all := pattern(16 << 20)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = c.pipes[toServer].Write(all)
				_ = c.pipes[toServer].Close()
			}()
			t.Cleanup(func() { c.doom(false); <-done }) // else a failed test would close the pipe twice
			forwarded := &c.owner.count.streams[toServer].forwarded
			select {
			case <-done:
				t.Fatal("the peer's socket took it all: nothing is blocked")
			case <-time.After(aWhile):
			}
			first := make([]byte, 1)
			_, err := io.ReadFull(c.server, first) // the write is under way
			require.NoError(t, err)
			require.Zero(t, forwarded.Load(), "not counted before the write returns")
			c.set(m)
			for range 100 {
				c.pipes[toServer].settle()
			}
			settled := forwarded.Load()
			require.Positive(t, settled, "counted once it is settled")
			first = append(first, make([]byte, settled-1)...)
			_, err = io.ReadFull(c.server, first[1:])
			require.NoError(t, err)
			if m == modeJam {
				<-time.After(aWhile)
				require.Equal(t, settled, forwarded.Load(), "no byte more, although the peer reads")
				c.set(modePass)
			}
			rest, err := io.ReadAll(c.server)
			require.NoError(t, err)
			require.True(t, bytes.Equal(all, append(first, rest...)))
			<-done
			require.EqualValues(t, len(all), forwarded.Load())
		})
	}
}

// TestPipeTellsTheSource checks that a source whose destination is gone is reset: behind what the destination had said, and not across a cut.
func TestPipeTellsTheSource(t *testing.T) {
	find := func(t *testing.T, c *bareConn) { // writes until the pipe notices
		t.Helper()
		require.Eventually(t, func() bool {
			before := c.owner.count.streams[toServer].forwarded.Load()
			_, _ = c.pipes[toServer].Write([]byte("x"))
			return c.owner.count.streams[toServer].forwarded.Load() == before
		}, patience, time.Millisecond)
	}
	t.Run("before the way back is closed", func(t *testing.T) {
		c := newBareConn(t, listening)
		end(c.server.TCPConn, true)
		find(t, c)
		c.client.hearsNothingMore("")
		_, err := c.pipes[fromServer].Write([]byte("last words"))
		require.NoError(t, err)
		_, err = c.pipes[fromServer].Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		c.client.hears("last words")
		require.NoError(t, c.pipes[fromServer].Close())
		require.ErrorIs(t, c.client.ends(), errReset)
	})
	t.Run("after the way back is closed", func(t *testing.T) {
		c := newBareConn(t, listening)
		require.NoError(t, c.pipes[fromServer].Close())
		require.NoError(t, c.client.ends())
		require.NoError(t, c.server.Close())
		find(t, c)
		<-c.doomed
	})
	t.Run("while the way back is jammed", func(t *testing.T) {
		c := newBareConn(t, listening)
		require.NoError(t, c.pipes[fromServer].Close())
		end(c.server.TCPConn, true)
		c.owner.valve.set(FromServer.modes(modeJam))
		done := make(chan struct{})
		go func() { defer close(done); find(t, c) }()
		select {
		case <-c.doomed:
			t.Fatal("the reset crossed the cut")
		case <-time.After(aWhile):
		}
		c.set(modePass)
		<-c.doomed
		<-done
	})
}
