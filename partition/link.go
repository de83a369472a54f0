package partition

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// undoTimeout bounds what is undone on nobody's context: a fault injected half-way, and what [Network.Close] finds. A stock Toxiproxy was
// seen to take 10 s to remove a jam whose peers had gone.
const undoTimeout = 30 * time.Second

// A Link is one client's way to one server: whoever dials [Link.Addr] reaches [Link.Upstream], until the link is cut.
// Links come from [Network.Link] and live as long as their network. A Link is safe for concurrent use; the zero Link is of no use.
type Link struct {
	name, upstream string
	wire           wire
	timeline       *Timeline

	turn turn // held by who cuts, heals or closes

	mu     sync.Mutex // guards cut and closed; written by who has the turn
	cut    *Cut       // the one in force, or one that could be neither made nor undone
	closed bool
}

// Name returns the name that the link was given.
func (l *Link) Name() string { return l.name }

// Addr returns the address, host:port, that the client is to dial. It never changes.
func (l *Link) Addr() string { return l.wire.addr() }

// Upstream returns the address of the server, as it was given.
func (l *Link) Upstream() string { return l.upstream }

// Traffic returns what the link has carried since it was made. It returns false if nobody counts, as with a Toxiproxy elsewhere.
func (l *Link) Traffic() (Traffic, bool) { return l.wire.traffic() }

// Connections returns how many connections the link has now, including those that only the proxy still keeps because a cut hides from
// one side that the other has gone. It returns false if nobody counts.
func (l *Link) Connections() (int, bool) {
	t, ok := l.wire.traffic()
	return int(t.Opened - t.Closed), ok
}

// Cut injects a fault, which holds until [Cut.Heal], [Network.Heal] or [Network.Close], and records it in the network's timeline.
//
// It blocks until the fault is in force: in process that waits for no peer, elsewhere for a few HTTP requests, until ctx ends. A link has one
// fault at a time. It returns an [*AlreadyCutError] if there is one, a [*DirectionError] if the kind exists in both directions only, an
// [*UnknownNameError] for a kind that is none, [ErrClosed], ctx's cause, or what Toxiproxy said. On failure the link is as it was; if even
// that could not be restored, the error says so, and the link counts as cut, for Network.Heal or Network.Close to try again.
func (l *Link) Cut(ctx context.Context, kind Kind, direction Direction) (*Cut, error) {
	f, ok := kind.fault()
	if !ok {
		return nil, unknownKind(kind.String())
	}
	if int(direction) >= len(directionNames) || direction != Both && !f.oneWay {
		return nil, &DirectionError{Kind: kind, Direction: direction}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("partition: cutting %s: %w", l.name, context.Cause(ctx))
	}
	if err := l.turn.take(ctx); err != nil {
		return nil, fmt.Errorf("partition: cutting %s: %w", l.name, err)
	}
	defer l.turn.pass()

	current, closed := l.state()
	if closed {
		return nil, fmt.Errorf("%w: cutting %s", ErrClosed, l.name)
	}
	if current != nil {
		return nil, &AlreadyCutError{Link: l.name, Kind: current.kind, Direction: current.direction, Since: current.Started()}
	}
	c := &Cut{link: l, fault: f, kind: kind, direction: direction}
	was, _ := l.wire.traffic()
	if err := f.inject(ctx, l.wire, direction); err != nil {
		return nil, l.abandon(ctx, c, err)
	}
	c.begin(was.Closed)
	l.setCut(c)
	l.timeline.Record(Event{At: c.Started(), Who: l.name, What: EventCut, Detail: fmt.Sprintf("%s %s", kind, direction)})
	return c, nil
}

// abandon undoes what there is of a cut that could not be made.
func (l *Link) abandon(ctx context.Context, c *Cut, cause error) error {
	err := fmt.Errorf("partition: cutting %s (%s, %s): %w", l.name, c.kind, c.direction, cause)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if undo := c.fault.undo(ctx, l.wire, c.direction); undo != nil {
		l.setCut(c)
		return errors.Join(err, fmt.Errorf("partition: %s may be cut none the less: undoing it: %w", l.name, undo))
	}
	return err
}

// heal heals the link if it is cut.
func (l *Link) heal(ctx context.Context) error {
	if c, _ := l.state(); c != nil {
		return c.Heal(ctx)
	}
	return nil
}

// close heals the link, and ends it whether or not that worked.
func (l *Link) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), undoTimeout)
	defer cancel()
	healed := l.heal(ctx)
	ctx, cancel = context.WithTimeout(context.Background(), undoTimeout)
	defer cancel()
	if err := l.turn.take(ctx); err != nil {
		return errors.Join(healed, fmt.Errorf("partition: closing %s: %w", l.name, err))
	}
	defer l.turn.pass()
	l.mu.Lock()
	l.closed, l.cut = true, nil
	l.mu.Unlock()
	if err := l.wire.close(ctx); err != nil {
		return errors.Join(healed, fmt.Errorf("partition: closing %s: %w", l.name, err))
	}
	return healed
}

func (l *Link) state() (c *Cut, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut, l.closed
}

func (l *Link) setCut(c *Cut) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = c
}

// A turn is a lock for which one waits no longer than a context. It is made with make(turn, 1).
type turn chan struct{}

// take returns nil when the turn is ours. A turn that is free is taken even if ctx has ended.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pass gives the turn back.
func (t turn) pass() { <-t }
