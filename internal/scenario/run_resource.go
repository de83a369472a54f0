package scenario

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/zkkit/zkkit/fence"
)

// The resource of a run is a small server on TCP, so that a link to it can be cut. It takes lines of JSON, each a request, and answers each with a line. For
// programs of the user it takes plain text as well: see [request.parse].
type request struct {
	Op    string `json:"op"` // "seal" or "write"
	Token uint64 `json:"token"`
	Value string `json:"value,omitempty"`

	plain bool   // it came as text, and is answered so
	by    string // who it is known to come from
}

type answer struct {
	OK  bool   `json:"ok"`
	Max uint64 `json:"max,omitempty"`
}

const resourceName = "account"

// rest is how long a program's request lies before it is looked at: one that writes as fast as it can would fill the report.
const rest = 2 * time.Millisecond

// resource is what the lock protects. A fenced one refuses stale tokens, an unfenced one accepts everything.
type resource struct {
	rec    *recorder
	fenced bool
	store  *fence.Memory[string]
	wg     sync.WaitGroup

	mu    sync.Mutex // guards all below, and makes the order of the records that of the effects
	ports []*port
	conns map[net.Conn]bool
	done  bool
}

func newResource(rec *recorder, fenced bool) *resource {
	return &resource{rec: rec, fenced: fenced, store: new(fence.Memory[string]), conns: make(map[net.Conn]bool)}
}

// listen opens a port, and returns its address. What comes in there is known to come from by, "" for nobody in particular.
func (r *resource) listen(by string) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", environment(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &port{r, ln, by}
	r.ports = append(r.ports, p)
	r.wg.Go(p.accept)
	return ln.Addr().String(), nil
}

// A port is where a resource is reached.
type port struct {
	*resource
	ln net.Listener
	by string
}

func (p *port) accept() {
	r := p.resource
	for {
		conn, err := p.ln.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		if r.done {
			_ = conn.Close()
		} else {
			r.conns[conn] = true
			r.wg.Go(func() { r.serve(conn, p.by) })
		}
		r.mu.Unlock()
	}
}

func (r *resource) serve(conn net.Conn, by string) {
	defer func() {
		_ = conn.Close()
		r.mu.Lock()
		delete(r.conns, conn)
		r.mu.Unlock()
	}()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		req := request{by: by}
		if wrong := req.parse(lines.Bytes()); wrong != "" {
			if _, err := conn.Write([]byte("error: " + wrong + "\n")); err != nil {
				return
			}
			continue
		}
		if by != "" {
			<-time.After(rest)
		}
		if _, err := conn.Write(append(r.do(req).line(req.plain), '\n')); err != nil {
			return
		}
	}
}

// do applies a request and records it in one step.
func (r *resource) do(req request) answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	token := fence.Token{ID: req.Token}
	if req.Op == "seal" {
		var err error
		if r.fenced {
			err = r.store.Seal(context.Background(), resourceName, token)
			r.rec.now(Event{Who: WhoResource, What: Sealed, By: req.by, Token: req.Token})
		}
		return verdictOf(err)
	}
	var err error
	if r.fenced {
		err = r.store.Write(context.Background(), resourceName, token, req.Value)
	}
	ok := err == nil
	r.rec.now(Event{Who: WhoResource, What: Write, By: req.by, Token: req.Token, OK: &ok})
	return verdictOf(err)
}

func verdictOf(err error) answer {
	var stale *fence.StaleError
	if errors.As(err, &stale) {
		return answer{Max: stale.Max.ID}
	}
	return answer{OK: err == nil}
}

func (r *resource) close() {
	r.mu.Lock()
	r.done = true
	for _, p := range r.ports {
		_ = p.ln.Close()
	}
	for conn := range r.conns {
		_ = conn.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// writer is a client of the resource: it seals, and then writes at an even pace for as long as its owner believes in the lock.
type writer struct {
	rec   *recorder
	who   string
	conn  net.Conn
	lines *bufio.Scanner
	turn  chan struct{} // Holds one token while a request is on its way or its answer is.
}

// pace is the pause between two writes. It is short against any session, so that one write is on its way when a link is jammed.
const pace = 50 * time.Millisecond

// newWriter connects to the resource by way of addr.
func newWriter(ctx context.Context, rec *recorder, who, addr string) (*writer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &writer{rec: rec, who: who, conn: conn, lines: bufio.NewScanner(conn), turn: make(chan struct{}, 1)}, nil
}

// between calls f when no request is on its way, and keeps the next one back until f returns. It fails with the cause of ctx, or as f does.
func (w *writer) between(ctx context.Context, f func() error) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-w.turn }()
	return f()
}

func (w *writer) close() { _ = w.conn.Close() }

func (w *writer) call(req request) (answer, error) {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	b, err := json.Marshal(req)
	if err != nil {
		return answer{}, err
	}
	if _, err := w.conn.Write(append(b, '\n')); err != nil {
		return answer{}, err
	}
	if !w.lines.Scan() {
		return answer{}, errors.Join(net.ErrClosed, w.lines.Err())
	}
	var a answer
	return a, json.Unmarshal(w.lines.Bytes(), &a)
}

// work writes with a token until done is closed. A write that was sent is waited for, however long its answer takes.
func (w *writer) work(token uint64, done <-chan struct{}) {
	if _, err := w.call(request{Op: "seal", Token: token}); err != nil {
		return
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		default:
		}
		w.rec.now(Event{Who: w.who, What: WriteSent, Token: token})
		a, err := w.call(request{Op: "write", Token: token, Value: w.who})
		e := Event{Who: w.who, What: WriteAnswered, Token: token}
		if err == nil {
			e.OK = &a.OK
		}
		w.rec.now(e)
		if err != nil {
			return
		}
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}
