package partition

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
)

// A local is the wire of this process: a Toxiproxy proxy that is never started, because its own accept loop dials while nobody else can
// connect, and because stopping it gives its port away. The local listens, dials and keeps the connections, and has Toxiproxy's links
// carry the bytes through the proxy's toxics.
type local struct {
	name, upstream string
	address        string
	dialer         net.Dialer
	logger         *slog.Logger
	api            *toxiproxy.ApiServer
	proxy          *toxiproxy.Proxy
	valve          valve
	count          counters
	wg             sync.WaitGroup // accept loops, dials, connections

	mu       sync.Mutex // guards all below
	door     door
	listener *net.TCPListener // nil while refusing
	held     io.Closer        // holds the port while refusing
	conns    map[*conn]struct{}
	made     int           // connections so far, for their names
	closing  chan struct{} // closed when door is doorClosed
}

// A door is what a local does with new connections.
type door uint8

const (
	doorOpen   door = iota
	doorRefuse      // nobody listens
	doorReset       // accept and reset
	doorClosed
)

// newLocal makes the proxy and begins to listen. On failure nothing is left.
func newLocal(ctx context.Context, api *toxiproxy.ApiServer, c Config, name, at, upstream string) (*local, error) {
	l := &local{
		name: name, upstream: upstream, api: api, logger: c.Logger,
		dialer:  net.Dialer{Timeout: c.DialTimeout},
		conns:   make(map[*conn]struct{}),
		closing: make(chan struct{}),
	}
	if at == "" {
		at = net.JoinHostPort(c.Listen, "0")
	} else if err := tryListen(ctx, at); err != nil {
		return nil, err
	}
	ln, err := listen(ctx, at)
	if err != nil {
		return nil, err
	}
	l.address = ln.Addr().String()
	l.proxy = toxiproxy.NewProxy(api, name, l.address, upstream)
	err = l.attachGates()
	if err == nil && c.Delay > 0 {
		err = l.attachDelay(c.Delay)
	}
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	l.serveLocked(ln)
	return l, nil
}

// attachGates puts a gate that obeys the local's valve into each stream of the proxy.
func (l *local) attachGates() error {
	for i, direction := range []stream.Direction{toServer: stream.Upstream, fromServer: stream.Downstream} {
		spec := fmt.Sprintf(`{"type": %q, "stream": %q, "toxicity": 1, "attributes": {"mode": "pass"}}`, gateType, direction)
		added, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(spec))
		if err != nil {
			return err
		}
		g, ok := added.Toxic.(*gate)
		if !ok {
			return fmt.Errorf("partition: the toxic type %q is registered as a %T", gateType, added.Toxic)
		}
		g.shared, g.stream = &l.valve, i
	}
	return nil
}

// attachDelay puts Toxiproxy's own toxic of that purpose behind the gates, where it stays. What it still has when a cut begins is stopped behind it.
func (l *local) attachDelay(d time.Duration) error {
	for _, direction := range []stream.Direction{stream.Upstream, stream.Downstream} {
		spec := fmt.Sprintf(`{"name": "delay-%s", "type": "latency", "stream": %q, "toxicity": 1, "attributes": {"latency": %d}}`, direction, direction, d.Milliseconds())
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(spec)); err != nil {
			return err
		}
	}
	return nil
}

func (l *local) addr() string { return l.address }

// traffic counts all that anybody has received by now.
func (l *local) traffic() (Traffic, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settleLocked()
	return l.count.read(), true
}

// gate sets what the two streams do. When it returns, nothing more crosses a stream that is cut. Connections that lived through a drop
// are closed before the streams pass again, so that no byte follows a gap.
func (l *local) gate(_ context.Context, m modes) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.valve.now().modes; old[toServer] == modeDrop || old[fromServer] == modeDrop {
		l.doomAllLocked(false)
	}
	l.valve.set(m)
	l.settleLocked()
	return nil
}

// refuse closes all connections and the listener but keeps the port, or listens on it again.
func (l *local) refuse(ctx context.Context, on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on == (l.door == doorRefuse) {
		return nil
	}
	if !on {
		ln, err := listen(ctx, l.address)
		if err != nil {
			return err
		}
		_ = l.held.Close()
		l.door = doorOpen
		l.serveLocked(ln)
		return nil
	}
	held, err := holdPort(l.listener.Addr())
	if err != nil {
		return err
	}
	l.door, l.held = doorRefuse, held
	_ = l.listener.Close() // returns when the socket is closed, so the next SYN is refused
	l.doomAllLocked(false)
	return nil
}

// reset resets all connections and every new one, or stops doing so.
func (l *local) reset(_ context.Context, on bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !on {
		l.door = doorOpen
		return nil
	}
	l.door = doorReset
	l.doomAllLocked(true)
	return nil
}

// close ends the listener and all connections, and waits for their goroutines.
func (l *local) close(context.Context) error {
	l.mu.Lock()
	if l.door != doorClosed {
		if l.door == doorRefuse {
			_ = l.held.Close()
		} else {
			_ = l.listener.Close()
		}
		l.door = doorClosed
		close(l.closing)
		l.doomAllLocked(false)
		l.valve.set(modes{}) // so that jammed gates let go
	}
	l.mu.Unlock()
	l.wg.Wait()
	return nil
}

func (l *local) doomAllLocked(reset bool) {
	for c := range l.conns {
		c.doom(reset)
	}
}

func (l *local) settleLocked() {
	for c := range l.conns {
		for _, p := range c.pipes {
			p.settle()
		}
	}
}
