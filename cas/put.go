package cas

import (
	"context"
	"errors"
)

// A put is one write, from when it is sent until it is known what became of it.
type put struct {
	l        *lane
	base     *state
	data     []byte
	op       uint64
	resolved int
}

// send sends the write, and when its outcome is not known finds out by reading, sending the very same again while the node stands as it did. It returns applied; refused, with an
// error if the reason is not that somebody else has written; or lost, with the reason.
func (p *put) send(ctx context.Context) (verdict, error) {
	l, doubt := p.l, false
	for {
		_, err := l.s.reg.Write(ctx, l.path, p.data, p.base.version)
		switch {
		case err == nil:
			return applied, nil
		case errors.Is(err, ErrConflict):
			if !doubt {
				return refused, nil
			}
		case errors.Is(err, ErrUnknown):
			doubt = true
		case !doubt:
			return refused, err
		default:
			return lost, err
		}
		if ctx.Err() != nil {
			return lost, err
		}
		switch v, why := l.s.judge(ctx, l.path, p.base, p.op, false); v {
		case open: // It is sent again.
		case lost:
			return lost, why
		default:
			p.resolved++
			return v, nil
		}
	}
}

// judge reads a node for what became of an operation of this client's that was sent to replace base, and says why if nobody can tell.
func (s *Store) judge(ctx context.Context, path string, base *state, op uint64, fresh bool) (verdict, error) {
	now, err := s.read(ctx, path, fresh)
	v, why := lost, errReplaced
	switch {
	case err == nil:
		if v = now.judge(base, s.client, op); v == lost && now.version.Birth == base.version.Birth && now.number > base.number {
			why = errErased
		}
	case !errors.Is(err, ErrAbsent) && !errors.Is(err, ErrFormat):
		return lost, err
	}
	if v == lost && !fresh { // A server that lags behind may show what was before base.
		return s.judge(ctx, path, base, op, true)
	}
	return v, why
}
