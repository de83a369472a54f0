-- A token bucket in whole numbers: see bucket.go, which is the same in Go.
-- ARGV: capacity, rate, token, direct; and for one who borrows lend, hold, id, and the ids of what is used up.
-- Answers ok, lent, left, retry, reset, life; nothing is written for one who is refused.
local capacity, rate, token, direct = ARGV[1] + 0, ARGV[2] + 0, ARGV[3] + 0, ARGV[4] + 0
local held = redis.call('GET', KEYS[1])
local full, part, rest = now, 0, ''
if held then
  full = tonumber(held)
  if not full then
    full, part, rest = string.match(held, '^(%d+) (%d+)(.*)$')
    if not full then return redis.error_reply('ERR ' .. KEYS[1] .. ' holds no token bucket') end
    full, part = full + 0, part + 0
  end
  local soonest = full - (capacity - capacity % rate) / rate
  if now < soonest then now = soonest end
end

local lack, lent, last, used = 0, 0, 0, 0
local out
if rest ~= '' then
  local ended = {}
  for i = 8, #ARGV do ended[ARGV[i]] = true end
  out = {}
  for id, size, expiry in string.gmatch(rest, ' (%w+):(%d+):(%d+)') do
    size, expiry = size + 0, expiry + 0
    if expiry <= now then
      lack = size * token
      if full >= expiry then lack = lack + (full - expiry) * rate + part end
      part = lack % rate
      full = expiry + (lack - part) / rate
    elseif ended[id] then
      used = used + size
    else
      out[#out + 1] = {id, size, expiry}
      lent = lent + size * token
      last = expiry
    end
  end
end

lack = used * token
if full >= now then lack = lack + (full - now) * rate + part end
local free = capacity - lack - lent
local need = direct * token
if need == 0 then need = token end
local ok, given = 0, 0
if free >= need then
  ok = 1
  lack = lack + direct * token
  free = free - direct * token
  need = token
  if ARGV[5] then
    local hold = ARGV[6] + 0
    given = math.min(ARGV[5] + 0, (free - free % token) / token)
    if given > 0 and hold == 0 then
      lack = lack + given * token
      free = free - given * token
    elseif given > 0 then
      out = out or {}
      local i, expiry = #out, now + hold
      for _, o in ipairs(out) do
        if o[1] == ARGV[7] then given, expiry = o[2], nil end
      end
      if expiry then
        while i > 0 and out[i][3] > expiry do i = i - 1 end
        table.insert(out, i + 1, {ARGV[7], given, expiry})
        lent = lent + given * token
        free = free - given * token
        last = out[#out][3]
      end
    end
  end
end

local short, retry = need - free, 0
if short > 0 then retry = (short + -short % rate) / rate end
part = lack % rate
full = now + (lack - part) / rate
local reset = full + (part > 0 and 1 or 0)
if lent > 0 then reset = math.max(now, last) + (lack + lent + -(lack + lent) % rate) / rate end
if ok == 1 or used > 0 then
  local text = full
  if part > 0 or lent > 0 then
    text = string.format('%.0f %.0f', full, part)
    if lent > 0 then
      for _, o in ipairs(out) do text = text .. string.format(' %s:%.0f:%.0f', o[1], o[2], o[3]) end
    end
  end
  redis.call('SET', KEYS[1], text, 'PXAT', (reset - reset % 1000) / 1000 + 1)
end
if free < 0 then free = 0 end
return {ok, given, (free - free % token) / token, retry, reset - now, 0}
