package redisfence

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/fence"
)

// ErrOvertaken is what becomes of an operation in a batch that the server did not carry out, as it had forgotten the script in that very moment, when a later operation of
// the batch on the same resource was or may have been carried out. It was not carried out afterwards either, as it would have come too late.
var ErrOvertaken = errors.New("redisfence: not carried out, and overtaken by a later operation of its batch")

// A Batch collects operations and sends them in one round trip. Each compares for itself, and each has an outcome of its own: a batch is not a transaction, and
// operations of others may come between.
//
// Operations on the same resource are carried out in the order in which they were added, or not at all, as far as one server is concerned. While a
// cluster moves slots from one server to another it promises no order.
//
// A Batch must not be used by several goroutines at once. There is no useful zero value: [Guard.Batch] returns one.
type Batch struct {
	g    *Guard
	outs []*Outcome
}

// An Outcome is what becomes of one operation of a [Batch]. It is safe for concurrent use once [Batch.Exec] has returned. The zero Outcome has done nothing.
type Outcome struct {
	op    *op
	reply any
	err   error
	done  bool
}

// ErrNotExecuted is the error of an outcome before [Batch.Exec].
var ErrNotExecuted = errors.New("redisfence: the batch is not executed yet")

// Err returns nil when the operation was carried out, and otherwise what the method of [Guard] with the same name would return, or [ErrOvertaken].
func (o *Outcome) Err() error {
	if !o.done {
		return ErrNotExecuted
	}
	return o.err
}

// Reply returns what the operation returned, and Err: the value for Read, a string or nil if there is none; what the effect returned for Do; nil for the others.
func (o *Outcome) Reply() (any, error) { return o.reply, o.Err() }

// Batch returns an empty batch.
func (g *Guard) Batch() *Batch { return &Batch{g: g} }

// Seal adds a [Guard.Seal].
func (b *Batch) Seal(resource string, t fence.Token) *Outcome {
	return b.add(b.g.sealOp(resource, t), nil)
}

// Read adds a [Guard.Read].
func (b *Batch) Read(resource string, t fence.Token) *Outcome {
	return b.add(b.g.readOp(resource, t), nil)
}

// Write adds a [Guard.Write].
func (b *Batch) Write(resource string, t fence.Token, value string) *Outcome {
	return b.add(b.g.writeOp(resource, t, value), nil)
}

// Delete adds a [Guard.Delete].
func (b *Batch) Delete(resource string, t fence.Token) *Outcome {
	return b.add(b.g.deleteOp(resource, t), nil)
}

// Do adds a [Guard.Do].
func (b *Batch) Do(resource string, t fence.Token, effect *Effect, keys []string, args ...any) *Outcome {
	return b.add(b.g.doOp(resource, t, effect, keys, args))
}

// add keeps what can be sent, and the reason for what cannot.
func (b *Batch) add(o *op, err error) *Outcome {
	out := &Outcome{op: o, err: err}
	if err == nil {
		out.err = b.g.check(o)
	}
	b.outs = append(b.outs, out)
	return out
}

// Exec sends the batch and empties it. It blocks for a round trip, and for a second one when the server had forgotten a script. It returns the first error of an
// outcome, nil if there is none; each outcome has its own.
func (b *Batch) Exec(ctx context.Context) error {
	outs := b.outs
	b.outs = nil
	var sendable []*Outcome
	for _, out := range outs {
		out.done = true
		switch {
		case out.err != nil:
		case ctx.Err() != nil:
			out.err = context.Cause(ctx)
		default:
			sendable = append(sendable, out)
		}
	}
	b.g.send(ctx, sendable)
	for _, out := range outs {
		if out.err != nil {
			return out.err
		}
	}
	return nil
}

// send carries out operations in one pipeline. The first use of each script brings it along, so that a server which has lost its scripts, by a restart, a failover or
// SCRIPT FLUSH, learns them in time. A server that is told to forget them while it works on the pipeline has left some operations undone; those are sent again,
// unless a later one of the same resource has been answered.
func (g *Guard) send(ctx context.Context, outs []*Outcome) {
	type place struct {
		*script
		resource string // its server, which only a cluster's client knows
	}
	_, single := g.client.(*redis.Client)
	brought := map[place]bool{}
	commands := make([]*command, len(outs))
	for i, out := range outs {
		at := place{script: out.op.script, resource: out.op.resource}
		if single {
			at.resource = ""
		}
		commands[i] = g.command(ctx, out.op, !brought[at])
		brought[at] = true
	}
	g.pipeline(ctx, commands)

	overtaken := map[string]bool{}
	var forgotten []*Outcome
	for i, out := range slices.Backward(outs) {
		switch {
		case !noScript(commands[i].Err()):
			out.reply, out.err = commands[i].outcome(ctx)
			overtaken[out.op.resource] = true
		case overtaken[out.op.resource]:
			out.err = ErrOvertaken
		default:
			forgotten = append(forgotten, out)
		}
	}
	slices.Reverse(forgotten)
	commands = commands[:0]
	for _, out := range forgotten {
		commands = append(commands, g.command(ctx, out.op, true))
	}
	g.pipeline(ctx, commands)
	for i, out := range forgotten {
		out.reply, out.err = commands[i].outcome(ctx)
	}
}

// pipeline sends commands at once. Each has its own error then.
func (g *Guard) pipeline(ctx context.Context, commands []*command) {
	pipe := g.client.Pipeline()
	for _, c := range commands {
		_ = pipe.Process(ctx, c) // collects
	}
	_, _ = pipe.Exec(ctx)
}
