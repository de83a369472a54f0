package zklock

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/session"
)

// A Contender is one node in a lock's directory.
type Contender struct {
	Path      string
	Sequence  int64
	SessionID int64 // 0 for a node that is not ephemeral
	Token     fence.Token
	Owner     Owner
}

// Contenders returns who holds the lock, first, and who waits for it, in the order of the queue. What it returns was true a moment ago. A lock that was
// never taken has no contenders.
func (m *Mutex) Contenders(ctx context.Context) ([]Contender, error) {
	s, err := m.client.Session(ctx)
	if err != nil {
		return nil, err
	}
	names, _, err := s.Children(ctx, m.path)
	if err != nil && !errors.Is(err, session.ErrNoNode) {
		return nil, err
	}
	var all []Contender
	for _, name := range names {
		c, ok := parse(name)
		if !ok {
			continue
		}
		path := session.Join(m.path, name)
		data, stat, err := s.Get(ctx, path)
		if errors.Is(err, session.ErrNoNode) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, Contender{Path: path, Sequence: c.seq, SessionID: stat.EphemeralOwner, Token: m.token(stat.Czxid), Owner: decodeOwner(data)})
	}
	slices.SortFunc(all, func(a, b Contender) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return all, nil
}
