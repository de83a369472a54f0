// Package session gives a Go program ZooKeeper sessions that know, locally and in time, when they are lost.
//
// A [Client] stays, sessions come and go: [Client.Session] returns the live one, and everything that is done on a [Session] happens in that session or not at
// all. When a session is lost, it is lost for good; what it held is gone, and the client opens another.
//
// # Why a client cannot wait to be told
//
// A server that has expired a session tells the client when the client reconnects, which is after the partition that caused it. A client that believes until
// then has overlapped with the next owner of its locks for seconds. So a session has a local deadline, [Session.Deadline], and is lost when that passes.
//
// Answers to pings do not move the deadline while something is held: a follower answers them itself, also while it is cut off from a leader that is about to
// expire the session. Only an acknowledged write proves that the ensemble knows the session to be alive. So while there are leases, a session
// sends a small write at least every sixth of its timeout: a multi that checks the nodes held, and changes nothing. How the deadline
// follows from the last one acknowledged, and on what assumptions, is derived at the type touches in deadline.go.
//
// The deadline makes the time short in which two clients may both believe. It cannot make it nothing: between looking at a clock and acting there is
// room for any pause. What protects a resource is that it compares fencing tokens; see package fence.
//
// # What is taken off the user's hands
//
// The package sits on github.com/go-zookeeper/zk and hides it: a lock's own requests go beside it, on the same connection. Every call takes a context. Reads are repeated over reconnects; writes
// never are, and say [ErrUnknownOutcome] when their reply was lost. [Session.CreateProtected] and [Session.Remove] resolve that for the two writes
// that a lock recipe needs. A connection that is accepted and then not answered, as by a proxy, is given up after a bounded time. Requests that were
// queued in one session are never executed in a later one. Names of servers are resolved for each connection.
package session

import (
	"context"
	"sync"
	"time"
)

// A Client connects to an ensemble and keeps a session there, one after the other.
// It is safe for concurrent use. There is no useful zero value: use [Open].
type Client struct {
	cfg    Config
	closed context.Context
	close  context.CancelFunc
	done   chan struct{} // closed when nothing of the client runs any more

	mu      sync.Mutex // guards current, changed and fading
	current *Session
	changed chan struct{} // closed when current changes
	fading  []*Session    // lost, and not yet finished
}

// Open connects to an ensemble. It blocks until there is a session, and fails when ctx ends, when the configuration is not usable, or when a server
// refuses the credentials. A failed Open leaves nothing behind.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	first, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, current: first, changed: make(chan struct{}), done: make(chan struct{})}
	c.closed, c.close = context.WithCancel(context.Background())
	go c.run()
	return c, nil
}

// open returns a connected session, or why there is none, and then nothing of it is left.
func open(ctx context.Context, cfg Config) (*Session, error) {
	s, err := newSession(cfg)
	if err != nil {
		return nil, err
	}
	err = s.enter(ctx)
	if err == nil {
		return s, nil
	}
	err = s.openError(err)
	s.stop()
	return nil, err
}

// stop closes the session and waits until nothing of it runs.
func (s *Session) stop() {
	s.lose(ErrClosed)
	s.mu.Lock()
	select {
	case <-s.farewell:
	default:
		close(s.farewell)
	}
	s.mu.Unlock()
	<-s.finished
}

// run replaces lost sessions until the client is closed.
func (c *Client) run() {
	defer close(c.done)
	for {
		c.mu.Lock()
		s := c.current
		c.mu.Unlock()
		select {
		case <-s.Done():
		case <-c.closed.Done():
			c.stopAll()
			return
		}
		c.replace(nil)
		next, err := c.reopen()
		if err != nil {
			c.stopAll()
			return
		}
		c.replace(next)
	}
}

// reopen returns a new session. It fails only when the client is closed.
func (c *Client) reopen() (*Session, error) {
	for {
		s, err := open(c.closed, c.cfg)
		if err == nil {
			return s, nil
		}
		if c.closed.Err() != nil {
			return nil, err
		}
		c.cfg.Logger.Warn("no session; trying again", "err", err)
		select {
		case <-time.After(time.Second):
		case <-c.closed.Done():
			return nil, err
		}
	}
}

func (c *Client) replace(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		c.fading = append(c.fading, c.current)
	}
	alive := c.fading[:0]
	for _, f := range c.fading {
		select {
		case <-f.finished:
		default:
			alive = append(alive, f)
		}
	}
	c.fading = alive
	c.current = s
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Client) stopAll() {
	c.mu.Lock()
	all := append([]*Session(nil), c.fading...)
	if c.current != nil {
		all = append(all, c.current)
	}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(s.stop)
	}
	wg.Wait()
}

// Session returns the live session. It blocks while there is none, until a new one is connected, and fails with the cause of ctx or when the client is
// closed. A session that is Suspended is live.
func (c *Client) Session(ctx context.Context) (*Session, error) {
	for {
		c.mu.Lock()
		s, changed := c.current, c.changed
		c.mu.Unlock()
		if c.closed.Err() != nil {
			return nil, ErrClosed
		}
		if s != nil && s.Err() == nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-c.closed.Done():
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Close closes the session and waits until nothing of the client runs any more. With a server in reach the session's ephemeral nodes are gone when Close
// returns; without, they stay until the servers expire the session, at most its timeout and a tick later. Close is idempotent and always returns nil.
func (c *Client) Close() error {
	c.close()
	<-c.done
	return nil
}
