package redisfence

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
)

// A script is a Lua script and the name that Redis caches it under.
type script struct {
	text, sha string
}

func newScript(lines ...string) *script {
	text := strings.Join(lines, "\n")
	sum := sha1.Sum([]byte(text))
	return &script{text: text, sha: hex.EncodeToString(sum[:])}
}

// Every script has the mark as its last key and the token as its last argument. It answers {1, reply}, or {0, max} to a token that is stale. What is refused has
// written nothing; what fails later has moved the mark and nothing else, since the server refuses writes, as for want of memory, from the first one on.
const (
	// compare leaves max, the greatest token seen, and by, that of the last effect; each is false if there is none.
	compare = `local mark, token = KEYS[#KEYS], ARGV[#ARGV]
local seen = redis.call('HMGET', mark, 'max', 'by')
local max, by = seen[1], seen[2]
if max then
  if #max ~= #token then return redis.error_reply('ERR ' .. mark .. ' holds no mark') end
  if max > token then return {0, max} end
end`
	// seal moves the mark, for one who has changed nothing yet.
	seal = `if max ~= token then redis.call('HSET', mark, 'max', token) end`
	// sign moves the mark for one who is about to change something. The next change with the same token has nothing to write here.
	sign = `if max ~= token or by ~= token then redis.call('HSET', mark, 'max', token, 'by', token) end`
	// peek has no token and moves nothing.
	peek = `local seen = redis.call('HMGET', KEYS[2], 'max', 'by')
return {1, {seen[1], seen[2], redis.call('GET', KEYS[1])}}`
	// enclose begins a function around the caller's script, which sees its own keys and arguments only, and call ends it.
	enclose = `table.remove(KEYS)
table.remove(ARGV)
local function effect()`
	call = `end
local reply = effect()
if type(reply) == 'table' and reply.err then return reply end
return {1, reply}`
)

// scripts are those of the guard itself.
var (
	sealScript   = newScript(compare, seal, `return {1}`)
	readScript   = newScript(compare, seal, `return {1, redis.call('GET', KEYS[1])}`)
	writeScript  = newScript(compare, sign, `redis.call('SET', KEYS[1], ARGV[1])`, `return {1}`)
	deleteScript = newScript(compare, sign, `redis.call('DEL', KEYS[1])`, `return {1}`)
	peekScript   = newScript(peek)
)

// An Effect is a Lua script of the caller's own that runs behind the comparison, in one step with it: see [Guard.Do]. It is one value that is made once and used often.
//
// An Effect is safe for concurrent use. There is no useful zero value: use [NewEffect].
type Effect struct {
	script *script
}

// NewEffect returns the effect of a Lua script as EVAL takes it, with its own keys in KEYS and its own arguments in ARGV, and without a shebang line. What it returns is
// what [Guard.Do] returns. It does no I/O: the server says in its first answer if that is no Lua.
func NewEffect(lua string) *Effect {
	return &Effect{script: newScript(compare, sign, enclose, lua, call)}
}
