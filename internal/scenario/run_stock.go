package scenario

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// stock is the control: go-zookeeper's own lock, used as its documentation shows, and believed in until that library reports that the session has expired,
// which is the only word it ever gives of a loss.
type stock struct {
	conn *zk.Conn
	path string
	rec  *recorder
	who  string

	mu      sync.Mutex // guards expired
	expired chan struct{}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func newStock(ctx context.Context, rec *recorder, who string, servers []string, timeout time.Duration, path string) (*stock, error) {
	c := &stock{path: path, rec: rec, who: who, expired: make(chan struct{})}
	ready := make(chan struct{})
	var once sync.Once
	conn, _, err := zk.Connect(servers, timeout, zk.WithLogger(quiet{}), zk.WithLogInfo(false), zk.WithEventCallback(func(ev zk.Event) {
		if ev.Type != zk.EventSession {
			return
		}
		switch ev.State {
		case zk.StateHasSession:
			rec.now(Event{Who: who, What: State, Detail: "connected"})
			once.Do(func() { close(ready) })
		case zk.StateDisconnected:
			rec.now(Event{Who: who, What: State, Detail: "disconnected"})
		case zk.StateExpired:
			rec.now(Event{Who: who, What: SessionExpiredLearnt})
			c.mu.Lock()
			close(c.expired)
			c.expired = make(chan struct{})
			c.mu.Unlock()
		default:
		}
	}))
	if err != nil {
		return nil, err
	}
	c.conn = conn
	select {
	case <-ready:
		return c, nil
	case <-ctx.Done():
		conn.Close()
		return nil, context.Cause(ctx)
	}
}

func (c *stock) acquire(ctx context.Context) (belief, error) {
	c.mu.Lock()
	expired := c.expired
	c.mu.Unlock()
	lock := zk.NewLock(c.conn, c.path, zk.WorldACL(zk.PermAll))
	mark := []byte("zkctl " + c.who + " " + rand.Text())
	locked := make(chan error, 1)
	go func() { locked <- lock.LockWithData(mark) }() // it knows no context: closing the connection ends it
	select {
	case err := <-locked:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	token, err := c.tokenOf(mark)
	if err != nil {
		return nil, err
	}
	return &stockBelief{lock: lock, id: token, expired: expired}, nil
}

// tokenOf finds the czxid of the lock's node, which the lock does not tell.
func (c *stock) tokenOf(mark []byte) (uint64, error) {
	names, _, err := c.conn.Children(c.path)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		data, stat, err := c.conn.Get(c.path + "/" + name)
		if err == nil && bytes.Equal(data, mark) {
			return uint64(stat.Czxid), nil
		}
	}
	return 0, fmt.Errorf("the node of %s's lock is not there", c.who)
}

func (c *stock) close() { c.conn.Close() }

type stockBelief struct {
	lock    *zk.Lock
	id      uint64
	expired chan struct{}
}

func (b *stockBelief) token() uint64          { return b.id }
func (b *stockBelief) ended() <-chan struct{} { return b.expired }
func (b *stockBelief) why() string            { return "was told that the session had expired" }

func (b *stockBelief) release(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- b.lock.Unlock() }() // ends with the connection at the latest
	select {
	case err := <-done:
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
