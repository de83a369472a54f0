package fencetest_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zkkit/zkkit/fence"
	"github.com/zkkit/zkkit/fence/fencetest"
)

// A court knows its holders, as the servers of a lock do, and refuses all but the last with an error of its own.
type court struct {
	asleep bool // It notices a new holder when that comes for the first time.
	torn   bool // It looks at the holder in one step and writes in another.

	mu    sync.Mutex // guards rooms and what is in them
	rooms map[string]*room
}

type room struct {
	holder, next uint64
	value        string
	exists       bool
}

var errLost = errors.New("the lock is lost")

func (c *court) Holder(ctx context.Context, resource string) (fencetest.Holder, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rooms == nil {
		c.rooms = map[string]*room{}
	}
	if c.rooms[resource] == nil {
		c.rooms[resource] = new(room)
	}
	r := c.rooms[resource]
	r.next++
	if !c.asleep {
		r.holder = r.next
	}
	return party{c, r, r.next}, nil
}

type party struct {
	court *court
	room  *room
	id    uint64
}

func (p party) do(ctx context.Context, effect func()) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.court.mu.Lock()
	defer p.court.mu.Unlock()
	if p.id < p.room.holder {
		return errLost
	}
	if p.court.torn {
		p.court.mu.Unlock()
		yield()
		p.court.mu.Lock()
	} else {
		p.room.holder = p.id
	}
	effect()
	return nil
}

func (p party) Token() fence.Token             { return fence.Token{ID: p.id} }
func (p party) Seal(ctx context.Context) error { return p.do(ctx, func() {}) }

func (p party) Read(ctx context.Context) (value string, ok bool, err error) {
	err = p.do(ctx, func() { value, ok = p.room.value, p.room.exists })
	return value, ok, err
}

func (p party) Write(ctx context.Context, value string) error {
	return p.do(ctx, func() { p.room.value, p.room.exists = value, true })
}

func (p party) Delete(ctx context.Context) error {
	return p.do(ctx, func() { p.room.value, p.room.exists = "", false })
}

func TestSubjectsThatKnowTheirHolders(t *testing.T) {
	o := fencetest.Options{RefusesEarly: true, Stale: func(err error) bool { return errors.Is(err, errLost) }, Rounds: 6}
	require.NoError(t, fencetest.Check(t.Context(), new(court), o))
	fencetest.Test(t, new(court), o)

	err := fencetest.Check(t.Context(), &court{asleep: true}, o)
	require.ErrorContains(t, err, "a holder is refused as soon as there is a newer one")
	require.ErrorContains(t, err, histories)

	err = fencetest.Check(t.Context(), &court{torn: true}, o)
	require.ErrorContains(t, err, onTheWay)

	o.RefusesEarly = false
	err = fencetest.Check(t.Context(), new(court), o)
	require.ErrorContains(t, err, "a holder is accepted until a newer one has been there")

	o.Stale = nil
	err = fencetest.Check(t.Context(), new(court), o)
	require.ErrorContains(t, err, "no *fence.StaleError")
}
