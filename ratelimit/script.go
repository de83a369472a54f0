package ratelimit

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

//go:embed bucket.lua
var bucketLua string

//go:embed window.lua
var windowLua string

// serverTime begins every script. The one clock that counts is that of the server that has the state, in whole microseconds: 16 digits, which a double holds exactly.
const serverTime = `local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
`

// A script is a Lua script and the name that Redis keeps it under.
type script struct {
	text, sha string
}

func newScript(text string) *script {
	sum := sha1.Sum([]byte(text))
	return &script{text: text, sha: hex.EncodeToString(sum[:])}
}

var (
	bucketScript = newScript(serverTime + bucketLua)
	windowScript = newScript(serverTime + windowLua)
)

func (b *bucket) script() *script { return bucketScript }
func (w *window) script() *script { return windowScript }

// Formatted once, as they go with every question.
func (b *bucket) parameters() []any { return texts(b.capacity, b.rate, b.token) }
func (w *window) parameters() []any { return texts(w.max, w.width, w.back) }

func texts(numbers ...int64) (all []any) {
	for _, n := range numbers {
		all = append(all, strconv.FormatInt(n, 10))
	}
	return all
}

// newCommand returns a question as EVALSHA, which names the script, or as EVAL, which brings it. go-redis repeats it if its reply is lost. To repeat one counts twice what is admitted
// once, and does no harm.
func newCommand(ctx context.Context, p place, q question, eval bool) *redis.IntSliceCmd {
	args := make([]any, 0, 11+len(q.ended))
	if eval {
		args = append(args, "eval", p.room.script.text, 1, p.name())
	} else {
		args = append(args, "evalsha", p.room.script.sha, 1, p.name())
	}
	args = append(append(args, p.room.parameters...), q.direct)
	if q.lend > 0 || len(q.ended) > 0 {
		args = append(args, q.lend, q.hold, q.id)
		for _, id := range q.ended {
			args = append(args, id)
		}
	}
	c := redis.NewIntSliceCmd(ctx, args...)
	c.SetFirstKeyPos(3)
	return c
}

// noScript reports an answer that says that the script must be brought: after a restart, a failover, or SCRIPT FLUSH.
func noScript(err error) bool { return err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") }

// ask puts one question to Redis.
func ask(ctx context.Context, client redis.UniversalClient, p place, q question) (answer, error) {
	c := newCommand(ctx, p, q, false)
	_ = client.Process(ctx, c) // Its error is the command's.
	if noScript(c.Err()) {
		c = newCommand(ctx, p, q, true)
		_ = client.Process(ctx, c)
	}
	return answered(c)
}

// askAll puts questions to Redis in one pipeline, which a cluster divides by its servers. Those that find no script are asked again with it, in a second one: go-redis's own
// Script.Run does that outside of pipelines only.
func askAll(ctx context.Context, client redis.UniversalClient, places []place, qs []question) ([]answer, []error) {
	commands := make([]*redis.IntSliceCmd, len(qs))
	todo := make([]int, len(qs))
	for i := range qs {
		todo[i] = i
	}
	for _, eval := range []bool{false, true} {
		pipe := client.Pipeline()
		for _, i := range todo {
			commands[i] = newCommand(ctx, places[i], qs[i], eval)
			_ = pipe.Process(ctx, commands[i]) // It is sent by Exec.
		}
		_, _ = pipe.Exec(ctx) // Its error is the first of the commands' own.
		again := todo[:0]
		for _, i := range todo {
			if noScript(commands[i].Err()) {
				again = append(again, i)
			}
		}
		if todo = again; len(todo) == 0 {
			break
		}
	}
	answers, errs := make([]answer, len(qs)), make([]error, len(qs))
	for i, c := range commands {
		answers[i], errs[i] = answered(c)
	}
	return answers, errs
}

// answered takes an answer apart.
func answered(c *redis.IntSliceCmd) (answer, error) {
	v, err := c.Result()
	switch {
	case err != nil:
		return answer{}, err
	case len(v) != 6:
		return answer{}, fmt.Errorf("%w: the script answered %v", ErrState, v)
	}
	return answer{ok: v[0] == 1, lent: v[1], left: v[2], retry: v[3], reset: v[4], life: v[5]}, nil
}

// unreachable reports whether an error means that Redis cannot be asked now, as against an answer of its that will be the same the next time.
func unreachable(err error) bool {
	var said redis.Error
	if !errors.As(err, &said) {
		return !errors.Is(err, ErrState)
	}
	for _, is := range []func(error) bool{
		redis.IsLoadingError, redis.IsReadOnlyError, redis.IsClusterDownError, redis.IsTryAgainError, redis.IsMasterDownError, redis.IsMaxClientsError,
		redis.IsNoReplicasError, redis.IsOOMError,
	} {
		if is(err) {
			return true
		}
	}
	for _, prefix := range []string{"BUSY", "MISCONF", "UNKILLABLE"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}
