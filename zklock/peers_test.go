package zklock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
)

// A peer is a lock of another library on the stage's path.
type peer interface {
	lock() error // returns when the lock is held
	unlock() error
}

// exclude lets a peer and our Mutex keep each other out, both ways.
// The name of a node of the peer contains mark.
func (s *stage) exclude(p peer, mark string) {
	s.t.Helper()
	m := s.mutexWith(s.open(""), zklock.Config{Label: "ours"})

	// The peer holds.
	require.NoError(s.t, p.lock())
	require.Len(s.t, s.children(), 1)
	require.Contains(s.t, s.children()[0], mark)
	_, err := m.TryLock(s.ctx())
	require.ErrorIs(s.t, err, zklock.ErrHeld)
	var held *zklock.HeldError
	require.ErrorAs(s.t, err, &held)
	require.EqualValues(s.t, s.stat(session.Join(s.path, s.children()[0])).Czxid, held.Token.ID, "a peer has a token too")
	_, waiting := s.enqueue(s.ctx(), m)
	all, err := m.Contenders(s.ctx())
	require.NoError(s.t, err)
	require.Len(s.t, all, 2)
	require.Equal(s.t, "ours", all[1].Owner.Label)
	requireWaiting(s.t, waiting)
	require.NoError(s.t, p.unlock())
	h := granted(s.t, waiting)
	requireRises(s.t, held.Token, h.Token())

	// We hold, another of ours waits behind the peer.
	done := make(chan error, 1)
	go func() { done <- p.lock() }()
	s.requireChildren(2)
	_, behind := s.enqueue(s.ctx(), m)
	for range 3 { // what the peer does next, it does meanwhile
		time.Sleep(50 * time.Millisecond)
		require.Empty(s.t, done, "the peer took a lock that is held")
		requireWaiting(s.t, behind)
	}
	s.unlock(h)
	require.NoError(s.t, receive(s.t, done))
	requireWaiting(s.t, behind)
	require.NoError(s.t, p.unlock())
	s.unlock(granted(s.t, behind))
}

// contend lets peers and two of ours compete, and returns how often two were in at once.
func (s *stage) contend(rounds int, peers ...peer) int32 {
	s.t.Helper()
	stay := func() { time.Sleep(time.Millisecond) }
	var c section
	var wg sync.WaitGroup
	failed := make(chan error, 10)
	for _, p := range peers {
		wg.Go(func() {
			for range rounds {
				if err := p.lock(); err != nil {
					failed <- err
					return
				}
				c.visit(stay)
				if err := p.unlock(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for range 2 {
		m := s.mutex(s.open(""))
		wg.Go(func() {
			for range rounds {
				h, err := m.Lock(s.ctx())
				if err == nil {
					c.visit(stay)
					err = errors.Join(h.Err(), h.Unlock(s.ctx()))
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(s.t, err)
	}
	require.EqualValues(s.t, (2+len(peers))*rounds, c.visits.Load())
	return c.crowded.Load()
}

// stock is go-zookeeper's own lock.
type stock struct{ l *zk.Lock }

func (p stock) lock() error   { return p.l.Lock() }
func (p stock) unlock() error { return p.l.Unlock() }

func (s *stage) stock() stock {
	s.t.Helper()
	conn, _, err := zk.Connect(s.zk.Addrs(), timeout, zk.WithLogInfo(false))
	require.NoError(s.t, err)
	s.t.Cleanup(conn.Close)
	return stock{zk.NewLock(conn, s.path, zk.WorldACL(zk.PermAll))}
}

func TestStockGoLockAndOursExcludeEachOther(t *testing.T) {
	s := newStage(t)
	s.mkdir()
	s.exclude(s.stock(), "-lock-")
	require.Zero(t, s.contend(10, s.stock(), s.stock()), "two held the lock at once")
}

// The control for the stories in virtual time. Of go-zookeeper's lock all that one can ask is whether the client has been told that its session is over, which is after the
// partition. The referee sees two owners, whatever the partition is like.
func TestStoryStockLockHasTwoOwners(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			story(t, func(t *testing.T, v *virtual) {
				v.mkdir()
				r := newReferee(v.zk)
				var lines []*line
				owners := make(chan *claim, 2)
				for _, who := range []string{"A", "B"} {
					l := newLine(v.zk)
					lines = append(lines, l)
					p, told := v.stockBelief(l)
					go func() {
						_ = p.lock() // returns when the connection is closed
						if told() {
							return
						}
						c := &claim{who: who, believes: func() bool { return !told() }}
						for _, name := range v.children() {
							c.path = session.Join(v.path, name)
						}
						c.token = fence.Token{ID: uint64(v.stat(c.path).Czxid)}
						owners <- c
					}()
					synctest.Wait()
				}
				r.granted(<-owners)
				require.Empty(t, owners)
				time.Sleep(time.Minute)
				r.look()
				require.Empty(t, r.verdict())

				f.cut(lines[0])
				r.granted(<-owners)
				require.Contains(t, r.verdict(), "two owners: A")
				r.look()
				require.Contains(t, r.verdict(), "A believes, and its node is gone")
				f.heal(lines[0])
			})
		})
	}
}

// stockBelief is go-zookeeper's lock in virtual time, and what its owner can know: whether he was told that the session is over.
func (v *virtual) stockBelief(l *line) (p stock, told func() bool) {
	v.t.Helper()
	var over atomic.Bool
	dial := func(network, address string, timeout time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return l.dial(ctx, network, address)
	}
	conn, _, err := zk.Connect([]string{anywhere}, timeout, zk.WithLogger(log.New(io.Discard, "", 0)), zk.WithDialer(dial), zk.WithEventCallback(func(ev zk.Event) {
		if ev.State == zk.StateExpired {
			over.Store(true)
		}
	}))
	require.NoError(v.t, err)
	v.t.Cleanup(conn.Close)
	return stock{zk.NewLock(conn, v.path, zk.WorldACL(zk.PermAll))}, over.Load
}

// heedless takes no notice of anybody.
type heedless struct{}

func (heedless) lock() error   { return nil }
func (heedless) unlock() error { return nil }

func TestContendNoticesWhoTakesNoNotice(t *testing.T) {
	require.NotZero(t, newStage(t).contend(10, heedless{}, heedless{}))
}

// process is a peer in another process, which is told a word on a line and answers with a word on a line.
type process struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

// start runs a peer, and returns when it is ready.
func (s *stage) start(name string, args ...string) *process {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	var log strings.Builder
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	require.NoError(s.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	p := &process{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	s.t.Cleanup(func() {
		_ = in.Close() // it ends then
		bound := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer bound.Stop()
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", name, log.String())
		}
	})
	require.NoError(s.t, p.expect("ready"))
	return p
}

// expect reads a word. A peer that says nothing is killed.
func (p *process) expect(word string) error {
	bound := time.AfterFunc(2*patience, func() { _ = p.cmd.Process.Kill() }) // a JVM that compiles its program takes its time
	defer bound.Stop()
	if !p.out.Scan() {
		return errors.Join(errors.New("the peer has ended"), p.out.Err())
	}
	if got := p.out.Text(); got != word {
		return fmt.Errorf("the peer said %q, not %q", got, word)
	}
	return nil
}

func (p *process) say(word, answer string) error {
	if _, err := io.WriteString(p.in, word+"\n"); err != nil {
		return err
	}
	return p.expect(answer)
}

func (p *process) lock() error   { return p.say("lock", "held") }
func (p *process) unlock() error { return p.say("unlock", "released") }

// busy makes the peer try while ours hold and when nobody does.
func (s *stage) busy(p *process) {
	s.t.Helper()
	h := s.lock(s.mutex(s.open("")))
	require.NoError(s.t, p.say("try", "busy"))
	s.requireChildren(1)
	s.unlock(h)
	require.NoError(s.t, p.say("try", "held"))
	require.NoError(s.t, p.unlock())
}

// missing skips the test, or fails it where the word is required.
func missing(t *testing.T, word, message string) {
	t.Helper()
	if required(word) {
		require.FailNow(t, message)
	}
	t.Skip(message)
}
