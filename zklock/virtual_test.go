package zklock_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/session"
	"github.com/zkkit/zkkit/zklock"
	"github.com/zkkit/zkkit/zktest"
)

// virtual is a stage in a bubble of testing/synctest, with a server in memory that nobody else uses. Time passes only when nobody has anything to do, so that hours
// take milliseconds, and times can be told exactly.
type virtual struct {
	*stage
	zk *zktest.Server
}

// anywhere is the address that is dialled: a literal, since looking up a name would leave the bubble.
const anywhere = "10.0.0.1:2181"

// story plays in virtual time. It fails if a goroutine is left at its end.
func story(t *testing.T, tell func(t *testing.T, v *virtual)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := &virtual{stage: &stage{t: t, root: "/story", path: "/story/lock"}, zk: virtualServer(t)}
		v.observer = v.live(v.client(session.Config{Timeout: 20 * time.Second}))
		tell(t, v)
	})
}

// virtualServer has the tick of the real one. An observer's session may outlast the faults.
func virtualServer(t *testing.T) *zktest.Server {
	t.Helper()
	return zktest.RunConfigT(t, zktest.Config{Tick: tick, MaxSession: time.Minute})
}

// ctx bounds a hang, as that of the stage does. Days are cheap here.
func (v *virtual) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
	v.t.Cleanup(cancel)
	return ctx
}

// client connects a client that is closed when the story ends, in memory unless cfg says how.
func (v *virtual) client(cfg session.Config) *session.Client {
	v.t.Helper()
	cfg.Servers = []string{anywhere}
	if cfg.Dial == nil {
		cfg.Dial = v.zk.DialContext
	}
	c, err := session.Open(v.ctx(), cfg)
	require.NoError(v.t, err)
	v.t.Cleanup(func() { v.close(c) })
	return c
}

// open connects a contender through a line of its own, and checks before the first one closes that nothing is left behind.
func (v *virtual) open() (*session.Client, *line) {
	v.t.Helper()
	l := newLine(v.zk)
	return v.openWith(l.dial), l
}

func (v *virtual) openWith(dial func(context.Context, string, string) (net.Conn, error)) *session.Client {
	v.t.Helper()
	c := v.client(session.Config{Timeout: timeout, Tick: tick, Dial: dial})
	v.t.Cleanup(func() { v.cleared.Do(v.requireClear) })
	return c
}

// contender is a mutex with a client and a line of its own.
func (v *virtual) contender() (*zklock.Mutex, *line) {
	v.t.Helper()
	c, l := v.open()
	return v.mutex(c), l
}

// wait lets a contender wait in the queue, and returns when it has done all that it can do until something changes.
func (v *virtual) wait(ctx context.Context, m *zklock.Mutex) (string, <-chan attempt) {
	v.t.Helper()
	name, done := v.enqueue(ctx, m)
	synctest.Wait()
	requireWaiting(v.t, done)
	return name, done
}

// free requires that the lock can be had.
func (v *virtual) free(m *zklock.Mutex) {
	v.t.Helper()
	v.unlock(v.lock(m))
	require.Empty(v.t, v.children())
}

// through returns a dial whose frames x tells of.
func (x *tap) through(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &tapped{Conn: c, tap: x}, nil
	}
}

// A fault is what keeps a line from serving.
type fault struct {
	name     string
	cut      func(*line)
	heal     func(*line)
	lets     way  // what passes all the same
	breaking bool // the connection does not survive it
}

// faults are all sorts of cuts.
func faults() []fault {
	refuse := fault{"refused", func(l *line) { l.refuse(true) }, func(l *line) { l.refuse(false) }, 0, true}
	all := []fault{refuse}
	for _, w := range []way{bothWays, toServer, fromServer} {
		all = append(all,
			fault{"lost " + w.String(), func(l *line) { l.cut(w) }, (*line).healBroken, bothWays &^ w, true},
			fault{"late " + w.String(), func(l *line) { l.cut(w) }, (*line).heal, bothWays &^ w, false})
	}
	return all
}

// loses reports whether what is sent meanwhile is lost, so that nobody knows what became of it.
func (f fault) loses() bool { return strings.HasPrefix(f.name, "lost") }

func (f fault) String() string { return fmt.Sprintf("what is sent is %s", f.name) }

// since returns how much virtual time has passed.
func since(start time.Time) time.Duration { return time.Since(start).Round(time.Microsecond) }
