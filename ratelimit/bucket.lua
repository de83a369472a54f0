-- A token bucket in whole numbers: see bucket.go, which is the same in Go.
-- ARGV: capacity, rate, token; direct, lend, hold, id; ids of what is used up.
-- Answers ok, lent, left, retry, reset, life; nothing is written for one who is refused.
local capacity, rate, token = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local direct, lend = tonumber(ARGV[4]), tonumber(ARGV[5])
local at, lack, lent, last = now, 0, 0, 0
local used = 0
local out, rest = {}, ''
local held = redis.call('GET', KEYS[1])
if held then
  local a, l, tail = string.match(held, '^(%d+) (%d+)(.*)$')
  if not a then return redis.error_reply('ERR ' .. KEYS[1] .. ' holds no token bucket') end
  at, lack, rest = tonumber(a), tonumber(l), tail
  if now < at then now = at end
end
if rest ~= '' then
  local ended = {}
  for i = 8, #ARGV do ended[ARGV[i]] = true end
  for id, size, expiry in string.gmatch(rest, ' (%w+):(%d+):(%d+)') do
    size, expiry = tonumber(size), tonumber(expiry)
    if expiry <= now then
      if expiry > at then
        lack = math.max(0, lack - (expiry - at) * rate)
        at = expiry
      end
      lack = lack + size * token
    elseif ended[id] then
      used = used + size
    else
      out[#out + 1] = {id, size, expiry}
      lent = lent + size * token
      last = expiry
    end
  end
end
lack = math.max(0, lack - (now - at) * rate) + used * token

local free = math.floor((capacity - lack - lent) / token)
local ok, given = 0, 0
if free >= math.max(direct, 1) then
  ok = 1
  given = math.min(lend, free - direct)
  lack = lack + direct * token
  local hold = tonumber(ARGV[6])
  if given > 0 and hold == 0 then
    lack = lack + given * token
  elseif given > 0 then
    local i, expiry = #out, now + hold
    for _, o in ipairs(out) do
      if o[1] == ARGV[7] then given, expiry = o[2], nil end
    end
    if expiry then
      while i > 0 and out[i][3] > expiry do i = i - 1 end
      table.insert(out, i + 1, {ARGV[7], given, expiry})
      lent = lent + given * token
      last = out[#out][3]
    end
  end
end
free = capacity - lack - lent
local need = 1
if ok == 0 then need = math.max(direct, 1) end
local retry = math.max(0, math.ceil((need * token - free) / rate))
local full = math.max(now, last) + math.ceil((lack + lent) / rate)
if ok == 1 or used > 0 then
  local text = string.format('%.0f %.0f', now, lack)
  for _, o in ipairs(out) do text = text .. string.format(' %s:%.0f:%.0f', o[1], o[2], o[3]) end
  redis.call('SET', KEYS[1], text, 'PXAT', string.format('%.0f', math.floor(full / 1000) + 1))
end
return {ok, given, math.max(0, math.floor(free / token)), retry, full - now, 0}
