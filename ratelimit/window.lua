-- A window of cells in whole numbers: see window.go, which is the same in Go.
-- ARGV: max, width, back, direct; and for one who borrows lend, hold, id, and the ids of what is used up.
-- Answers ok, lent, left, retry, reset, life; nothing is written for one who is refused.
local max, width, back, direct = ARGV[1] + 0, ARGV[2] + 0, ARGV[3] + 0, ARGV[4] + 0
local cur = (now - now % width) / width
local held = redis.call('GET', KEYS[1])
local was, total, rest = cur, 0, ''
if held then
  was, total, rest = string.match(held, '^(%d+) (%d+)(.*)$')
  if not was then return redis.error_reply('ERR ' .. KEYS[1] .. ' holds no window') end
  was, total = was + 0, total + 0
  if cur < was then
    cur = was
    now = cur * width
  end
end

-- The usual case: the cell is the same, so that what was admitted before still counts, and nothing is lent.
if cur == was and total + direct < max and not ARGV[5] and (rest == '' or not string.find(rest, ':', 1, true)) then
  total = total + direct
  local over = (cur + back + 1) * width
  redis.call('SET', KEYS[1], string.format('%.0f %.0f%s', cur, total, rest), 'PXAT', (over - over % 1000) / 1000 + 1)
  return {1, 0, max - total, 0, over - now, back == 0 and over - now or 0}
end

local lent, settled, latest = 0, 0, 0
local used = 0
local list, out = {}, {} -- of the rest: the other cells by age, loans by expiry

local function add(age, n)
  if n == 0 or age > back then return end
  total = total + n
  if age == 0 then
    used = used + n
    return
  end
  local i = 1
  while list[i] and list[i][1] < age do i = i + 1 end
  if list[i] and list[i][1] == age then
    list[i][2] = list[i][2] + n
  else
    table.insert(list, i, {age, n})
  end
end

local newest, older = total, {}
for age, n in string.gmatch(rest, ' (%d+)=(%d+)') do
  older[#older + 1] = {age + cur - was, n + 0}
  newest = newest - n
end
total = 0
add(cur - was, newest)
for _, c in ipairs(older) do add(c[1], c[2]) end
local ended = {}
for i = 8, #ARGV do ended[ARGV[i]] = true end
for id, size, expiry in string.gmatch(rest, ' (%w+):(%d+):(%d+)') do
  size, expiry = size + 0, expiry + 0
  if expiry <= now then
    add(cur - (expiry - expiry % width) / width, size)
  elseif ended[id] then
    settled = settled + size
  else
    out[#out + 1] = {id, size, expiry}
    lent = lent + size
    latest = (expiry - expiry % width) / width
  end
end
used = used + settled
total = total + settled

local free = max - total - lent
local need = direct
if need == 0 then need = 1 end
local ok, given, life = 0, 0, 0
if back == 0 then life = (cur + 1) * width - now end
if free >= need then
  ok, need = 1, 1
  used = used + direct
  total = total + direct
  free = free - direct
  if ARGV[5] then
    given = math.min(ARGV[5] + 0, free)
    local hold = ARGV[6] + 0
    if given > 0 and hold == 0 then
      used = used + given
      total = total + given
      free = free - given
    elseif given > 0 then
      local i, expiry = #out, now + hold
      if back == 0 then expiry = math.min(expiry, now + life - 1) end
      for _, o in ipairs(out) do
        if o[1] == ARGV[7] then given, expiry = o[2], nil end
      end
      if expiry then
        while i > 0 and out[i][3] > expiry do i = i - 1 end
        table.insert(out, i + 1, {ARGV[7], given, expiry})
        free = free - given
        lent = lent + given
        latest = (out[#out][3] - out[#out][3] % width) / width
      end
    end
  end
end

local retry, short = 0, need - free
if short > 0 then
  local oldest, i = cur, #list
  while i > 0 do
    short = short - list[i][2]
    if short <= 0 then
      oldest = cur - list[i][1]
      break
    end
    i = i - 1
  end
  retry = (oldest + back + 1) * width - now
end

newest = latest
if used > 0 then
  newest = math.max(newest, cur)
elseif list[1] then
  newest = math.max(newest, cur - list[1][1])
end
local over = now
if newest > 0 then over = (newest + back + 1) * width end
if ok == 1 or settled > 0 then
  local text = string.format('%.0f %.0f', cur, total)
  for _, c in ipairs(list) do text = text .. string.format(' %.0f=%.0f', c[1], c[2]) end
  for _, o in ipairs(out) do text = text .. string.format(' %s:%.0f:%.0f', o[1], o[2], o[3]) end
  redis.call('SET', KEYS[1], text, 'PXAT', (over - over % 1000) / 1000 + 1)
end
if free < 0 then free = 0 end
return {ok, given, free, retry, over - now, life}
