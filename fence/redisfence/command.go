package redisfence

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/zkkit/zkkit/fence"
)

// An op is one guarded operation.
type op struct {
	verb     string // for messages
	resource string
	token    fence.Token // zero for one who only looks
	script   *script
	mark     string   // its key
	key      string   // of the value, if that is what it is about
	keys     []string // of the caller's own
	args     []any    // without the token
}

// check refuses what need not be sent.
func (g *Guard) check(o *op) error {
	if err := checkResource(o.resource); err != nil {
		return err
	}
	if o.token.IsZero() && !o.looks() {
		return fence.ErrNoToken
	}
	return nil
}

// looks reports whether the op is a Peek, which has no token.
func (o *op) looks() bool { return o.script == peekScript }

// A command is an EVALSHA or an EVAL of which it is known whether it was ever sent, and which is sent once, unless it only looks: go-redis asks NoRetry before it sends a
// command again, alone and in pipelines, on one server and on a cluster.
type command struct {
	*redis.Cmd
	op   *op
	wire wire
}

// NoRetry reports whether go-redis must not send the command a second time.
func (c *command) NoRetry() bool { return !c.op.looks() }

// A wire is the last argument of a command, the token twice, which go-redis turns into bytes when it sends the command. Redis carries out nothing before it has the last
// byte.
type wire struct {
	text [2 * digits]byte
	sent atomic.Bool
}

// MarshalBinary notes that it was called.
func (w *wire) MarshalBinary() ([]byte, error) {
	w.sent.Store(true)
	return w.text[:], nil
}

// String is for those who print commands.
func (w *wire) String() string { return string(w.text[:]) }

// command returns the op as EVAL, which brings the script, or as EVALSHA, which names it. The client's part of a guarded write is a good part of what it costs more than a
// plain one, so this makes few small objects.
func (g *Guard) command(ctx context.Context, o *op, eval bool) *command {
	c := &command{op: o}
	encode(c.wire.text[:digits], o.token)
	copy(c.wire.text[digits:], c.wire.text[:digits])
	keys := len(o.keys) + 1
	if o.key != "" {
		keys++
	}
	args := make([]any, 0, 4+keys+len(o.args))
	if eval {
		args = append(args, "eval", o.script.text, keys)
	} else {
		args = append(args, "evalsha", o.script.sha, keys)
	}
	if o.key != "" {
		args = append(args, o.key)
	}
	for _, key := range o.keys {
		args = append(args, key)
	}
	args = append(args, o.mark)
	args = append(append(args, o.args...), &c.wire)
	c.Cmd = redis.NewCmd(ctx, args...)
	c.SetFirstKeyPos(3)
	return c
}

// run carries out one op, and returns the script's reply.
func (g *Guard) run(ctx context.Context, o *op) (any, error) {
	if err := g.check(o); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c := g.command(ctx, o, false)
	_ = g.client.Process(ctx, c) // its error is the command's
	if noScript(c.Err()) {       // an answer: it was not carried out
		c = g.command(ctx, o, true)
		_ = g.client.Process(ctx, c)
	}
	return c.outcome(ctx)
}

func noScript(err error) bool { return redis.HasErrorPrefix(err, "NOSCRIPT") }

// outcome says what became of a command: done, stale, failed, or unknown. When a pipeline breaks, go-redis puts the reason on all its commands, also on those that
// have their reply.
func (c *command) outcome(ctx context.Context) (any, error) {
	o := c.op
	val, err := c.Result()
	var answer redis.Error
	switch {
	case err == nil || whole(val):
		return o.reply(val)
	case errors.As(err, &answer):
		return nil, fmt.Errorf("redisfence: %s %q: %w", o.verb, o.resource, err)
	case !c.wire.sent.Load():
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("redisfence: %s %q: nothing was sent: %w", o.verb, o.resource, err)
	case o.looks():
		return nil, fmt.Errorf("redisfence: %s %q: %w", o.verb, o.resource, err)
	}
	ask := "it may still come until a later token is sealed; read with that one"
	if o.script == sealScript || o.script == readScript {
		ask = "do it again, which does no harm"
	}
	return nil, &fence.UnknownError{Resource: o.resource, Token: o.token, Ask: ask, Err: err}
}

// whole reports whether val is an answer to its end. One that broke off is an empty one.
func whole(val any) bool {
	all, ok := val.([]any)
	return val == int64(1) || ok && len(all) > 0
}

// reply takes a script's answer apart.
func (o *op) reply(val any) (any, error) {
	all, ok := val.([]any)
	if val == int64(1) {
		return nil, nil //nolint:nilnil // No reply is what there is, and no error.
	}
	if !ok || len(all) == 0 {
		return nil, fmt.Errorf("redisfence: %s %q: answer %v is not the script's", o.verb, o.resource, val)
	}
	var rest any
	if len(all) > 1 {
		rest = all[1]
	}
	if all[0] == int64(1) {
		return rest, nil
	}
	text, _ := rest.(string)
	seen, err := decode(text)
	if err != nil {
		return nil, err
	}
	return nil, &fence.StaleError{Resource: o.resource, Have: o.token, Max: seen}
}
