package redisfence

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/zkkit/zkkit/fence"
)

// Seal presents the token of a new holder, before its first Read or Write, and shuts out all earlier ones. It blocks for a round trip.
//
// It fails with a [*fence.StaleError], with [fence.ErrNoToken], with a [*ResourceError], with the server's answer, or because nothing could be sent, and nothing has
// changed then. After a [*fence.UnknownError] the mark may have moved up to t, and Seal may be called again.
func (g *Guard) Seal(ctx context.Context, resource string, t fence.Token) error {
	_, err := g.run(ctx, g.sealOp(resource, t))
	return err
}

// Read returns the value and whether there is one. It seals: once a holder has read, no earlier holder can change what it saw. It blocks for a round trip, and
// fails as Seal does.
func (g *Guard) Read(ctx context.Context, resource string, t fence.Token) (value string, ok bool, err error) {
	reply, err := g.run(ctx, g.readOp(resource, t))
	if err != nil {
		return "", false, err
	}
	value, ok = reply.(string)
	return value, ok, nil
}

// Write sets the value. It blocks for a round trip, and on success the value is there and the token was the greatest.
//
// It fails with a [*fence.StaleError], with [fence.ErrNoToken], with a [*ResourceError], with the server's answer, or because nothing could be sent, and the value has
// not changed then. A [*fence.UnknownError] leaves open whether it has, and whether it will: see the package comment.
func (g *Guard) Write(ctx context.Context, resource string, t fence.Token, value string) error {
	_, err := g.run(ctx, g.writeOp(resource, t, value))
	return err
}

// Delete removes the value, if there is one, and keeps the mark. It blocks for a round trip, and fails as Write does.
func (g *Guard) Delete(ctx context.Context, resource string, t fence.Token) error {
	_, err := g.run(ctx, g.deleteOp(resource, t))
	return err
}

// Do runs an effect of the caller's own behind the comparison, as one step, and returns what it returns: an int64, a string, a slice of such, or nil. All keys have
// the resource in braces, as [Guard.Key] makes them. It blocks for a round trip.
//
// It fails as Write does, with one difference. Redis undoes nothing: an effect that fails half-way, with an error that is a redis.Error, leaves what it has written, and
// the mark moved. Let an effect check before it writes.
func (g *Guard) Do(ctx context.Context, resource string, t fence.Token, effect *Effect, keys []string, args ...any) (any, error) {
	o, err := g.doOp(resource, t, effect, keys, args)
	if err != nil {
		return nil, err
	}
	return g.run(ctx, o)
}

// Peek returns what is there without a token and without moving the mark: the value, the greatest token seen, and in Written the token of the last Write, Delete or
// effect. It is for observers, and for those whose write had an unknown outcome. A holder that acts on what it saw uses Read.
//
// It blocks for a round trip. It fails with a [*ResourceError], with the cause of ctx, or because no answer came, and changes nothing.
func (g *Guard) Peek(ctx context.Context, resource string) (fence.Entry[string], error) {
	var e fence.Entry[string]
	reply, err := g.run(ctx, g.op("peek at", resource, fence.Token{}, peekScript, true))
	if err != nil {
		return e, err
	}
	all, ok := reply.([]any)
	if !ok || len(all) != 2 {
		return e, fmt.Errorf("redisfence: peek at %q: answer %v is not the script's", resource, reply)
	}
	if mark, ok := all[0].(string); ok {
		var maxErr, writtenErr error
		e.Max, maxErr = decode(mark[:min(digits, len(mark))])
		e.Written, writtenErr = decode(mark[min(digits, len(mark)):])
		if err := errors.Join(maxErr, writtenErr); err != nil {
			return fence.Entry[string]{}, err
		}
	}
	e.Value, e.Exists = all[1].(string)
	return e, nil
}

// op returns an operation on a resource, and on its value if it is about that.
func (g *Guard) op(verb, resource string, t fence.Token, s *script, value bool, args ...any) *op {
	o := &op{verb: verb, resource: resource, token: t, script: s, mark: g.Key(resource, markName), args: args}
	if value {
		o.key = o.mark[:len(o.mark)-len(markName)]
	}
	return o
}

func (g *Guard) sealOp(resource string, t fence.Token) *op {
	return g.op("seal", resource, t, sealScript, false)
}

func (g *Guard) readOp(resource string, t fence.Token) *op {
	return g.op("read", resource, t, readScript, true)
}

func (g *Guard) writeOp(resource string, t fence.Token, value string) *op {
	return g.op("write", resource, t, writeScript, true, value)
}

func (g *Guard) deleteOp(resource string, t fence.Token) *op {
	return g.op("delete", resource, t, deleteScript, true)
}

func (g *Guard) doOp(resource string, t fence.Token, effect *Effect, keys []string, args []any) (*op, error) {
	if err := checkResource(resource); err != nil {
		return nil, err
	}
	if err := g.checkKeys(resource, keys); err != nil {
		return nil, err
	}
	o := g.op("effect on", resource, t, effect.script, false, args...)
	o.keys = slices.Clone(keys) // The caller may use them for something else, and a batch is sent later.
	return o, nil
}
