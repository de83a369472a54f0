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
		switch v, why := p.judge(ctx); v {
		case open: // It is sent again.
		case lost:
			return lost, why
		default:
			p.resolved++
			return v, nil
		}
	}
}

// judge reads the node for what became of the write.
func (p *put) judge(ctx context.Context) (verdict, error) {
	now, err := p.l.s.read(ctx, p.l.path, false)
	switch {
	case errors.Is(err, ErrAbsent) || errors.Is(err, ErrFormat):
		return lost, errReplaced
	case err != nil:
		return lost, err
	}
	v := now.judge(p.base, p.l.s.client, p.op)
	switch {
	case v == lost && (now.version.Birth != p.base.version.Birth || now.number <= p.base.number):
		return lost, errReplaced
	case v == lost:
		return lost, errErased
	}
	return v, nil
}
