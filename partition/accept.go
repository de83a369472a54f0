package partition

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
)

// acceptRetry is how long the accept loop waits after an error that is likely to pass, such as too many open files.
const acceptRetry = 10 * time.Millisecond

// listen listens on address, on a port that holdPort can hold.
func listen(ctx context.Context, address string) (*net.TCPListener, error) {
	config := net.ListenConfig{Control: sharePort}
	ln, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("partition: listening on %s gave a %T", address, ln)
	}
	return tcp, nil
}

// tryListen fails when the address is taken. A socket that is made for holdPort would share it with another such one, and each of them get some of the connections.
func tryListen(ctx context.Context, address string) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return ln.Close()
}

// serveLocked accepts connections from ln until it is closed.
func (l *local) serveLocked(ln *net.TCPListener) {
	l.listener = ln
	l.wg.Go(func() {
		for {
			client, err := ln.AcceptTCP()
			switch {
			case err == nil:
				l.admit(client)
			case errors.Is(err, net.ErrClosed):
				return
			default:
				l.logger.Warn("accept failed", "link", l.name, "error", err)
				select {
				case <-l.closing:
				case <-time.After(acceptRetry):
				}
			}
		}
	})
}

// admit begins to serve a connection, or resets it if that is the order of the hour. It does not block.
func (l *local) admit(client *net.TCPConn) {
	l.mu.Lock()
	if l.door != doorOpen {
		l.mu.Unlock()
		end(client, true)
		l.count.opened.Add(1)
		l.count.closed.Add(1)
		return
	}
	c := newConn(l, client)
	l.conns[c] = struct{}{}
	l.made++
	name := fmt.Sprintf("%s#%d", l.name, l.made)
	l.count.opened.Add(1)
	l.wg.Add(1) // until remove
	l.wg.Go(c.dial)
	l.mu.Unlock()

	for i, direction := range []stream.Direction{toServer: stream.Upstream, fromServer: stream.Downstream} {
		l.proxy.Toxics.StartLink(l.api, name+" "+direction.String(), c.pipes[i], c.pipes[i], direction)
	}
}

// dial connects to the upstream, unless the phase is over or the client's connection doomed before that succeeds.
func (l *local) dial(ph *phase, doomed <-chan struct{}) (*net.TCPConn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l.wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-ph.over:
		case <-doomed:
		}
		cancel()
	})
	conn, err := l.dialer.DialContext(ctx, "tcp", l.upstream)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("partition: dialling %s gave a %T", l.upstream, conn)
	}
	return tcp, nil
}

// remove forgets a connection that is over.
func (l *local) remove(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.count.closed.Add(1) // at once: who sees no connection finds it counted
	l.mu.Unlock()
	l.wg.Done()
}
