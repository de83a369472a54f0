package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// A Session is one ZooKeeper session, from its creation to its loss; a client that goes on gets another one from its [Client].
// It begins Connected, moves between Connected and Suspended, and ends in Lost, from which nothing leads back. Requests issued on it are executed in this
// session or not at all: a later session of the same client never sees them.
//
// A Session is safe for concurrent use. There is no useful zero value: [Client.Session] returns one.
type Session struct {
	cfg   Config
	log   *slog.Logger
	clk   *clock
	hosts *hosts
	conn  *zk.Conn

	life context.Context // ends with the session, with the loss as its cause
	end  context.CancelCauseFunc

	finished chan struct{} // closed when nothing of this session runs any more
	wake     chan struct{} // asks the keeper to look again
	farewell chan struct{} // closed when nobody waits for a lost session's last words

	dialing context.Context // ends dials and pauses between them
	hangUp  context.CancelFunc

	notifyMu sync.Mutex // orders calls of cfg.OnState
	ops      sync.WaitGroup

	mu          sync.Mutex // guards all below
	id          int64
	timeout     time.Duration
	state       State
	err         error
	opening     error         // why there is no connection yet, for Open's error
	ready       chan struct{} // closed while requests may go out
	up          bool
	ended       bool // no request may begin
	wire        *wire
	connections uint64
	attempts    int // dials since the last answer of a server
	connectSent time.Duration
	flight      flight
	touches     touches
	touched     time.Duration
	heard       time.Duration // see view
	received    time.Duration // when the newest frame came in
	wrote       time.Duration // when the newest acknowledged write was sent
	leases      map[*Lease]struct{}
	held        int // how many of them are held
	nextBeat    int // rotates the leases that a renewal checks
	beating     bool
	watches     registry
	watched     bool  // go-zookeeper had watches when the session was lost
	noStat      bool  // the servers do not know create2
	zxid        int64 // newest seen
	direct      map[int32]*direct
	ownXid      int32
}

func newSession(cfg Config) (*Session, error) {
	s := &Session{
		cfg:      cfg,
		log:      cfg.Logger,
		clk:      startClock(),
		hosts:    newHosts(cfg.Servers),
		finished: make(chan struct{}),
		wake:     make(chan struct{}, 1),
		farewell: make(chan struct{}),
		state:    Suspended,
		timeout:  cfg.Timeout,
		ready:    make(chan struct{}),
		leases:   make(map[*Lease]struct{}),
		flight:   newFlight(),
		watches:  newRegistry(),
		direct:   make(map[int32]*direct),
		ownXid:   xidOwn,
	}
	s.life, s.end = context.WithCancelCause(context.Background())
	s.dialing, s.hangUp = context.WithCancel(context.Background())
	conn, events, err := zk.Connect(cfg.Servers, cfg.Timeout,
		zk.WithDialer(s.dial), zk.WithHostProvider(s.hosts), zk.WithEventCallback(s.event), zk.WithLogger(printer{s.log}), zk.WithLogInfo(false))
	if err != nil {
		s.hangUp()
		return nil, fmt.Errorf("session: %w", err)
	}
	s.conn = conn
	go s.run(events)
	return s, nil
}

// printer lets go-zookeeper write to a slog.Logger.
type printer struct{ log *slog.Logger }

func (p printer) Printf(format string, args ...any) { p.log.Debug(fmt.Sprintf(format, args...)) }

// ID returns the session id that the servers gave.
func (s *Session) ID() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// Timeout returns the negotiated session timeout, which servers keep between 2 and 20 of their ticks unless told otherwise.
func (s *Session) Timeout() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timeout
}

// Connections returns how many connections this session has had. Two events of one connection are in the order of the server's history; across
// connections nothing is known of their order.
func (s *Session) Connections() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// State returns what is known about the session now. A deadline that has passed shows at once, also when the process was stopped meanwhile.
func (s *Session) State() State {
	s.expireIfDue()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Done is closed when the session is lost: when a server says so, when the local deadline passes, or when this side closes it.
// While something is held under a [Lease], it closes before a server can hand on what was held, within the assumptions that the package comment names.
func (s *Session) Done() <-chan struct{} { return s.life.Done() }

// Err returns nil until the session is lost and then a [*LostError].
func (s *Session) Err() error {
	s.expireIfDue()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Deadline returns when the session is lost unless more is heard by then. It moves on while the session is alive.
func (s *Session) Deadline() time.Time {
	s.mu.Lock()
	d := s.viewLocked().deadline()
	s.mu.Unlock()
	return time.Now().Add(d - s.clk.now())
}

// Context returns a context that ends with parent or with the session, then with the loss as its cause.
func (s *Session) Context(parent context.Context) (context.Context, context.CancelFunc) {
	return follow(parent, s.life)
}

func (s *Session) viewLocked() view {
	return view{timeout: s.timeout, renewal: s.cfg.Renewal, holding: s.held > 0, touched: s.touched, heard: s.heard, up: s.up}
}

// expireIfDue declares the loss when the deadline has passed, whether or not the keeper has had the processor since.
func (s *Session) expireIfDue() {
	s.mu.Lock()
	due := s.state != Lost && s.id != 0 && s.viewLocked().at(s.clk.now()) == Lost
	s.mu.Unlock()
	if due {
		s.lose(ErrDeadline)
	}
}

// lose ends the session for this client. Only the first call has an effect.
func (s *Session) lose(reason error) {
	s.mu.Lock()
	if s.state == Lost {
		s.mu.Unlock()
		return
	}
	from := s.state
	s.state, s.err = Lost, &LostError{SessionID: s.id, Reason: reason}
	err := s.err
	for l := range s.leases {
		l.endLocked(err)
	}
	s.watched = s.watches.armed() > 0
	watches := s.watches.drain()
	conn := s.connections
	change := s.changeLocked(from)
	if !errors.Is(reason, ErrDeadline) && !errors.Is(reason, ErrClosed) {
		s.hosts.over.Store(true)
	}
	s.mu.Unlock()

	s.end(err)
	for _, w := range watches {
		w.deliver(Event{Type: NotWatching, Path: w.path, Err: err, Connection: conn})
	}
	s.report(change)
}

func (s *Session) changeLocked(from State) Change {
	return Change{SessionID: s.id, From: from, To: s.state, At: time.Now(), Err: s.err}
}

func (s *Session) report(c Change) {
	if c.From == c.To || c.SessionID == 0 {
		return
	}
	s.log.Debug("session state", "session", fmt.Sprintf("%#x", uint64(c.SessionID)), "from", c.From.String(), "to", c.To.String())
	if s.cfg.OnState == nil {
		return
	}
	s.notifyMu.Lock()
	defer s.notifyMu.Unlock()
	s.cfg.OnState(c)
}

// goTracked runs f in a goroutine that the session's end waits for. It does nothing once the session has ended.
func (s *Session) goTracked(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.ops.Go(f)
	return true
}

// enter waits until requests may go out. It returns the cause of ctx, or the loss.
func (s *Session) enter(ctx context.Context) error {
	for {
		s.mu.Lock()
		ready, err := s.ready, s.err
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		select {
		case <-ready:
			return nil
		default:
		}
		select {
		case <-ready:
		case <-s.life.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
