package redisfence

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
)

// A script is a Lua script and the name that Redis caches it under: strings, as arguments are.
type script struct {
	text, sha any
}

func newScript(lines ...string) *script {
	text := strings.Join(lines, "\n")
	sum := sha1.Sum([]byte(text))
	return &script{text: text, sha: hex.EncodeToString(sum[:])}
}

// Every script has the mark as its last key and the token, twice in a row, as its last argument. The mark is two tokens in a row: the greatest one seen, and that of the last
// effect, zeros if there was none. So for one who has written before, which is who writes most, a comparison of two texts is all.
//
// A script answers {1, reply}, or 1 for want of a reply, and {0, max} to a token that is stale. What is refused has written nothing; what fails later has moved the mark and
// nothing else, since the server refuses writes, as for want of memory, from the first one on.
const (
	// compare goes on if the token is not stale. It leaves seen, the mark.
	compare = `local mark, mine = KEYS[#KEYS], ARGV[#ARGV]
local seen = redis.call('GET', mark)
if seen ~= mine then
  local token = string.sub(mine, 1, 30)
  if seen then
    if #seen ~= 60 then return redis.error_reply('ERR ' .. mark .. ' holds no mark') end
    local max = string.sub(seen, 1, 30)
    if max > token then return {0, max} end
  end`
	// seal moves the mark, for one who has changed nothing yet, and ends what compare began.
	seal = `  redis.call('SET', mark, token .. (seen and string.sub(seen, 31) or string.rep('0', 30)))
end`
	// sign moves the mark, for one who is about to change something, and ends what compare began.
	sign = `  redis.call('SET', mark, mine)
end`
	// peek has no token and moves nothing.
	peek = `return {1, {redis.call('GET', KEYS[2]), redis.call('GET', KEYS[1])}}`
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
	sealScript   = newScript(compare, seal, `return 1`)
	readScript   = newScript(compare, seal, `return {1, redis.call('GET', KEYS[1])}`)
	writeScript  = newScript(compare, sign, `redis.call('SET', KEYS[1], ARGV[1])`, `return 1`)
	deleteScript = newScript(compare, sign, `redis.call('DEL', KEYS[1])`, `return 1`)
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
