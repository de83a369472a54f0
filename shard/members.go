// Package shard says which processes there are, so that they can share something among them.
//
//	members, err := shard.Join(ctx, client, "/services/api", shard.MembersConfig{})
//	defer members.Leave(ctx)
//	n, since := members.Servers() // as ratelimit.LocalShare wants to know it
//
// # What a member may rely on
//
// A group is a directory, and a member an ephemeral node in it. Each member watches the directory, and knows what it last read there: its view. Views differ, as news takes its time.
// [Members.Servers] promises no more than what can be had, and all of that: of the members that are told a number above 0 at one moment, none is told one below that of all of
// them. So what each divides by its own number is, together, never more than the whole. It follows from three rules, within the assumptions of package session:
//
//   - Who leaves stops to count before its node goes: at once when it leaves by itself, and at its session's local deadline, which is before the servers expire the session, otherwise.
//   - Who has been told that its view is old does not count until it has a new one.
//   - Who comes does not count until a session timeout after its node was made. Each of those that were there before has then either had a write acknowledged that it sent after that, and
//     servers deliver what a watch saw before they acknowledge a later write; or its session's deadline has passed, as only acknowledged writes move it.
//
// The price is that a new member waits, and that members count for nothing for a round trip whenever somebody comes or goes.
package shard

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zkkit/zkkit/session"
)

// A MembersConfig says how a group is joined. Its zero value is useful.
type MembersConfig struct {
	// Label is shown to people who look who is there. It may be empty.
	Label string
	// ACL is put on the member's node, and on directories that are created; nil means that everybody has every right. Members must be able to list the directory.
	ACL []session.ACL
	// Logger receives, at level Warn, why a member is not in its group for the time being; nil means silence.
	Logger *slog.Logger
}

// Members is one member of a group, and what it knows of the others. It stays in the group until it leaves: when its session is lost it joins again, with the next session.
//
// A Members is safe for concurrent use. There is no useful zero value: use [Join].
type Members struct {
	client *session.Client
	dir    string
	cfg    MembersConfig

	life context.Context // ends when this member leaves
	end  context.CancelFunc
	done chan struct{} // closed when nothing of it runs any more

	leave sync.Once
	gone  chan struct{} // closed when its node is, after it has left

	mu      sync.Mutex // guards all below
	in      *stay      // nil while it is not in the group
	changed chan struct{}
	left    bool
}

// A stay is one node in the group, for as long as its session keeps it.
type stay struct {
	lease  *session.Lease
	counts time.Time // from when on it counts
	names  []string  // of the members, oldest first, when the view was read
	since  time.Time // when that was first seen
	watch  *session.Watch
	stale  bool // the view is being read again
}

// A View is what a member knows of its group. It is a value, that nobody changes.
type View struct {
	// Members are the names of the members' nodes, oldest first. The names are unique for ever.
	Members []string
	// Self is the index of this member, -1 while it is not in the group.
	Self int
	// Since is when this member first saw it so.
	Since time.Time
	// Counts says that this member counts as one: see the package comment. [Members.Servers] returns 0 otherwise.
	Counts bool
}

// Join joins the group at dir, which is made with what is missing above it. It blocks until this member's node is there and the others are known; the member counts some time later, see the
// package comment. It fails with the cause of ctx, or with an answer of the servers', and then no node is left behind, or it goes soon.
func Join(ctx context.Context, client *session.Client, dir string, cfg MembersConfig) (*Members, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Members{client: client, dir: dir, cfg: cfg, done: make(chan struct{}), gone: make(chan struct{}), changed: make(chan struct{})}
	m.life, m.end = context.WithCancel(context.Background())
	if err := m.enter(ctx); err != nil {
		m.end()
		return nil, fmt.Errorf("shard: joining %s: %w", dir, err)
	}
	go m.run()
	return m, nil
}

// run follows the group until this member leaves.
func (m *Members) run() {
	defer close(m.done)
	for m.life.Err() == nil {
		if err := m.follow(); err != nil && m.life.Err() == nil {
			m.cfg.Logger.Warn("not in the group for the time being", "group", m.dir, "err", err)
		}
		m.setStay(nil)
		for m.life.Err() == nil {
			err := m.enter(m.life)
			if err == nil {
				break
			}
			if m.life.Err() == nil {
				m.cfg.Logger.Warn("cannot join the group; trying again", "group", m.dir, "err", err)
			}
			select {
			case <-time.After(time.Second):
			case <-m.life.Done():
			}
		}
	}
}

// enter makes this member's node, in the session that there is now.
func (m *Members) enter(ctx context.Context) error {
	s, err := m.client.Session(ctx)
	if err != nil {
		return err
	}
	if err := s.EnsureContainers(ctx, m.dir, m.cfg.ACL); err != nil {
		return err
	}
	made, err := s.CreateProtected(ctx, m.dir, nodeName(s.Timeout()), []byte(m.cfg.Label), m.cfg.ACL)
	if err != nil {
		return err
	}
	began := time.Now() // The node has been there for a moment.
	lease, err := s.Adopt(made)
	if err == nil {
		err = lease.Watch(ctx)
	}
	if err == nil {
		err = lease.Hold(ctx)
	}
	st := &stay{lease: lease}
	if err == nil {
		err = m.look(ctx, st)
	}
	if err != nil {
		lease.Release()
		s.RemoveDetached(made.Path, nil)
		return err
	}
	st.counts = began.Add(grace(st.names, s.Timeout()))
	if !m.setStay(st) {
		lease.Release()
		s.RemoveDetached(made.Path, nil)
		return context.Canceled // It has left meanwhile.
	}
	return nil
}

// look reads the directory, and watches it.
func (m *Members) look(ctx context.Context, st *stay) error {
	names, _, watch, err := st.lease.Session().ChildrenW(ctx, m.dir)
	if err != nil {
		return err
	}
	sorted := order(names)
	m.tell(func() {
		if st.stale || st.since.IsZero() {
			st.since = time.Now()
		}
		st.names, st.watch, st.stale = sorted, watch, false
	})
	return nil
}

// follow keeps the view up to date for as long as the stay lasts, and returns why it ended.
func (m *Members) follow() error {
	m.mu.Lock()
	st := m.in
	m.mu.Unlock()
	ctx, cancel := st.lease.Context(m.life)
	defer cancel()
	counts := time.NewTimer(time.Until(st.counts))
	defer counts.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-counts.C:
			m.tell(func() {})
			continue
		case ev := <-st.watch.C:
			if ev.Type == session.NotWatching {
				return ev.Err
			}
		}
		m.tell(func() { st.stale = true })
		if err := m.look(ctx, st); err != nil {
			if st.lease.Err() == nil {
				st.lease.Release()
				st.lease.Session().RemoveDetached(st.lease.Path(), nil)
			}
			return err
		}
	}
}

// tell changes what others may see, and says so.
func (m *Members) tell(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	close(m.changed)
	m.changed = make(chan struct{})
}

// setStay begins a stay, or ends it, unless this member has left.
func (m *Members) setStay(st *stay) (ok bool) {
	m.tell(func() {
		if ok = !m.left; ok {
			m.in = st
		}
	})
	return ok
}

// Servers returns how many members there are, this one included, and since when this one has counted and known of that many; or 0 if it does not count at this moment. See the package comment for
// what that is worth. It does not block, and makes a Members what a ratelimit.LocalShare needs.
func (m *Members) Servers() (n int, since time.Time) {
	v, _ := m.View()
	if !v.Counts {
		return 0, v.Since
	}
	return len(v.Members), v.Since
}

// View returns what this member knows now, and a channel that is closed when it knows something else, or when it begins or ends to count. It does not block. That a session's deadline has passed
// shows at once, and may show in the view before the channel tells.
func (m *Members) View() (v View, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v.Self = -1
	st := m.in
	if st == nil || m.left {
		return v, m.changed
	}
	v.Members, v.Since = st.names, st.since
	for i, name := range st.names {
		if session.Join(m.dir, name) == st.lease.Path() {
			v.Self = i
		}
	}
	if st.counts.After(v.Since) {
		v.Since = st.counts
	}
	// The order matters: what the lease rests on was heard before the watch is asked, and so the watch has fired if it saw something before that.
	v.Counts = v.Self >= 0 && !st.stale && !time.Now().Before(st.counts) && st.lease.Err() == nil && !st.watch.Fired()
	return v, m.changed
}

// Leave ends the membership: this member counts no more from the moment of the call on. It then waits until its node is surely gone, or until ctx ends, and goes on in the background in that
// case, for as long as the session lives; the node goes with the session otherwise. It returns nil or the cause of ctx. To leave again waits for the same.
func (m *Members) Leave(ctx context.Context) error {
	m.leave.Do(func() {
		var st *stay
		m.tell(func() { st, m.left = m.in, true })
		m.end()
		if st == nil {
			close(m.gone)
			return
		}
		st.lease.Release()
		st.lease.Session().RemoveDetached(st.lease.Path(), func(error) { close(m.gone) })
	})
	<-m.done // It has nothing more to wait for.
	select {
	case <-m.gone:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
