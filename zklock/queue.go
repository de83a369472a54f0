package zklock

import (
	"context"
	"errors"
	"strings"

	"github.com/zkkit/zkkit/session"
)

// waiter is one contender's node while it is in the queue.
type waiter struct {
	m     *Mutex
	s     *session.Session
	path  string
	name  string
	lease *session.Lease
	place place
}

// join adds a node to the queue and returns it with its first look around. On failure no node stays: what may have been made is removed in the
// background, on this session, however ctx ended.
func (m *Mutex) join(ctx context.Context) (*waiter, error) {
	if ctx.Err() != nil { // else a node would stand in the queue for a moment, in everybody's way
		return nil, context.Cause(ctx)
	}
	s, err := m.client.Session(ctx)
	if err != nil {
		return nil, err
	}
	made, names, err := m.enqueue(ctx, s)
	w := &waiter{m: m, s: s, path: made.Path, name: session.Base(made.Path)}
	if err != nil {
		return nil, w.because(ctx, err)
	}
	w.lease, err = s.Adopt(made)
	if err == nil {
		err = w.see(names)
	}
	if err == nil {
		return w, nil
	}
	err = w.because(ctx, err)
	w.leave()
	return nil, err
}

// enqueue creates the node, and the directory when it is missing. Containers may be reaped between the two.
func (m *Mutex) enqueue(ctx context.Context, s *session.Session) (session.Made, []string, error) {
	owner := m.owner
	owner.Start = m.now()
	data := owner.encode()
	for {
		made, names, err := s.Enqueue(ctx, m.path, "lock-", data, m.cfg.ACL)
		if !errors.Is(err, session.ErrNoNode) {
			return made, names, err
		}
		if err := s.EnsureContainers(ctx, m.path, m.cfg.ACL); err != nil {
			return session.Made{}, nil, err
		}
	}
}

// look lists the queue.
func (w *waiter) look(ctx context.Context) error {
	names, _, err := w.s.Children(ctx, w.m.path)
	if errors.Is(err, session.ErrNoNode) {
		return session.ErrNodeGone // and the directory with it
	}
	if err != nil {
		return err
	}
	return w.see(names)
}

// see takes note of what the queue looks like.
func (w *waiter) see(names []string) error {
	w.place = findPlace(names, w.name)
	w.m.mention(w.place.foreign)
	switch {
	case !w.place.listed:
		return session.ErrNodeGone
	case w.place.unsafe != nil:
		return &SequenceError{Path: w.m.path, Name: w.place.unsafe.name, Sequence: w.place.unsafe.seq}
	}
	return nil
}

// await blocks until it is this contender's turn and its lease is held.
//
// Everybody watches the one ahead, and the one before that. When the latter goes, the queue is listed again: a contender that finds only one ahead
// is next, and starts its lease then, while the other still holds. No node can ever be added ahead of one that exists, so when the last one ahead is deleted there
// is nothing left to ask: the notification is the grant. That holds only on the connection on which the watches on that node and on the
// contender's own were set, where the server tells of changes in their order; otherwise the queue is listed again.
func (w *waiter) await(ctx context.Context) error {
	var one, two watched // the one ahead, and the one before that
	defer func() { one.stop(); two.stop() }()
	for {
		ahead := w.place.ahead
		if len(ahead) == 0 {
			return w.lease.Hold(ctx)
		}
		if err := w.observe(ctx, ahead, &one, &two); err != nil {
			return err
		}
		last := len(ahead) == 1
		if last {
			if err := w.lease.Hold(ctx); err != nil {
				return err
			}
		}
		select {
		case ev := <-one.C():
			sure := last && ev.Type == session.Deleted && ev.Connection == one.watch.Connection() && w.lease.Ready(ev.Connection)
			one = watched{}
			if sure {
				return nil
			}
		case <-two.C():
			two = watched{}
		case <-w.lease.Done():
			return w.lease.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := w.look(ctx); err != nil {
			return err
		}
	}
}

// watched is a watch on one contender. The zero value watches nobody.
type watched struct {
	name  string
	watch *session.Watch
}

func (x *watched) stop() { x.watch.Stop() }

// C is nil, and so blocks for ever, when nobody is watched.
func (x *watched) C() <-chan session.Event {
	if x.watch == nil {
		return nil
	}
	return x.watch.C
}

// observe makes one and two the watches on the last two of ahead, keeping those that are set already, and has the own node watched too, all in one round trip.
func (w *waiter) observe(ctx context.Context, ahead []contender, one, two *watched) error {
	n := len(ahead)
	first, second := ahead[n-1].name, ""
	if n > 1 {
		second = ahead[n-2].name
	}
	if two.name == first { // the one ahead gave up
		one.stop()
		*one, *two = *two, watched{}
	}
	var wanted []*watched
	var paths []string
	for _, x := range []struct {
		*watched
		name string
	}{{one, first}, {two, second}} {
		if x.watched.name == x.name {
			continue
		}
		x.stop()
		*x.watched = watched{}
		if x.name != "" {
			x.watched.name = x.name
			wanted, paths = append(wanted, x.watched), append(paths, session.Join(w.m.path, x.name))
		}
	}
	watches, err := w.lease.WatchWith(ctx, paths...)
	for i, x := range wanted {
		if err == nil {
			x.watch = watches[i]
		} else {
			*x = watched{}
		}
	}
	return err
}

// leave gives the place up. The node is removed in the background, however the caller's context ended; the channel is closed when that is over.
func (w *waiter) leave() <-chan struct{} {
	if w.lease != nil {
		w.lease.Release()
	}
	gone := make(chan struct{})
	w.s.RemoveDetached(w.path, func(error) { close(gone) })
	return gone
}

// because turns an error of the queue into what a caller wants to know: its own cancellation, the loss of its place, or what a server refused.
func (w *waiter) because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if w.lease != nil {
		if lost := w.lease.Err(); lost != nil {
			err = lost
		}
	}
	if lost := w.s.Err(); lost != nil {
		err = lost
	}
	if errors.Is(err, session.ErrNodeGone) || errors.Is(err, session.ErrLost) {
		return &LostError{Path: w.m.path, Reason: err}
	}
	return err
}

// validPath reports what is wrong with a lock's path, "" when nothing is.
func validPath(path string) string {
	switch {
	case !strings.HasPrefix(path, "/"):
		return "it must begin with /"
	case path == "/":
		return "the root cannot be a lock"
	case strings.HasSuffix(path, "/") || strings.Contains(path, "//"):
		return "an element is empty"
	case strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../"):
		return "it must not be relative"
	}
	return ""
}
